//! Texts with bytes and comments where no editor puts them: never a panic, and a second pass changes nothing.

use proptest::prelude::*;

use super::format;
use crate::source::SourceId;

/// Parts of texts. Drawn in any order, they give documents and what is nearly one.
const PARTS: [&str; 61] = [
    "\r",
    "\r",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\r\r\n",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\t",
    " ",
    " ",
    "  ",
    "    ",
    "\u{feff}",
    "\u{0}",
    "\u{7f}",
    "\u{9b}",
    "\u{a0}",
    "\u{3000}",
    "界",
    "👩‍👩‍👧",
    "e\u{301}",
    "\u{202e}",
    "# c",
    "# --- d",
    "#",
    " # e",
    "#\t",
    "# 界\r",
    "a: ",
    "b:",
    "k: |\n  x\n",
    "k: >-\r  y\r",
    "|2+",
    "|",
    ">",
    "- ",
    "-",
    "-\n",
    "- - ",
    "[",
    "]",
    "{",
    "}",
    ",",
    ", ",
    "'",
    "\"",
    "'x'",
    "\"y\"",
    "&k ",
    "*k",
    "~",
    "? ",
    ": ",
    "---",
    "---\n",
    "...\n",
    "x y",
];

fn text() -> impl Strategy<Value = String> {
    let parts = proptest::collection::vec(proptest::sample::select(&PARTS[..]), 0..24);
    parts.prop_map(|parts| parts.concat())
}

/// A model of a few fields, whose blanks, line ends and comments are odd.
fn nearly_a_model() -> impl Strategy<Value = String> {
    let end = proptest::sample::select(vec![
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "\r\r",
        " # c\n",
        " # c\r",
        "\t# c\r# d\r\n",
        "\u{85}\n",
        "\u{2028}\n",
        "  \r  \n",
        "\n# left\r",
        "\n  # right\r\n",
        " # 界界\n",
        "\u{a0}\n",
    ]);
    let value = proptest::sample::select(vec![
        "1",
        "'x y'",
        "\"a\\\n b\"",
        "\"a\r b\"",
        "'a\r\r  b'",
        "[x,\ry]",
        "[x, # c\r y]",
        "{a: 1,\r  b: 2}",
        "|\r  x\r",
        "|\n  x\n   y\r\n",
        ">+\r\n  x\r\n\r\n",
        "界",
        "a\u{85}b",
        "a\u{2028}b",
        "\"a\u{2028}b\"",
        "\ta",
        "&k x",
        "",
        "|2\n    x",
        "\u{feff}",
    ]);
    let key = proptest::sample::select(vec!["a", "界", "b-c", "'q'"]);
    let entry =
        (0usize..3, key, value, end).prop_map(|(depth, key, value, end)| (depth, key, value, end));
    proptest::collection::vec(entry, 1..7).prop_map(|entries| {
        let mut text = String::new();
        for (number, (depth, key, value, end)) in entries.into_iter().enumerate() {
            match depth {
                0 => text.push_str(&format!("{key}{number}: {value}{end}")),
                1 => text.push_str(&format!("{key}{number}:{end}  x: {value}{end}  y: 1{end}")),
                _ => text.push_str(&format!("{key}{number}:{end}- {value}{end}-   z{end}")),
            }
        }
        text
    })
}

#[test]
fn known_faults_stay_mended() {
    for (text, even) in [
        ("# a\r# b\ra: 1\r", "# a\n# b\na: 1\n"),
        ("a: # c\r# d\r\n  x: 1 # e\r# f\r\n", "a:  # c\n  # d\n  x: 1  # e\n# f\n"),
        ("a: |\r  x\r\r\nb: 1\r", "a: |\n  x\n\nb: 1\n"),
        ("- - # c- ", "- -  # c-\n"),
        ("# --- d\n--- # e\na: 1\n", "# --- d\n---  # e\na: 1\n"),
        ("\u{feff}a:   1\n", "a: 1\n"),
        ("a: [{b: c,*d:1\"}]\n", "a: [{b: c, *d:1\" :}]\n"),
    ] {
        assert_eq!(format(SourceId(0), text).unwrap_or_else(|d| d.message), even, "{text:?}");
    }
}

#[test]
fn a_long_line_pads_no_other() {
    let long = "x".repeat(1 << 20);
    let text: String = (0..1_000).map(|n| format!("k{n}: 1 # c\n")).collect();
    let text = format!("{text}long: {long} # c\n");
    let formatted = format(SourceId(0), &text).unwrap_or_else(|d| panic!("{}", d.message));
    assert!(formatted.len() < text.len() + 4_096, "{} of {}", formatted.len(), text.len());
}

/// Formats a text twice. `format` itself compares the values and the comments before and after.
fn holds(text: &str) -> Result<(), TestCaseError> {
    let Ok(once) = format(SourceId(0), text) else { return Ok(()) };
    let again = format(SourceId(0), &once).map_err(|refused| refused.message);
    prop_assert_eq!(&again, &Ok(once), "of {:?}", text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn odd_parts(text in text()) {
        holds(&text)?;
    }

    #[test]
    fn odd_models(text in nearly_a_model()) {
        holds(&text)?;
    }

    #[test]
    fn any_characters(text in "\\PC{0,80}|[\\x00-\\x7f]{0,80}") {
        holds(&text)?;
    }
}
