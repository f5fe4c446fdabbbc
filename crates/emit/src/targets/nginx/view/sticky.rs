//! Stickiness before nginx had a directive for it (collision C9): a map from our cookie to an upstream that holds
//! one server and the others as backups, and a cookie from the server that answered, on the 101 too. Never `hash`
//! over the cookie: it would pin all first clients to one server.

use wsgen_model::config::SameSite;
use wsgen_model::scalar::UpstreamAddress;
use wsgen_model::site::Upstream;

use super::maps::MapBlock;
use super::{Context, upstream};
use crate::engine::Raw;
use crate::targets::nginx::quote::{in_pattern, literal, value};

/// The variables that hold the upstream to use and the cookie to set.
pub(super) struct Variables {
    pub(super) upstream: String,
    pub(super) cookie: String,
}

/// The maps of a sticky upstream; nothing where it is not, or where there is a directive for it.
pub(super) fn variables(to: &Upstream, context: &mut Context<'_>) -> Option<Variables> {
    let sticky = to.sticky.as_ref().filter(|_| upstream::sticks_by_map(to, context))?;
    let group = upstream::name(to).0;
    let name = group.replace('-', "_");
    let cookie = in_pattern(sticky.name.as_str());
    let servers = 1..=to.servers.len();
    let chosen = servers.clone().map(|number| {
        let pattern = literal(&format!("~(^|; ?){cookie}=s{number}(;|$)"));
        (pattern, Raw(format!("{group}_s{number}")))
    });
    let upstream = context.map(MapBlock {
        comment: "The server that the client met first; any of them for a new client.",
        source: Raw("$http_cookie".into()),
        variable: format!("{name}_chosen"),
        default: Raw(group.clone()),
        lines: chosen.collect(),
    });
    let mut attributes = String::from("; Path=/");
    if sticky.http_only {
        attributes.push_str("; HttpOnly");
    }
    if sticky.secure {
        attributes.push_str("; Secure");
    }
    attributes.push_str(match sticky.same_site.as_ref().map(|same_site| same_site.value) {
        Some(SameSite::Strict) => "; SameSite=Strict",
        Some(SameSite::Lax) => "; SameSite=Lax",
        Some(SameSite::None) => "; SameSite=None",
        None => "",
    });
    let mut lines = Vec::new();
    for (number, server) in servers.zip(&to.servers) {
        let address = match &server.address.value {
            UpstreamAddress::Name(..) => {
                context.refuse(
                    server.address.span,
                    "a name in a sticky upstream before 1.29.6: it tells servers by address",
                );
                continue;
            }
            UpstreamAddress::Unix(path) => format!("unix:{path}"),
            UpstreamAddress::Socket(address) => address.to_string(),
        };
        let address = in_pattern(&address);
        let known = literal(&format!("~(^|, ){address}\n(.*; ?)?{cookie}=s{number}(;|$)"));
        lines.push((known, Raw("\"\"".into())));
        let set = value(&format!("{}=s{number}{attributes}", sticky.name.as_str()));
        lines.push((literal(&format!("~(^|, ){address}\n")), set));
    }
    let cookie = context.map(MapBlock {
        comment: "The cookie that names the server that answered, unless the client has it.",
        source: literal("$upstream_addr\n$http_cookie"),
        variable: format!("{name}_cookie"),
        default: Raw("\"\"".into()),
        lines,
    });
    Some(Variables { upstream, cookie })
}
