//! Whole numbers within bounds.

use std::fmt;

use crate::code::Code;
use crate::decode::{Decode, Decoder, Problem, Scalar, decode_scalar};
use crate::diagnostic::Diagnostic;
use crate::field::{ScalarSpec, Shape};
use crate::tree::Node;

/// A whole number from `MIN` to `MAX`, written in decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Whole<const MIN: u64, const MAX: u64>(u64);

/// An HTTP status code from 100 to 599 (RFC 9110 section 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

impl<const MIN: u64, const MAX: u64> Whole<MIN, MAX> {
    /// A number; moved into the bounds.
    pub const fn new(number: u64) -> Self {
        Self(if number < MIN {
            MIN
        } else if number > MAX {
            MAX
        } else {
            number
        })
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<const MIN: u64, const MAX: u64> fmt::Display for Whole<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MIN: u64, const MAX: u64> Decode for Whole<MIN, MAX> {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        let text = node.scalar().filter(|s| s.plain).map_or("", |s| s.text.as_str());
        let digits = text.strip_prefix('-').unwrap_or(text);
        // Leading zeros are octal to some readers of YAML and decimal to others.
        let decimal = !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        if !decimal {
            out.wrong_type(
                node,
                "a whole number",
                "write it in decimal, without quotes or leading zeros",
            );
            return None;
        }
        match text.parse::<u64>() {
            Ok(number) if (MIN..=MAX).contains(&number) => Some(Self(number)),
            _ => {
                out.push(
                    Diagnostic::new(Code::OUT_OF_RANGE, format!("{text} is out of range"))
                        .labelled(node.span, format!("expected a number from {MIN} to {MAX}"))
                        .help("write a number within these bounds"),
                );
                None
            }
        }
    }

    fn shape() -> Shape {
        Shape::Integer { min: MIN, max: MAX }
    }
}

impl StatusCode {
    /// A status; moved into the bounds.
    pub const fn new(status: u16) -> Self {
        Self(if status < 100 {
            100
        } else if status > 599 {
            599
        } else {
            status
        })
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Scalar for StatusCode {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "StatusCode",
        doc: "an HTTP status code from 100 to 599",
        examples: &["502"],
    };
    const CODE: Code = Code::OUT_OF_RANGE;

    fn parse(text: &str) -> Result<Self, Problem> {
        match text.parse::<u16>() {
            Ok(status) if (100..600).contains(&status) && text.len() == 3 => Ok(Self(status)),
            _ => Err(Problem::new(
                format!("`{}` is not a status code", text.escape_debug()),
                "a number from 100 to 599",
                "write three digits, such as `502`",
            )),
        }
    }
}

decode_scalar!(StatusCode);
