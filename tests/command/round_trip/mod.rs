//! What a server's configuration says is what the model said that it was rendered from: rendering for a target and
//! reading it back gives a site that does the same with every request, in the same order, whatever its parts are called.

mod comparing;
mod drawn;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use wsgen_emit::{Loss, LossPolicy, NoFiles, Options, Selection, TARGETS};
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::site::Site;
use wsgen_model::source::{Source, Sources};

use self::comparing::differences;
use self::drawn::drawn;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What does not come back, with the reason. A `*` stands for any target or fixture; each line must be needed.
const APART: &[(&str, &str, &str, &str)] = &[
    ("*", "connections-kept-alive", "upstream.tcp_keepalive", "the time is the system's"),
    ("nginx", "bodies-compressed", "compression.types", "nginx compresses text/html too"),
    ("nginx", "pages-for-errors", "error_pages", "the page lies among the rendered files"),
    ("nginx", "servers-are-asked", "upstream.health_check", "nginx asks no server: lost"),
    ("apache", "servers-are-asked", "upstream.health_check.timeout", "Apache has no such timer"),
    ("haproxy", "names-and-passwords", "auth.basic.users_file", "users stand in the configuration"),
    ("*", "snippets-in-their-places", "snippets", "what they say is read as what it is"),
    ("*", "snippets-in-their-places", "request_headers", "what they say is read as what it is"),
];

fn site(text: &str) -> Site {
    let (site, findings) = wsgen_model::read(&Sources::single("site.yaml", text));
    site.unwrap_or_else(|| panic!("{findings:?}\n{text}"))
}

/// A configuration, and what came of reading it.
struct Back {
    configuration: String,
    model: String,
    site: Site,
    /// Fields that the target says it loses or keeps in part.
    declared: Vec<String>,
}

/// Rendered and read back; nothing where the target refuses it.
fn there_and_back(site: &Site, target: &str) -> Option<Back> {
    let selection = Selection::parse(target).unwrap();
    let handed = wsgen_emit::needs(site, &selection).into_iter();
    let handed = handed.map(|need| (need.path, b"me:$6$a$b\n".to_vec())).collect();
    let policy = LossPolicy { loss: Loss::Allow, ..LossPolicy::default() };
    let options = Options { handed, policy, ..Options::default() };
    let mut findings = Diagnostics::default();
    let rendered = wsgen_emit::render(site, &selection, &options, &mut findings).ok()??;
    // `load_balancing.policy: ip_hash`, `timeouts.response_header of a handshake`
    let field = |message: &str| {
        let name = message.split('`').nth(1)?;
        Some(name.split([':', ' ']).next().unwrap_or(name).to_owned())
    };
    let declared = findings.iter().filter_map(|finding| field(&finding.message)).collect();
    let mut sources = Sources::default();
    let id = sources.add(Source::new("rendered.conf", &*rendered.main));
    let imported = (selection.target.import)(&mut sources, &[id], &mut NoFiles);
    let model = imported.model.concat();
    let site = self::site(&model);
    Some(Back { configuration: rendered.main, model, site, declared })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn drawn_sites_come_back(seed in proptest::collection::vec(any::<u16>(), 120)) {
        let text = drawn(&seed);
        let (before, findings) = wsgen_model::read(&Sources::single("site.yaml", &*text));
        // Some combinations are none.
        prop_assume!(before.is_some(), "{:?}", findings);
        let before = before.unwrap();
        for target in TARGETS {
            let Some(back) = there_and_back(&before, target.name) else { continue };
            let mut differences = differences(&before, &back.site);
            differences.retain(|field, _| !back.declared.iter().any(|lost| field.contains(lost.as_str())));
            prop_assert!(
                differences.is_empty(),
                "{}: {:#?} but {:?}\n{}\n{}\n{}",
                target.name, differences, back.declared, text, back.model, back.configuration
            );
        }
    }
}

/// More of them by `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(48)
}

#[test]
fn every_fixture_comes_back() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let folder = Path::new(ROOT).join("tests/fixtures/render");
    let mut folders: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    let mut needed = vec![false; APART.len()];
    let (mut failed, mut count) = (String::new(), 0);
    for target in TARGETS {
        for folder in &folders {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            if !format!("{}/{name}", target.name).contains(&only) {
                continue;
            }
            let before = site(&fs::read_to_string(folder.join("site.yaml")).unwrap());
            let Some(back) = there_and_back(&before, target.name) else { continue };
            count += 1;
            let mut differences = differences(&before, &back.site);
            for (number, (of, fixture, field, _)) in APART.iter().enumerate() {
                let fits = |wanted: &str, own: &str| wanted == "*" || wanted == own;
                let known = differences.len();
                if fits(of, target.name) && fits(fixture, &name) {
                    differences.retain(|own, _| !own.starts_with(field));
                }
                needed[number] |= differences.len() < known;
            }
            if let Some((_, shown)) = differences.first_key_value() {
                let fields: Vec<_> = differences.keys().map(String::as_str).collect();
                let line = format!("{} {name}: {}: {shown}\n", target.name, fields.join(" "));
                failed.push_str(&line);
            }
            if !differences.is_empty() && !only.is_empty() && std::env::var_os("SHOW").is_some() {
                failed.push_str(&format!("{}\n{}\n", back.configuration, back.model));
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
    assert!(count > 120 || !only.is_empty(), "{count} came back");
    let stale: Vec<_> = APART.iter().zip(needed).filter(|(_, needed)| !needed).collect();
    assert!(stale.is_empty() || !only.is_empty(), "nobody needs {stale:?}");
}
