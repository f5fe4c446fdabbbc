//! Names and values of header fields, and methods.

use std::fmt;

use crate::code::Code;
use crate::decode::{Problem, Scalar, decode_scalar};
use crate::field::ScalarSpec;

/// A field name (RFC 9110 section 5.1), at most 128 bytes. Names compare without case.
#[derive(Debug, Clone)]
pub struct HeaderName(String);

/// A field value of visible ASCII, spaces and tabs (RFC 9110 section 5.5), at most 4096 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeaderValue(String);

/// A request method (RFC 9110 section 9.1), at most 32 bytes. Methods compare with case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Method(String);

/// A token (RFC 9110 section 5.6.2), at most 128 bytes: a cookie's name, a subprotocol, a media type's parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(String);

/// The bytes of a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

impl HeaderName {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares without case.
    pub fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl Eq for HeaderName {}

impl HeaderValue {
    /// The value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Method {
    /// The method.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Token {
    /// The token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! display {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
display!(HeaderName, HeaderValue, Method, Token);

impl Scalar for HeaderName {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "HeaderName",
        doc: "a header field's name, at most 128 bytes",
        examples: &["X-Edge", "Strict-Transport-Security"],
    };
    const CODE: Code = Code::BAD_HEADER;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() <= 128 && is_token(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Problem::new(
            format!("`{}` is not a header name", text.escape_debug()),
            "a field name such as `X-Edge`",
            "names are letters, digits and `-`; the colon is not part of them",
        ))
    }
}

impl Scalar for HeaderValue {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "HeaderValue",
        doc: "a header field's value: visible ASCII, spaces and tabs, at most 4096 bytes",
        examples: &["max-age=31536000", "1"],
    };
    const CODE: Code = Code::BAD_HEADER;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        let expected = "visible ASCII characters, spaces and tabs";
        if let Some((at, c)) =
            text.char_indices().find(|(_, c)| !(c.is_ascii_graphic() || matches!(c, ' ' | '\t')))
        {
            let help = if c.is_ascii() {
                "a value is one line without control characters"
            } else {
                "servers disagree about bytes outside ASCII; encode them (RFC 8187)"
            };
            return Err(Problem::new(
                format!("a header value cannot contain `{}`", c.escape_default()),
                expected,
                help,
            )
            .at(at..at + c.len_utf8()));
        }
        if text.len() > 4096 || text != text.trim() {
            return Err(Problem::new(
                "a header value of this form does not arrive as written",
                expected,
                "no space at either end, and at most 4096 bytes",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Scalar for Method {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Method",
        doc: "a request method in capitals, at most 32 bytes",
        examples: &["GET", "POST"],
    };
    const CODE: Code = Code::BAD_HEADER;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() <= 32
            && text.bytes().next().is_some_and(|b| b.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
        {
            return Ok(Self(text.to_owned()));
        }
        Err(Problem::new(
            format!("`{}` is not a method", text.escape_debug()),
            "a method such as `GET`",
            "methods are written in capitals",
        ))
    }
}

impl Scalar for Token {
    const SPEC: ScalarSpec = ScalarSpec {
        name: "Token",
        doc: "a token: letters, digits and !#$%&'*+-.^_`|~, at most 128 bytes",
        examples: &["WSROUTE", "graphql-ws"],
    };
    const CODE: Code = Code::BAD_HEADER;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() <= 128 && is_token(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Problem::new(
            format!("`{}` is not a token", text.escape_debug()),
            "letters, digits and !#$%&'*+-.^_`|~",
            "leave out spaces, commas, semicolons and quotes",
        ))
    }
}

decode_scalar!(HeaderName, HeaderValue, Method, Token);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_that_could_add_a_line_are_refused() {
        for text in ["a\nb", "a\r\nX: y", "\0", " a", "a ", "ä", "\u{7f}"] {
            assert!(HeaderValue::parse(text).is_err(), "{text:?}");
        }
        assert!(HeaderValue::parse("a \"b\" ; c\td").is_ok());
    }

    #[test]
    fn names_are_tokens() {
        assert!(HeaderName::parse("X-Edge").is_ok());
        for text in ["", "X Edge", "X-Edge:", "ä", "a\n"] {
            assert!(HeaderName::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in ".*") {
            if let Ok(value) = HeaderValue::parse(&text) {
                prop_assert_eq!(HeaderValue::parse(&value.to_string()), Ok(value));
            }
        }
    }
}
