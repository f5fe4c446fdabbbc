//! Fields that a frontend takes out of requests because the proxy alone may set them, and handshakes that it refuses
//! because they have a body.

use wsgen_model::config::ForwardedMode;
use wsgen_model::site::{Forward, ListenerId, Route, RouteId};
use wsgen_model::spelling::{FORWARDED_FIELDS, FRAMING_FIELDS, others};

use super::Context;
use crate::engine::Raw;
use crate::targets::haproxy::quote::literal;
use crate::targets::haproxy::spelling;
use crate::targets::haproxy::support::DELETE_BY_PATTERN;

/// Most routes that one condition names: a line holds 64 words.
const NAMED: usize = 40;

/// Returns the rules that refuse handshakes with a body (`handshake/body`). They stand behind the choice of the route.
pub(super) fn bodiless(used: &[RouteId], context: &Context<'_>) -> Vec<Raw> {
    let mut lines = Vec::new();
    for here in here(used, Route::carries_tunnels, context) {
        for body in ["req.hdr(transfer-encoding) -m found", "req.hdr_val(content-length) gt 0"] {
            lines.push(Raw(format!(
                "http-request deny deny_status 400 if {{ var(txn.ws) -m found }} {{ {body} }}{here}"
            )));
        }
    }
    lines
}

/// Returns the rules that take out fields by which the proxy alone speaks (`forwarded/replace`, `forwarded/append`,
/// `forwarded/spelling`). They stand ahead of what the routes set.
pub(super) fn rules(listener: ListenerId, used: &[RouteId], context: &Context<'_>) -> Vec<Raw> {
    let trusted = context.trusted(listener);
    let appends =
        |forward: &Forward| *forward.forwarded.mode == ForwardedMode::Append && !trusted.is_empty();
    let tells = |forward: &Forward| *forward.forwarded.mode != ForwardedMode::Off;
    let of = |pick: &dyn Fn(&Forward) -> bool| {
        here(used, |route| route.forward().is_some_and(pick), context)
    };
    let mut lines = Vec::new();
    let mut take = |line: String, conditions: &str| {
        let condition = if conditions.is_empty() { "" } else { " if" };
        lines.push(Raw(format!("http-request del-header {line}{condition}{conditions}")));
    };
    for (names, routes) in
        [(FRAMING_FIELDS.as_slice(), of(&|_| true)), (&FORWARDED_FIELDS, of(&tells))]
    {
        for here in routes {
            if context.base.since(DELETE_BY_PATTERN) {
                take(format!("{} -m reg", literal(&spelling::pattern(names)).0), &here);
            } else {
                for other in names.iter().flat_map(|name| others(name)) {
                    take(other, &here);
                }
            }
        }
    }
    let stranger = format!(" !{{ var(txn.peer) -m ip {} }}", trusted.join(" "));
    for (routes, also) in [
        (of(&|forward| tells(forward) && !appends(forward)), ""),
        (of(&appends), stranger.as_str()),
    ] {
        for (here, name) in routes.iter().flat_map(|here| FORWARDED_FIELDS.map(|name| (here, name)))
        {
            take(name.to_owned(), &format!("{here}{also}"));
        }
    }
    lines
}

/// Returns the conditions that a route of this kind was chosen: none where there is no such route, an empty one where
/// there is no other.
fn here(used: &[RouteId], pick: impl Fn(&Route) -> bool, context: &Context<'_>) -> Vec<String> {
    let picked = used.iter().filter(|id| pick(&context.base.site.routes[id.0]));
    let names: Vec<String> = picked.map(|id| context.base.route_name(*id)).collect();
    if !names.is_empty() && names.len() == used.len() {
        return vec![String::new()];
    }
    let parts = names.chunks(NAMED);
    parts.map(|part| format!(" {{ var(txn.route) -m str {} }}", part.join(" "))).collect()
}
