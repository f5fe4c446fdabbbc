//! `wsgen render --annotate`: every directive says where it comes from, and the servers still read it.

use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use wsgen_emit::{
    Annotate, Handed, Layout, Loss, LossPolicy, Options, Rendered, Selection, TARGETS,
};
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::site::Site;
use wsgen_model::source::Sources;

/// Every model that the repository holds and that can be rendered.
fn models() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let list = |folder: &str| fs::read_dir(root.join(folder)).unwrap().map(|e| e.unwrap().path());
    let fixtures = list("tests/fixtures/render").map(|folder| folder.join("site.yaml"));
    let others = ["examples", "examples/article", "src/presets", "tests/fixtures"]
        .into_iter()
        .flat_map(list);
    let yaml = |path: &PathBuf| path.extension().is_some_and(|e| e == "yaml");
    fixtures.chain(others).filter(yaml).collect()
}

fn site(file: &PathBuf) -> Option<Site> {
    let text = fs::read_to_string(file).unwrap();
    wsgen_model::read(&Sources::single("site.yaml", text)).0
}

fn render(site: &Site, target: &str, layout: Layout, annotate: Annotate) -> Option<Rendered> {
    let selection = Selection::parse(target).unwrap();
    let needs = wsgen_emit::needs(site, &selection).into_iter();
    let handed: Handed = needs.map(|need| (need.path, b"ann:$5$abc$def\n".to_vec())).collect();
    let policy = LossPolicy { loss: Loss::Allow, today: None };
    let options = Options { policy, handed, layout, annotate, ..Options::default() };
    wsgen_emit::render(site, &selection, &options, &mut Diagnostics::default()).unwrap()
}

#[test]
fn every_directive_says_where_it_comes_from() {
    let mut seen = 0;
    for site in models().iter().filter_map(site) {
        for target in TARGETS {
            let versions =
                target.generations.iter().map(|version| format!("{}@{version}", target.name));
            for name in versions.chain([target.name.to_owned()]) {
                let all = [Layout::Standalone, Layout::Debian, Layout::Rhel];
                // The trees differ in few lines, whatever the version.
                for layout in all.into_iter().take(if name == target.name { 3 } else { 1 }) {
                    let Some(full) = render(&site, &name, layout, Annotate::Full) else { continue };
                    assert_eq!(full.unannotated, [""; 0], "{name}");
                    // Without its comments it is what it would be without them.
                    let plain = render(&site, &name, layout, Annotate::Nothing).unwrap();
                    assert!(!plain.main.contains('\u{1}'));
                    let bare = |text: &str| -> Vec<String> {
                        let lines = text.lines().map(|line| match line.rsplit_once(" # ") {
                            Some((line, place)) if !place.contains('"') => line.trim().to_owned(),
                            _ => line.trim().to_owned(),
                        });
                        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
                    };
                    assert_eq!(bare(&full.main), bare(&plain.main), "{name}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 500, "{seen} renderings");
}

#[test]
fn the_smallest_model_explains_itself() {
    let file =
        models().into_iter().find(|path| path.ends_with("one-application/site.yaml")).unwrap();
    let site = site(&file).unwrap();
    for target in TARGETS {
        let full = render(&site, target.name, Layout::Standalone, Annotate::Full).unwrap();
        insta::assert_snapshot!(target.name, full.main);
    }
}

#[test]
fn servers_read_what_is_annotated() {
    for target in TARGETS {
        for model in
            ["examples/chat.yaml", "tests/fixtures/render/snippets-in-their-places/site.yaml"]
        {
            let mut command = Command::cargo_bin("wsgen").unwrap();
            let command =
                command.args(["render", "--validate", "--loss", "allow", "--annotate=full"]);
            let output = command.args(["--target", target.name, model]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.contains("takes it"), "{said}");
        }
    }
}
