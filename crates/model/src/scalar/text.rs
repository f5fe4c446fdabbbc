//! Text that a model carries through: sentences, bodies, file names.

use std::fmt;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;

/// One line of text without control characters, from 1 to 1024 bytes (`value/text`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Line(String);

/// Text of several lines, at most 64 KiB: line feeds and tabs are the only control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text(String);

/// The name of a file, relative to the model file that holds it, from 1 to 1024 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FilePath(String);

macro_rules! text {
    ($($name:ident),*) => {$(
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text!(Line, Text, FilePath);

fn checked(text: &str, max: usize, allowed: &[char], expected: &str) -> Result<String, Problem> {
    let bad = |message: String, help: &str| Problem::new(message, expected, help);
    if text.is_empty() {
        return Err(bad("the text is empty".into(), "write the text, or remove the field"));
    }
    if text.len() > max {
        return Err(bad(
            format!("the text has {} bytes, more than {max}", text.len()),
            "shorten it, or keep it in a file",
        ));
    }
    match text.char_indices().find(|(_, c)| c.is_control() && !allowed.contains(c)) {
        Some((at, c)) => Err(bad(
            format!("the text contains the control character `{}`", c.escape_default()),
            "remove it: no configuration can hold it safely",
        )
        .at(at..at + c.len_utf8())),
        None => Ok(text.to_owned()),
    }
}

impl Scalar for Line {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Line",
        doc: "one line of text, from 1 to 1024 bytes",
        examples: &["large exports, ticket OPS-12"],
    };
    const CODE: Code = Code::BAD_TEXT;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        checked(text, 1024, &[], "one line without control characters").map(Self)
    }
}

impl Scalar for Text {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Text",
        doc: "text of one or more lines, from 1 to 65536 bytes",
        examples: &["no\n"],
    };
    const CODE: Code = Code::BAD_TEXT;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        checked(text, 65_536, &['\n', '\t'], "text without control characters").map(Self)
    }
}

impl Scalar for FilePath {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "FilePath",
        doc: "the name of a file, relative to the file of the model, from 1 to 1024 bytes",
        examples: &["certs/chat.pem", "/etc/ssl/chat.pem"],
    };
    const CODE: Code = Code::BAD_TEXT;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        checked(text, 1024, &[], "the name of a file").map(Self)
    }
}

decode_scalar!(Line, Text, FilePath);
