//! Laying a model out evenly: two spaces a level, collections over several lines as blocks, one blank line
//! at most. Comments and meaning stay.

mod align;
#[cfg(test)]
mod odd_bytes;
mod outline;
mod print;

use std::borrow::Cow;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{SourceId, Span};
use crate::tree::{self, Node, Value};

/// Lays a text out. The result reads as the same values with the same comments; a text for which that cannot
/// be had is refused.
pub fn format(source: SourceId, text: &str) -> Result<String, Box<Diagnostic>> {
    let plain = text.strip_prefix('\u{feff}').unwrap_or(text);
    // What is wrong is told at its place in the text as it was written.
    let mut outline = outline::outline(source, plain)?;
    let lines = with_line_feeds(plain);
    if lines != plain {
        outline = outline::outline(source, &lines)?;
    }
    let printed = print::print(&lines, &outline);
    if same(plain, &printed) {
        return Ok(printed);
    }
    Err(Box::new(
        Diagnostic::new(Code::UNSUPPORTED_YAML, "this text cannot be laid out without changing it")
            .labelled(Span::new(source, 0..0), "expected plain YAML")
            .help("lay it out by hand, and report it with the text"),
    ))
}

/// The text with a line feed for every line end of YAML 1.2.2 (section 5.4): a carriage return, alone or with a line feed.
fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether two texts mean the same and say the same in their comments.
fn same(before: &str, after: &str) -> bool {
    let read = |text: &str| tree::read(SourceId(0), text, &mut Diagnostics::default()).root;
    let comments = |text: &str| {
        outline::outline(SourceId(0), text).ok().map(|outline| {
            let texts = outline.comments.into_iter().map(|range| text[range].trim_end().to_owned());
            texts.collect::<Vec<_>>()
        })
    };
    equal(&read(before), &read(after)) && comments(before) == comments(after)
}

fn equal(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Scalar(a), Value::Scalar(b)) => a == b,
        (Value::Sequence(a), Value::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Mapping(a), Value::Mapping(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| a.key == b.key && equal(&a.value, &b.value))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn formatted(text: &str) -> String {
        format(SourceId(0), text).unwrap_or_else(|d| panic!("{}\n{text}", d.message))
    }

    #[test]
    fn layouts_become_even() {
        for (text, even) in [
            ("a:   1\nb:    [x,y ,  {c: d}]\n", "a: 1\nb: [x, y, {c: d}]\n"),
            ("a:\n- x\n-   y\n", "a:\n  - x\n  - y\n"),
            ("a:\n     b:  1\n     c: 2", "a:\n  b: 1\n  c: 2\n"),
            ("a: {b: 1,\n  c: [2]}\n", "a:\n  b: 1\n  c: [2]\n"),
            ("# top\n\n\n\na: 1 # right\n\n# last\n", "# top\n\na: 1  # right\n\n# last\n"),
            (
                "a:\n  - b: 1\n    c: 2\n  # end of a\nd: 3\n",
                "a:\n  - b: 1\n    c: 2\n  # end of a\nd: 3\n",
            ),
            ("a:\n  -  # why\n    b: 1\n", "a:\n  -  # why\n    b: 1\n"),
            ("a: |  \n      x\n        y\n\n\nb: 1\n", "a: |\n  x\n    y\n\nb: 1\n"),
            ("a: 'x\n     y'\n", "a: 'x\n  y'\n"),
            ("a: &k {b: 1}\nc: *k\n", "a: &k {b: 1}\nc: *k\n"),
            ("a:\nb: ~\n", "a:\nb: ~\n"),
            ("---\na: 1\n", "---\na: 1\n"),
            ("a: []\nb: {}\n", "a: []\nb: {}\n"),
            ("- - a\n  - b\n- c\n", "- - a\n  - b\n- c\n"),
            ("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"),
            ("a: [x, # one\n  y]\n", "a:\n  - x  # one\n  - y\n"),
        ] {
            assert_eq!(formatted(text), even, "{text}");
            assert_eq!(formatted(even), even, "again: {text}");
        }
    }

    /// A YAML value and the many ways to write it.
    fn yaml() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("x".to_owned()),
            Just("'a # b'".to_owned()),
            Just("\"a: b\"".to_owned()),
            Just("1h30m".to_owned()),
            Just("~".to_owned()),
        ];
        let flow = scalar.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                (proptest::collection::vec(inner.clone(), 0..3), "( |\n   ){1,2}")
                    .prop_map(|(items, gap)| format!("[{}]", items.join(&format!(",{gap}")))),
                proptest::collection::vec(inner, 0..3).prop_map(|items| {
                    let pairs = items.iter().enumerate().map(|(n, v)| format!("k{n}:  {v}"));
                    format!("{{{}}}", pairs.collect::<Vec<_>>().join(" , "))
                }),
            ]
        });
        let comment =
            prop_oneof![Just(""), Just("  # note"), Just("\n\n  # own line"), Just("\n# left\n")];
        proptest::collection::vec((flow, comment, 0usize..4), 1..6).prop_map(|entries| {
            let mut text = String::new();
            for (number, (value, comment, shape)) in entries.iter().enumerate() {
                text.push_str(&match shape {
                    0 => format!("key{number}:  {value}{comment}\n"),
                    1 => format!("key{number}:\n    - {value}{comment}\n    - z\n"),
                    2 => format!(
                        "key{number}:\n      a: {value}{comment}\n      b: |\n        text\n"
                    ),
                    _ => format!("key{number}:\n  -  a:   {value}{comment}\n     b: 1\n\n\n"),
                });
            }
            text
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn formatting_keeps_meaning_and_comments_and_is_idempotent(text in yaml()) {
            let mut findings = Diagnostics::default();
            let tree = tree::read(SourceId(0), &text, &mut findings);
            prop_assume!(tree.complete && findings.is_empty());
            // `format` itself refuses where meaning or comments would change.
            let once = format(SourceId(0), &text);
            prop_assert!(once.is_ok(), "refused:\n{}", text);
            let once = once.unwrap();
            let oracle = |text: &str| serde_yaml::from_str::<serde_yaml::Value>(text).ok();
            prop_assert_eq!(oracle(&text), oracle(&once), "{}", once);
            prop_assert_eq!(format(SourceId(0), &once).unwrap(), once);
        }

        #[test]
        fn no_text_panics(text in "[a:\\-\\[\\]{}, #\n&*|>'\"]{0,60}") {
            let _ = format(SourceId(0), &text);
        }
    }
}
