//! Pages that are printed from the code are what the code prints. `UPDATE=1 cargo test --test repository docs` rewrites
//! them.

use std::path::Path;

fn pinned(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{} is old: UPDATE=1 cargo test --test repository docs", path.display());
}

#[test]
fn semantics() {
    pinned("docs/semantics.md", &wsgen_model::clause::semantics_page());
}

#[test]
fn model() {
    pinned("docs/model.md", &wsgen_model::schema::reference_page(&wsgen_emit::target_sections()));
}

#[test]
fn schema() {
    let schema = wsgen_model::schema::json_schema(&wsgen_emit::target_sections());
    pinned("docs/wsgen.schema.json", &format!("{schema:#}\n"));
}

#[test]
fn targets() {
    for target in wsgen_emit::TARGETS {
        pinned(&format!("docs/targets/{}.md", target.name), &wsgen_emit::target_page(target));
    }
}

#[test]
fn diagnostics() {
    let mut page = String::from(
        "# Diagnostics\n\nEvery code, printed from `crates/model/src/code.rs`. `wsgen explain CODE` prints its page.\n\n\
         | code | weight | about |\n|---|---|---|\n",
    );
    for entry in wsgen_model::code::CODES {
        page.push_str(&format!(
            "| [{0}](../crates/model/src/codes/{0}.md) | {1} | {2} |\n",
            entry.code,
            entry.severity.as_str(),
            entry.title
        ));
    }
    pinned("docs/diagnostics.md", &page);
}

#[test]
fn conformance() {
    use wsgen_conformance::catalogue;
    pinned("docs/conformance/README.md", &catalogue::index());
    for family in catalogue::CASES.iter().chain([&catalogue::REMOTE]) {
        let name = family[0].family;
        pinned(&format!("docs/conformance/{name}.md"), &catalogue::page(family));
    }
}

/// `bash packaging/matrix.sh` writes it; a newer patch of a generation is no reason to.
#[test]
fn the_matrix_has_every_generation() {
    let page = include_str!("../../docs/matrix.md");
    assert!(page.contains("Everything is as expected."));
    let header = page.lines().find(|line| line.starts_with("| family |")).unwrap();
    for target in wsgen_emit::TARGETS {
        for version in target.generations {
            let text = version.to_string();
            let generation: Vec<&str> = text.split('.').take(2).collect();
            let column = format!("| {} {}.", target.name, generation.join("."));
            assert!(header.contains(&column), "{column}");
        }
    }
}
