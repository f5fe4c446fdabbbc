//! What becomes of the requests of a route: rules of `mod_rewrite` in the order of judgement.

use wsgen_model::config::{AllowOrDeny, Subprotocols, WebSocketMode};
use wsgen_model::located::Located;
use wsgen_model::scalar::Origin;
use wsgen_model::site::{Action, Forward, ListenerId, Redirect, RedirectPath, Rewrite, RouteId};

use super::choice::{NORMAL, WEBSOCKET, below};
use super::{Context, Rule, balancer};
use crate::engine::Raw;
use crate::targets::apache::quote::{in_pattern, in_substitution, line, pattern};

const PLAIN: &str = "RewriteCond %{ENV:wsgen_websocket} !=1";

/// The rules of one route; each repeats the condition that the route was chosen, so that lines can be moved.
struct Rules {
    chosen: Option<Raw>,
    list: Vec<Rule>,
}

impl Rules {
    fn push(&mut self, conditions: &[&str], rule: impl Into<String>) {
        let conditions = self.chosen.iter().cloned().chain(conditions.iter().map(|c| line(*c)));
        self.list.push(Rule { conditions: conditions.collect(), rule: line(rule) });
    }
}

/// The rules of a route. A host with one route for everything (`alone`) needs no choice.
pub(super) fn rules(
    id: RouteId,
    listener: ListenerId,
    alone: bool,
    context: &mut Context<'_>,
) -> Vec<Rule> {
    let chosen = format!("RewriteCond %{{ENV:wsgen_route}} ={}", context.base.route_name(id));
    let mut rules = Rules { chosen: (!alone).then(|| line(chosen)), list: Vec::new() };
    let site = context.base.site;
    match &site.routes[id.0].action {
        Action::Forward(forward) => self::forward(id, forward, listener, &mut rules, context),
        Action::Redirect(redirect) => self::redirect(redirect, &mut rules),
        // Its section answers.
        Action::Respond(_) => {}
    }
    rules.list
}

fn forward(
    id: RouteId,
    forward: &Forward,
    listener: ListenerId,
    rules: &mut Rules,
    context: &mut Context<'_>,
) {
    let websocket = &forward.websocket;
    let mode = *websocket.mode;
    let plain_too = context.base.site.routes[id.0].entries.iter().any(|entry| !entry.upgrade);
    if plain_too && mode == WebSocketMode::Require {
        rules.push(&[PLAIN], "RewriteRule ^ - [E=wsgen_upgrade_required:1,R=426,L]");
    }
    let path = path(forward, context);
    let conditions = |kind: &'static str| -> Vec<String> {
        [kind.to_owned()]
            .into_iter()
            .filter(|c| !c.is_empty())
            .chain(path.condition.clone())
            .collect()
    };
    if mode != WebSocketMode::Deny {
        if let Some(origins) = &websocket.origins {
            let refused = self::origins(&origins.value, *websocket.missing_origin);
            rules.push(&[WEBSOCKET, &refused], "RewriteRule ^ - [F]");
        }
        if let Subprotocols::Only(names) = &*websocket.subprotocols {
            let names: Vec<_> = names.iter().map(|name| in_pattern(name.value.as_str())).collect();
            let offered = format!(
                "RewriteCond %{{HTTP:Sec-WebSocket-Protocol}} (?:^|,)[\\x20\\t]*({})[\\x20\\t]*(?:,|$)",
                names.join("|")
            );
            rules.push(&[WEBSOCKET, &offered], "RewriteRule ^ - [E=wsgen_subprotocol:%1]");
        }
        let to = balancer::balancer(id, forward, true, context);
        let conditions = conditions(WEBSOCKET);
        let conditions: Vec<&str> = conditions.iter().map(String::as_str).collect();
        rules.push(&conditions, format!("RewriteRule ^ \"balancer://{to}{}\" [P,NE]", path.target));
        if path.may_stay {
            rules.push(&[WEBSOCKET, &stays()], unchanged(&to));
        }
    }
    if plain_too && mode != WebSocketMode::Require {
        let limit =
            forward.max_body_bytes.or(context.base.site.listener(listener).limits.max_body_bytes);
        if let Some(limit) = limit {
            // `LimitRequestBody` is not for requests that are passed on (Apache, "core").
            let over = format!("RewriteCond expr \"%{{HTTP:Content-Length}} -gt {}\"", limit.get());
            rules.push(&[&over], "RewriteRule ^ - [R=413,L]");
        }
        let to = balancer::balancer(id, forward, false, context);
        let conditions = conditions("");
        let conditions: Vec<&str> = conditions.iter().map(String::as_str).collect();
        rules.push(&conditions, format!("RewriteRule ^ \"balancer://{to}{}\" [P,NE]", path.target));
        if path.may_stay {
            rules.push(&[&stays()], unchanged(&to));
        }
    }
    if path.condition.is_some() {
        // The path was sent in another spelling.
        rules.push(&[], "RewriteRule ^ - [R=400,L]");
    }
}

/// How a path goes on: what it must look like, and what is sent.
struct Path {
    condition: Option<String>,
    target: String,
    /// Whether there are paths that the rewrite has nothing to change in.
    may_stay: bool,
}

