//! A fixture holds every field of the model, so that none exists without being read, and each field's
//! values are those that its description promises.

use std::collections::BTreeSet;

use wsgen_model::config::{Config, sections};
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::field::Shape;
use wsgen_model::source::{SourceId, Sources};
use wsgen_model::tree::{self, Node, Value};

const FIXTURE: &str = include_str!("../fixtures/every-field.yaml");

fn visit(node: &Node, shape: &Shape, seen: &mut BTreeSet<(String, String)>) {
    match (shape, &node.value) {
        (Shape::Section(section), Value::Mapping(entries)) => {
            let section = section();
            for entry in entries {
                let Some(field) = section.fields.iter().find(|f| f.name == entry.key.value) else {
                    assert!(section.open, "{} has no {}", section.name, entry.key.value);
                    continue;
                };
                seen.insert((section.name.to_owned(), field.name.to_owned()));
                visit(&entry.value, &field.shape, seen);
            }
        }
        (Shape::List(item), Value::Sequence(items)) => {
            for node in items {
                visit(node, item, seen);
            }
        }
        (Shape::Map(_, value), Value::Mapping(entries)) => {
            for entry in entries {
                visit(&entry.value, value, seen);
            }
        }
        (Shape::Either(shapes), _) => {
            for shape in shapes {
                let fits = matches!(
                    (shape, &node.value),
                    (Shape::Section(_) | Shape::Map(..), Value::Mapping(_))
                        | (Shape::List(_), Value::Sequence(_))
                );
                if fits {
                    visit(node, shape, seen);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn the_fixture_holds_every_field_and_is_understood() {
    let tree = tree::read(SourceId(0), FIXTURE, &mut Diagnostics::default());
    let mut seen = BTreeSet::new();
    visit(&tree.root, &Shape::Section(Config::section), &mut seen);
    for section in sections() {
        for field in &section.fields {
            let pair = (section.name.to_owned(), field.name.to_owned());
            assert!(seen.contains(&pair), "the fixture lacks {} of {}", field.name, section.name);
        }
    }
    let (site, findings) = wsgen_model::read(&Sources::single("every-field.yaml", FIXTURE));
    let codes: Vec<_> = findings.iter().map(|f| format!("{}: {}", f.code, f.message)).collect();
    assert!(site.is_some(), "{codes:#?}");
}

#[test]
fn every_clause_of_a_field_is_in_the_catalogue() {
    let known: BTreeSet<_> =
        wsgen_model::clause::CLAUSES.iter().map(|entry| entry.clause.as_str()).collect();
    for section in sections() {
        for field in section.fields {
            assert!(known.contains(field.clause.as_str()));
            assert!(field.doc.ends_with('.'), "{} of {}", field.name, section.name);
        }
    }
}
