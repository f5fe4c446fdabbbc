//! `map` blocks: how nginx computes a value from others.

use serde::Serialize;
use wsgen_model::config::AllowOrDeny;
use wsgen_model::located::Located;
use wsgen_model::scalar::{Hostname, Ipv6Prefix, Origin, PathLiteral};

use crate::engine::Raw;
use crate::targets::nginx::quote::{in_pattern, literal, value, with_variables};

/// One `map`.
#[derive(Serialize)]
pub(super) struct MapBlock {
    /// Why it is there.
    pub(super) comment: &'static str,
    /// What it looks at.
    pub(super) source: Raw,
    /// The variable that it sets, without `$`.
    pub(super) variable: String,
    pub(super) default: Raw,
    /// Patterns and values; the first pattern that matches wins.
    pub(super) lines: Vec<(Raw, Raw)>,
}

/// Whether a handshake's origin may open a tunnel (`origin/check`, `origin/form`): 1 or nothing.
pub(super) fn origins(route: &str, origins: &[Located<Origin>], missing: AllowOrDeny) -> MapBlock {
    let mut lines = Vec::new();
    let mut allow = |pattern: String| lines.push((literal(&pattern), Raw("1".into())));
    if missing == AllowOrDeny::Allow {
        allow("~^[^ ]* $".into());
    }
    for origin in origins {
        match &origin.value {
            Origin::Null => allow("~^[^ ]* null$".into()),
            Origin::Same => {
                allow("~*^([^ ]+) https?://\\1$".into());
                allow("~*^([^ :]+)(:80)? http://\\1(:80)?$".into());
                allow("~*^([^ :]+)(:443)? https://\\1(:443)?$".into());
            }
            Origin::Exact { scheme, host, port } => {
                let port = if *port == Origin::default_port(scheme) {
                    format!("(:{port})?")
                } else {
                    format!(":{port}")
                };
                allow(format!("~*^[^ ]* {scheme}://{}{port}$", host_pattern(host)));
            }
        }
    }
    MapBlock {
        comment: "Origins that may open a WebSocket here; the first word is the Host that was asked.",
        source: Raw("\"$http_host $http_origin\"".into()),
        variable: format!("wsgen_origin_{route}"),
        default: Raw("\"\"".into()),
        lines,
    }
}

fn host_pattern(host: &Hostname) -> String {
    let name = in_pattern(host.name());
    if host.is_wildcard() { format!("([^./: ]+\\.)+{name}") } else { name }
}

/// Ahead of a pattern over raw targets: no doubled slash and no dot segment, encoded or not, in the path. What
/// would be left of such a path behind its prefix could climb out of where it belongs.
const NORMAL: &str = "(?![^?]*(//|/(\\.|%2[eE]){1,2}(/|\\?|$)))";

/// The raw path with another prefix (`rewrite/prefix`); nothing where the path is not in normal form.
pub(super) fn prefix(variable: String, from: &PathLiteral, to: &PathLiteral) -> MapBlock {
    let from = in_pattern(from.prefix());
    let lines = if to.prefix().is_empty() {
        vec![
            (
                literal(&format!("~^{NORMAL}{from}(?<wsgen_rest>\\?.*)?$")),
                Raw("/$wsgen_rest".into()),
            ),
            (literal(&format!("~^{NORMAL}{from}(?<wsgen_rest>/.*)$")), Raw("$wsgen_rest".into())),
        ]
    } else {
        let to = format!("{}$wsgen_rest", value(to.prefix()).0.trim_matches('"'));
        vec![(literal(&format!("~^{NORMAL}{from}(?<wsgen_rest>[/?].*)?$")), with_variables(&to))]
    };
    MapBlock {
        comment: "The path as it was sent, with its prefix changed; a path in another spelling is refused below.",
        source: Raw("$request_uri".into()),
        variable,
        default: Raw("\"\"".into()),
        lines,
    }
}

/// The first listed subprotocol that was offered.
pub(super) fn subprotocols(route: &str, names: &[String]) -> MapBlock {
    let lines = names
        .iter()
        .map(|name| {
            let pattern = format!("~(^|,)[ \\t]*{}[ \\t]*(,|$)", in_pattern(name));
            (literal(&pattern), value(name))
        })
        .collect();
    MapBlock {
        comment: "The first of the allowed subprotocols that was offered.",
        source: Raw("$http_sec_websocket_protocol".into()),
        variable: format!("wsgen_subprotocol_{route}"),
        default: Raw("\"\"".into()),
        lines,
    }
}

/// The client's network: the first bytes of an IPv6 address, and the whole of any other (`limit/ipv6`). An IPv4 address
/// has four bytes here, one that is wrapped in IPv6 has twelve of its own before them.
pub(super) fn network(prefix: Ipv6Prefix) -> MapBlock {
    let (first, rest) = (prefix.bytes(), 16 - prefix.bytes());
    let pattern =
        format!("~(?s)^(?!\\x00{{10}}\\xff\\xff)(?<wsgen_network>.{{{first}}}).{{{rest}}}$");
    MapBlock {
        comment: "Whom limits count: the network of an IPv6 client, the address of any other.",
        source: Raw("$binary_remote_addr".into()),
        variable: format!("wsgen_network_{prefix}"),
        default: Raw("$binary_remote_addr".into()),
        lines: vec![(literal(&pattern), Raw("$wsgen_network".into()))],
    }
}

/// A cookie or query parameter of any name: variables such as `$cookie_a` know letters, digits and `_` only.
pub(super) fn part(kind: &str, number: usize, name: &str) -> MapBlock {
    let (source, before, after) = if kind == "cookie" {
        ("$http_cookie", "(^|; ?)", "[^;]*")
    } else {
        ("$args", "(^|&)", "[^&]*")
    };
    let pattern = format!("~{before}{}=(?<wsgen_part_{number}>{after})", in_pattern(name));
    MapBlock {
        comment: "What the upstream's hash looks at.",
        source: Raw(source.into()),
        variable: format!("wsgen_hash_{number}"),
        default: Raw("\"\"".into()),
        lines: vec![(literal(&pattern), Raw(format!("$wsgen_part_{number}")))],
    }
}
