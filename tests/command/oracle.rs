//! What wsgen writes, and what it ships, reads the same in another reader of YAML.

use std::path::Path;

use assert_cmd::Command;
use serde_yaml::Value as Other;
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::source::SourceId;
use wsgen_model::tree::{self, Node, Value};

fn same(ours: &Node, other: &Other) -> bool {
    match (&ours.value, other) {
        (Value::Scalar(scalar), Other::String(text)) => scalar.text == *text,
        (Value::Scalar(scalar), other) => {
            // A plain number, boolean or nothing: the other reader must read the same text so.
            scalar.plain && serde_yaml::from_str::<Other>(&scalar.text).unwrap() == *other
        }
        (Value::Sequence(items), Other::Sequence(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(a, b)| same(a, b))
        }
        (Value::Mapping(entries), Other::Mapping(others)) => {
            entries.len() == others.len()
                && entries.iter().all(|entry| {
                    others.get(entry.key.value.as_str()).is_some_and(|b| same(&entry.value, b))
                })
        }
        _ => false,
    }
}

#[test]
fn models_read_the_same_elsewhere() {
    let mut count = 0;
    for folder in ["examples", "examples/article", "src/presets", "tests/fixtures"] {
        for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = file.unwrap().path();
            // This one is wrong on purpose, a key twice included, which the other reader refuses.
            if path.ends_with("everything-wrong.yaml")
                || path.extension().is_none_or(|e| e != "yaml")
            {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let mut command = Command::cargo_bin("wsgen").unwrap();
            let formatted = command.args(["fmt", "-"]).write_stdin(text.clone()).output().unwrap();
            let formatted = String::from_utf8(formatted.stdout).unwrap();
            for text in [text, formatted] {
                let ours = tree::read(SourceId(0), &text, &mut Diagnostics::default());
                let other: Other = serde_yaml::from_str(&text).unwrap();
                assert!(ours.complete && same(&ours.root, &other), "{}", path.display());
            }
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} models were compared");
}