/// A path in its normal form that the pattern did not fit.
fn stays() -> String {
    format!("RewriteCond %{{ENV:wsgen_path}} {NORMAL}")
}

fn unchanged(to: &str) -> String {
    format!("RewriteRule ^ \"balancer://{to}%{{ENV:wsgen_path}}\" [P,NE]")
}

fn path(forward: &Forward, context: &mut Context<'_>) -> Path {
    match forward.rewrite.as_ref().map(|rewrite| &rewrite.value) {
        // As it was sent, byte for byte.
        None => Path { condition: None, target: "%{ENV:wsgen_path}".to_owned(), may_stay: false },
        Some(Rewrite::Prefix { from, to }) => {
            let (condition, target) = prefix(from, to);
            Path { condition: Some(condition), target, may_stay: false }
        }
        Some(Rewrite::Regex { pattern: regex, to }) => {
            // What is around the match is captured and put back, so the groups move up by one.
            let after = regex.groups() + 2;
            if after > 9 {
                context.base.refuse(
                    forward.upstream_span,
                    "a rewrite with more than seven groups",
                    "write groups that are not used as `(?:…)`",
                );
            }
            let mut target = String::from("%1");
            let mut rest = to.as_str();
            while let Some(at) = rest.find('$') {
                target.push_str(&in_substitution(&rest[..at]));
                let digit = rest[at + 1..].chars().next().and_then(|c| c.to_digit(10)).unwrap_or(0);
                target.push_str(&format!("%{}", digit + 1));
                rest = &rest[at + 2..];
            }
            target.push_str(&in_substitution(rest));
            target.push_str(&format!("%{after}"));
            let regex = pattern(regex.as_str());
            let condition =
                format!("RewriteCond %{{ENV:wsgen_path}} {NORMAL}(.*?)(?:{regex})(.*)$");
            Path { condition: Some(condition), target, may_stay: true }
        }
    }
}

fn prefix(
    from: &wsgen_model::scalar::PathLiteral,
    to: &wsgen_model::scalar::PathLiteral,
) -> (String, String) {
    match to.prefix() {
        "" => (below(from, "(?:/(.*))?"), "/%1".to_owned()),
        to => (below(from, "(/.*)?"), format!("{}%1", in_substitution(to))),
    }
}

/// Holds where a handshake's origin may open no tunnel (`origin/check`, `origin/form`).
fn origins(origins: &[Located<Origin>], missing: AllowOrDeny) -> String {
    let mut allowed = Vec::new();
    if missing == AllowOrDeny::Allow {
        allowed.push("[^ ]* ".to_owned());
    }
    let mut listed = Vec::new();
    for origin in origins {
        match &origin.value {
            Origin::Null => listed.push("null".to_owned()),
            Origin::Same => allowed.extend([
                "([^ ]+) https?://\\1".to_owned(),
                "([^ :]+)(:80)? http://\\2(:80)?".to_owned(),
                "([^ :]+)(:443)? https://\\5(:443)?".to_owned(),
            ]),
            Origin::Exact { scheme, host, port } => {
                let name = in_pattern(host.name());
                let name = if host.is_wildcard() { format!("([^./: ]+\\.)+{name}") } else { name };
                let port = if *port == Origin::default_port(scheme) {
                    format!("(:{port})?")
                } else {
                    format!(":{port}")
                };
                listed.push(format!("{scheme}://{name}{port}"));
            }
        }
    }
    if !listed.is_empty() {
        allowed.push(format!("[^ ]* ({})", listed.join("|")));
    }
    format!("RewriteCond \"%{{HTTP_HOST}} %{{HTTP:Origin}}\" \"!^(?:{})$\" [NC]", allowed.join("|"))
}

/// What is not written stays as it was asked (`redirect/parts`).
fn redirect(redirect: &Redirect, rules: &mut Rules) {
    let scheme = redirect.scheme.map_or("%{REQUEST_SCHEME}", |scheme| scheme.value.as_str());
    let host = redirect.hostname.as_ref().map(|host| host.value.to_string());
    let authority = match (host, redirect.port, redirect.scheme) {
        (Some(host), Some(port), _) => format!("{host}:{}", port.value),
        (None, Some(port), _) => format!("%{{SERVER_NAME}}:{}", port.value),
        (Some(host), None, _) => host,
        // A scheme that is written brings its own port.
        (None, None, Some(_)) => "%{SERVER_NAME}".to_owned(),
        (None, None, None) => "%{HTTP_HOST}".to_owned(),
    };
    let status = *redirect.status;
    let (condition, target, flags) = match &redirect.path {
        RedirectPath::Keep => (None, "%{ENV:wsgen_path}".to_owned(), "NE,L"),
        RedirectPath::Whole(path) => (None, in_substitution(path.value.as_str()), "NE,QSD,L"),
        RedirectPath::Prefix { from, to } => {
            let (condition, target) = prefix(from, to);
            (Some(condition), target, "NE,L")
        }
    };
    let conditions: Vec<&str> = condition.iter().map(String::as_str).collect();
    rules.push(
        &conditions,
        format!("RewriteRule ^ \"{scheme}://{authority}{target}\" [R={status},{flags}]"),
    );
    if condition.is_some() {
        rules.push(&[], "RewriteRule ^ - [R=400,L]");
    }
}
