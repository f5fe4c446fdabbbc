//! What a route does beside passing on: `rewrite`, `redirect`, `respond`.

use crate::decode::Map;
use crate::field::{choice, section};
use crate::scalar::{
    HeaderName, HeaderValue, Hostname, PathLiteral, Pattern, Replacement, Text, Whole,
};

choice! {
    /// The scheme of a redirect.
    enum Scheme {
        /// Without TLS.
        Http = "http",
        /// With TLS.
        Https = "https",
    }
}

section! {
    /// How the path changes on the way to the upstream: exactly one of the three.
    whole struct Rewrite: Own @ Route {
        /// Takes this prefix away.
        optional strip_prefix: PathLiteral = "", REWRITE_PREFIX;
        /// Puts another prefix in its place.
        optional replace_prefix: PrefixChange = "", REWRITE_PREFIX;
        /// Replaces what a regex matches.
        optional regex: RegexRewrite = "", REWRITE_REGEX;
    }
}

section! {
    /// One prefix for another.
    whole struct PrefixChange: Own @ Route {
        /// The prefix that is there.
        required from: PathLiteral = "", REWRITE_PREFIX;
        /// The prefix that takes its place.
        required to: PathLiteral = "", REWRITE_PREFIX;
    }
}

section! {
    /// A regex and what takes the place of its match.
    whole struct RegexRewrite: Own @ Route {
        /// What is replaced.
        required pattern: Pattern = "", REWRITE_REGEX;
        /// What takes its place, with `$1` to `$9` for the groups.
        required to: Replacement = "", REWRITE_REGEX;
    }
}

section! {
    /// Sending the client elsewhere. What is not written stays as it was asked.
    whole struct Redirect: Own @ Route {
        /// The scheme.
        optional scheme: Scheme = "as asked", REDIRECT_PARTS;
        /// The host.
        optional hostname: Hostname = "as asked", REDIRECT_PARTS;
        /// The port.
        optional port: Whole<1, 65_535> = "the scheme's own where `scheme` is written, else as asked", REDIRECT_PARTS;
        /// The whole path.
        optional path: PathLiteral = "as asked", REDIRECT_PARTS;
        /// A prefix of the path.
        optional prefix: PrefixChange = "as asked", REDIRECT_PARTS;
        /// The status: 301, 302, 303, 307 or 308.
        optional status: RedirectStatus = "302", REDIRECT_PARTS;
    }
}

section! {
    /// A fixed answer.
    whole struct Respond: Own @ Route {
        /// The status.
        required status: Whole<200, 599> = "", RESPOND_FIXED;
        /// Its fields.
        optional headers: Map<HeaderName, HeaderValue> = "", RESPOND_FIXED;
        /// Its body.
        optional body: Text = "", RESPOND_FIXED;
    }
}

choice! {
    /// Statuses that a browser follows.
    enum RedirectStatus {
        /// Moved for ever; a POST may become a GET.
        MovedPermanently = "301",
        /// Found elsewhere for now; a POST may become a GET.
        Found = "302",
        /// See another resource with GET.
        SeeOther = "303",
        /// Elsewhere for now, same method.
        Temporary = "307",
        /// Elsewhere for ever, same method.
        Permanent = "308",
    }
}

impl RedirectStatus {
    /// The number.
    pub fn code(self) -> u16 {
        match self {
            Self::MovedPermanently => 301,
            Self::Found => 302,
            Self::SeeOther => 303,
            Self::Temporary => 307,
            Self::Permanent => 308,
        }
    }
}
