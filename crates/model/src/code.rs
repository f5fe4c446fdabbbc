//! The catalogue of diagnostic codes. Each has a page in `codes/`, printed by `wsgen explain`;
//! the page's examples are fixtures that the tests run.
//!
//! Ranges: 01xx reading the YAML, 02xx the model, 03xx loss, 04xx import, 05xx running. A code never
//! changes its meaning and is never given twice.

use std::fmt;

use crate::diagnostic::Severity;

/// A diagnostic code such as `WSG0204`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(&'static str);

/// What the catalogue knows of a code.
#[derive(Debug, Clone, Copy)]
pub struct CodeEntry {
    /// The code.
    pub code: Code,
    /// One line: what it is about.
    pub title: &'static str,
    /// How much it weighs by itself.
    pub severity: Severity,
    /// Its page, in Markdown: what, why it hurts, example, fix, sources.
    pub page: &'static str,
}

macro_rules! codes {
    ($($id:ident $name:ident $severity:ident $title:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Self = Self(stringify!($id));)*
        }

        /// Every code, in order.
        pub const CODES: &[CodeEntry] = &[$(CodeEntry {
            code: Code::$name,
            title: $title,
            severity: Severity::$severity,
            page: include_str!(concat!("codes/", stringify!($id), ".md")),
        }),*];
    };
}

codes! {
    WSG0101 SYNTAX Error "the text is not YAML";
    WSG0102 TAB_INDENTATION Error "a tab where YAML wants spaces";
    WSG0103 DUPLICATE_KEY Error "the same key twice in one mapping";
    WSG0104 ALIAS_LIMIT Error "too many aliases";
    WSG0105 NESTING_LIMIT Error "nested too deep";
    WSG0106 FILE_SIZE Error "the file is too large";
    WSG0107 NOT_UTF8 Error "the file is not UTF-8";
    WSG0108 EMPTY_FILE Error "the file holds nothing";
    WSG0109 UNSUPPORTED_YAML Error "a part of YAML that the model does not use";
    WSG0110 WRONG_TYPE Error "a value of the wrong type";
    WSG0111 UNKNOWN_KEY Error "a key that the model does not know";
    WSG0112 MISSING_FIELD Error "a field that must be there is missing";
    WSG0113 UNKNOWN_ALIAS Error "an alias without its anchor";
    WSG0114 NODE_LIMIT Error "more values than the reader takes";
    WSG0120 BAD_DURATION Error "not a duration";
    WSG0121 BAD_BYTES Error "not a size in bytes";
    WSG0122 BAD_ADDRESS Error "not an address";
    WSG0123 BAD_HOSTNAME Error "not a hostname";
    WSG0124 BAD_HEADER Error "not a header name or value";
    WSG0125 BAD_PATH Error "not a path in normal form";
    WSG0126 BAD_REGEX Error "a regular expression outside the common subset";
    WSG0127 BAD_ORIGIN Error "not an origin";
    WSG0128 BAD_CIDR Error "not an address range";
    WSG0129 BAD_CHOICE Error "not one of the allowed words";
    WSG0130 OUT_OF_RANGE Error "a number outside its bounds";
    WSG0131 BAD_NAME Error "not a name";
    WSG0132 BAD_TEXT Error "text that cannot be written into a configuration";
    WSG0133 BAD_URL Error "not an http or https URL";
    WSG0134 BAD_DATE Error "not a date";
    WSG0201 UNKNOWN_REFERENCE Error "a name that nothing bears";
    WSG0202 DUPLICATE_NAME Error "two things of one name";
    WSG0203 WRONG_SCOPE Error "a field in another scope's place";
    WSG0204 DUPLICATE_ROUTE Error "two routes that match the same requests";
    WSG0205 UNREACHABLE_ROUTE Warning "a route that no request reaches";
    WSG0206 SHADOWED_BY_HOST Warning "a hostname hides a route without hostnames";
    WSG0207 HANDSHAKE_REDIRECT Warning "a handshake meets a redirect";
    WSG0208 REQUIRE_WITH_UPGRADE Warning "`mode: require` beside `match.upgrade` never answers 426";
    WSG0209 HEARTBEAT Warning "the heartbeat is too slow for a timer";
    WSG0210 TLS_WITHOUT_CERTIFICATE Error "a TLS listener without a certificate";
    WSG0211 STICKY_SINGLE_SERVER Warning "stickiness with a single server";
    WSG0212 SOCKETIO_WITHOUT_STICKY Warning "Socket.IO over several servers without stickiness";
    WSG0213 APPEND_WITHOUT_TRUST Warning "`forwarded: append` trusts nobody";
    WSG0214 IDLE_WITHOUT_KEEPALIVE Warning "a long or unlimited idle time without TCP keepalive";
    WSG0215 RUNTIME_WITHOUT_RESOLVER Error "`resolve: runtime` without a resolver";
    WSG0216 EXACTLY_ONE Error "one of several fields, and only one";
    WSG0217 VERSION Error "the model's version";
    WSG0218 SPLIT_SINGLETON Error "a block that may stand in one file only";
    WSG0219 HOP_BY_HOP Error "a header that the proxy itself manages";
    WSG0220 CREDENTIALS_FROM_ANY_ORIGIN Warning "any web page may open this socket";
    WSG0221 HOP_CUTS_IDLE Warning "another hop ends idle tunnels first";
    WSG0222 HOP_CUTS_BUSY Warning "another hop ends busy tunnels";
    WSG0223 DRAIN_TOO_LONG Warning "old processes live on for very long";
    WSG0224 POLICY_FOR_TUNNELS Note "a balancing policy that suits tunnels badly";
    WSG0225 CAPACITY Warning "limits that do not fit together";
    WSG0226 NO_EFFECT Error "a field that can have no effect here";
    WSG0227 ADDRESS_IN_USE Error "two listeners on one address";
    WSG0228 UNUSED Warning "something that nothing uses";
    WSG0229 NO_SERVER Error "an upstream without a server that takes traffic";
    WSG0501 UNREADABLE Error "the input could not be read";
    WSG0502 NOT_RENDERED Error "a field that this target's templates do not know yet";
}

// === impl Code ===

impl Code {
    /// The code that a person typed, in any case; `None` if there is no such code.
    pub fn parse(text: &str) -> Option<Self> {
        CODES.iter().map(|entry| entry.code).find(|code| code.0.eq_ignore_ascii_case(text.trim()))
    }

    /// As printed: `WSG0204`.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// What the catalogue knows of it.
    pub fn entry(self) -> &'static CodeEntry {
        // Both come from one macro, so the search cannot fail; the first entry keeps this total.
        CODES.iter().find(|entry| entry.code == self).unwrap_or(&CODES[0])
    }

    /// How much it weighs by itself.
    pub fn severity(self) -> Severity {
        self.entry().severity
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn a_code_is_found_in_any_case() {
        assert_eq!(Code::parse(" wsg0204 "), Some(Code::DUPLICATE_ROUTE));
        assert_eq!(Code::parse("WSG9999"), None);
    }

    /// Every page has the same five parts, so that a reader knows where to look.
    #[test]
    fn pages_have_their_parts() {
        for entry in CODES {
            let parts: Vec<_> = entry.page.lines().filter(|line| line.starts_with("## ")).collect();
            assert_eq!(
                parts,
                ["## What", "## Why it hurts", "## Example", "## Fix", "## Sources"],
                "page of {}",
                entry.code
            );
            let heading = format!("# {}: {}", entry.code, entry.title);
            assert_eq!(entry.page.lines().next(), Some(heading.as_str()));
        }
    }
}
