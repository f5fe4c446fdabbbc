//! The rules of a route, in the order of judgement.

use wsgen_model::config::{
    AllowOrDeny, ForwardedHeader, ForwardedMode, ForwardedStyle, HostPolicy, PassOrStrip,
    SnippetPlace, Subprotocols, ValueMatch, WebSocketMode,
};
use wsgen_model::scalar::{Ipv6Prefix, Method, Origin, PathLiteral};
use wsgen_model::site::{
    Action, Auth, Entry, Forward, HeaderEdit, ListenerId, PathRule, Redirect, RedirectPath,
    Respond, Rewrite, RouteId,
};
use wsgen_model::source::Span;
use wsgen_model::spelling::others;

use super::{Context, snippets, table, users};
use crate::engine::Raw;
use crate::quoted::escaped;
use crate::targets::haproxy::quote::{in_pattern, literal, value};

/// Whether a request is a WebSocket request; set once, ahead of everything that edits fields.
const WEBSOCKET: &str = "{ var(txn.ws) -m found }";

/// What an entry asks of a request, as conditions that must all hold.
pub(super) fn conditions(entry: &Entry) -> String {
    let mut all = Vec::new();
    match &entry.path {
        PathRule::Exact(path) => {
            all.push(format!("{{ path -m str {} }}", literal(path.as_str()).0));
        }
        PathRule::Prefix(path) if path.prefix().is_empty() => {}
        PathRule::Prefix(path) => {
            let pattern = literal(&format!("^{}(/|$)", in_pattern(path.prefix()))).0;
            all.push(format!("{{ path -m reg {pattern} }}"));
        }
        PathRule::StartsWith(path) => {
            all.push(format!("{{ path -m beg {} }}", literal(path.as_str()).0));
        }
        PathRule::Regex(pattern) => {
            all.push(format!("{{ path -m reg -- {} }}", literal(pattern.as_str()).0));
        }
    }
    if !entry.methods.is_empty() {
        let methods: Vec<_> = entry.methods.iter().map(Method::as_str).collect();
        all.push(format!("{{ method {} }}", methods.join(" ")));
    }
    let test = |wanted: &ValueMatch| match wanted {
        ValueMatch::Present => "-m found".to_owned(),
        ValueMatch::Equals(text) => format!("-m str -- {}", literal(text.as_str()).0),
    };
    for (name, wanted) in &entry.headers {
        all.push(format!("{{ req.fhdr({name}) {} }}", test(wanted)));
    }
    for (name, wanted) in &entry.query {
        let name = in_pattern(name.as_str());
        // A parameter without `=` is there too.
        let pattern = match wanted {
            ValueMatch::Present => format!("(^|&){name}(=|&|$)"),
            ValueMatch::Equals(exactly) => {
                format!("(^|&){name}={}(&|$)", in_pattern(exactly.as_str()))
            }
        };
        all.push(format!("{{ query -m reg -- {} }}", literal(&pattern).0));
    }
    if entry.upgrade {
        all.push(WEBSOCKET.to_owned());
    }
    all.join(" ")
}

/// Everything that a route does to the requests that chose it.
pub(super) fn route(id: RouteId, listener: ListenerId, context: &mut Context<'_>) -> Vec<Raw> {
    let site = context.base.site;
    let mut rules = Rules {
        here: format!("{{ var(txn.route) -m str {} }}", context.base.route_name(id)),
        list: Vec::new(),
    };
    match &site.routes[id.0].action {
        Action::Redirect(redirect) => self::redirect(redirect, listener, &mut rules, context),
        Action::Respond(respond) => self::respond(respond, &mut rules),
        Action::Forward(forward) => self::forward(id, listener, forward, &mut rules, context),
    }
    for snippet in snippets(context, SnippetPlace::Route, |route| route == id) {
        rules.list.push(snippet);
    }
    rules.list
}

struct Rules {
    /// The condition that the route was chosen.
    here: String,
    list: Vec<Raw>,
}

impl Rules {
    fn push(&mut self, line: &str) {
        self.when(line, "");
    }

    fn when(&mut self, line: &str, condition: &str) {
        let line = format!("{line} if {} {condition}", self.here);
        self.list.push(Raw(line.trim_end().to_owned()));
    }
}

/// The scheme that clients of a listener use.
fn scheme(listener: ListenerId, context: &Context<'_>) -> &'static str {
    if context.base.site.listener(listener).tls.is_some() { "https" } else { "http" }
}

/// What is not written stays as it was asked (`redirect/parts`).
fn redirect(
    redirect: &Redirect,
    listener: ListenerId,
    rules: &mut Rules,
    context: &mut Context<'_>,
) {
    let own = scheme(listener, context);
    let scheme = redirect.scheme.map_or(own, |scheme| scheme.value.as_str());
    let bare = "%[var(txn.host)]";
    let host = redirect.hostname.as_ref().map(|host| host.value.to_string());
    let authority = match (host, redirect.port, redirect.scheme) {
        (Some(host), Some(port), _) => format!("{host}:{}", port.value),
        (None, Some(port), _) => format!("{bare}:{}", port.value),
        (Some(host), None, _) => host,
        (None, None, Some(_)) => bare.to_owned(),
        (None, None, None) => "%[req.hdr(host)]".to_owned(),
    };
    let path = match &redirect.path {
        RedirectPath::Keep => "%[url]".to_owned(),
        RedirectPath::Whole(path) => path.value.as_str().replace('%', "%%"),
        RedirectPath::Prefix { from, to } => {
            let (from_text, to_text) = (from.prefix(), to.prefix());
            argument(from, redirect.span, context);
            argument(to, redirect.span, context);
            let slash = if to_text.is_empty() { "/?" } else { "" };
            let to_text = if to_text.is_empty() { "/" } else { to_text };
            format!("%[url,regsub(^{}{slash},{to_text})]", in_pattern(from_text))
        }
    };
    let location = literal(&format!("{scheme}://{authority}{path}")).0;
    rules.push(&format!("http-request redirect code {} location {location}", *redirect.status));
}

/// Arguments of converters end at commas and parentheses.
fn argument(path: &PathLiteral, span: Span, context: &mut Context<'_>) {
    if path.as_str().contains([',', '(', ')', '\'', '"']) {
        context.refuse(span, "a redirected prefix with a comma, a quote or parentheses");
    }
}

fn respond(respond: &Respond, rules: &mut Rules) {
    let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
    let mut line = format!("http-request return status {}", respond.status);
    // Some answers have no content (RFC 9110 section 15), and HAProxy refuses to be given one.
    if let Some(body) = respond.body.as_ref().filter(|_| ![204, 304].contains(&respond.status)) {
        let content_type = respond.headers.iter().find(|(name, _)| is_type(name.as_str()));
        let content_type = content_type.map_or("text/plain", |(_, text)| text.value.as_str());
        let (kind, body) = (literal(content_type).0, literal(body.as_str()).0);
        line.push_str(&format!(" content-type {kind} string {body}"));
    }
    for (name, text) in respond.headers.iter().filter(|(name, _)| !is_type(name.as_str())) {
        line.push_str(&format!(
            " hdr {} {}",
            literal(name.value.as_str()).0,
            value(text.value.as_str()).0
        ));
    }
    rules.push(&line);
}

fn forward(
    id: RouteId,
    listener: ListenerId,
    forward: &Forward,
    rules: &mut Rules,
    context: &mut Context<'_>,
) {
    let websocket = &forward.websocket;
    match *websocket.mode {
        WebSocketMode::Allow => {}
        WebSocketMode::Deny => rules.push("http-request del-header Upgrade"),
        WebSocketMode::Require => rules.when(
            "http-request return status 426 hdr Upgrade websocket content-type text/plain string \"a WebSocket is served here\\n\"",
            &format!("!{WEBSOCKET}"),
        ),
    }
    if let (Some(origins), true) = (&websocket.origins, *websocket.mode != WebSocketMode::Deny) {
        self::origins(origins.value.iter().map(|o| &o.value), *websocket.missing_origin, rules);
    }
    let site = context.base.site;
    // Whom limits count (`limit/ipv6`).
    let client = match *forward.per_ip.ipv6_prefix {
        Ipv6Prefix::ADDRESS => "src".to_owned(),
        prefix => format!("src,ipmask(32,{prefix})"),
    };
    if let Some(limit) = forward.per_ip.connections {
        let table = table("conn", context, id).0;
        rules.push(&format!("http-request track-sc0 {client} table {table}"));
        rules.when(
            "http-request deny deny_status 429",
            &format!("{{ sc_conn_cur(0) gt {} }}", limit.get()),
        );
    }
    if let Some(limit) = forward.per_ip.connects_per_minute {
        let table = table("connect", context, id).0;
        rules.when(&format!("http-request track-sc1 {client} table {table}"), WEBSOCKET);
        let over = format!("{WEBSOCKET} {{ sc_http_req_rate(1) gt {} }}", limit.get());
        rules.when("http-request deny deny_status 429", &over);
    }
    if let Some(Auth::Basic { users_file, realm }) = forward.auth.as_ref().map(|auth| &auth.value) {
        let users = users::list(users_file, context);
        let ask = format!("http-request auth realm {}", literal(&escaped(realm.as_str())).0);
        rules.when(&ask, &format!("!{{ http_auth({users}) }}"));
    }
    if let Some(limit) = forward.max_body_bytes.or(site.listener(listener).limits.max_body_bytes) {
        let over = format!("{{ req.hdr_val(content-length) gt {} }}", limit.get());
        rules.when("http-request deny deny_status 413", &over);
    }
    if *websocket.compression == PassOrStrip::Strip {
        rules.when("http-request del-header Sec-WebSocket-Extensions", WEBSOCKET);
    }
    if let Subprotocols::Only(names) = &*websocket.subprotocols {
        let names: Vec<_> = names.iter().map(|name| literal(name.value.as_str()).0).collect();
        let none = format!(
            "{WEBSOCKET} {{ req.hdr(Sec-WebSocket-Protocol) -m found }} !{{ req.hdr(Sec-WebSocket-Protocol) -m str -- {} }}",
            names.join(" ")
        );
        rules.when("http-request del-header Sec-WebSocket-Protocol", &none);
    }
    forwarded(forward, listener, rules, context);
    match &*forward.host {
        HostPolicy::Preserve => {}
        HostPolicy::Literal(name) => rules.push(&format!("http-request set-header Host {name}")),
        HostPolicy::Upstream => {
            let first = site.upstream(forward.upstream).servers.first();
            let address = first.map_or(String::new(), |server| server.address.value.to_string());
            rules.push(&format!("http-request set-header Host {}", value(&address).0));
        }
    }
    for (kind, edit) in
        [("http-request", &forward.request_headers), ("http-response", &forward.response_headers)]
    {
        if kind == "http-request" {
            spellings(edit, rules);
        }
        for name in &edit.remove {
            rules.push(&format!("{kind} del-header {}", literal(name.value.as_str()).0));
        }
        for (verb, list) in [("set-header", &edit.set), ("add-header", &edit.add)] {
            for (name, text) in list {
                let (name, text) = (literal(name.value.as_str()).0, value(text.value.as_str()).0);
                rules.push(&format!("{kind} {verb} {name} {text}"));
            }
        }
    }
    match forward.rewrite.as_ref().map(|rewrite| &rewrite.value) {
        Some(Rewrite::Prefix { from, to }) => {
            let from = in_pattern(from.prefix());
            // One rule: of two, the second would look at what the first has made.
            let (pattern, to) = match to.prefix() {
                "" => (format!("^{from}(?:/(.*))?$"), "/\\1".to_owned()),
                to => (format!("^{from}(/.*)?$"), format!("{}\\1", to.replace('%', "%%"))),
            };
            let (pattern, to) = (literal(&pattern).0, literal(&to).0);
            rules.push(&format!("http-request replace-path {pattern} {to}"));
        }
        Some(Rewrite::Regex { pattern, to }) => {
            // The whole path is replaced, so what is around the match is captured and put back.
            let groups = pattern.groups();
            let mut moved = String::from("\\1");
            let mut rest = to.as_str();
            while let Some(at) = rest.find('$') {
                moved.push_str(&rest[..at].replace('%', "%%"));
                let digit = rest[at + 1..].chars().next().and_then(|c| c.to_digit(10)).unwrap_or(0);
                moved.push_str(&format!("\\{}", digit + 1));
                rest = &rest[at + 2..];
            }
            moved.push_str(&rest.replace('%', "%%"));
            moved.push_str(&format!("\\{}", groups + 2));
            if groups + 2 > 9 {
                context.refuse(forward.upstream_span, "a rewrite with more than seven groups");
            }
            let whole = format!("^(.*?)(?:{})(.*)$", pattern.as_str());
            rules.push(&format!(
                "http-request replace-path {} {}",
                literal(&whole).0,
                literal(&moved).0
            ));
        }
        None => {}
    }
}

/// Takes out what applications would read as a field that is set or removed (`forwarded/spelling`).
fn spellings(edit: &HeaderEdit, rules: &mut Rules) {
    let names = || edit.set.iter().map(|(name, _)| name).chain(&edit.remove);
    for other in names().flat_map(|name| others(name.value.as_str())) {
        if !names().any(|name| name.value.is(&other)) {
            rules.push(&format!("http-request del-header {}", literal(&other).0));
        }
    }
}

/// Whether a handshake's origin may open a tunnel (`origin/check`, `origin/form`).
fn origins<'o>(origins: impl Iterator<Item = &'o Origin>, missing: AllowOrDeny, rules: &mut Rules) {
    let allow = "http-request set-var(txn.origin) int(1)";
    let mut patterns = Vec::new();
    for origin in origins {
        match origin {
            Origin::Null => patterns.push(literal("^null$").0),
            Origin::Same => {
                rules.when(allow, "{ var(txn.origin_host),strcmp(txn.asked_host) eq 0 }");
            }
            Origin::Exact { scheme, host, port } => {
                let port = if *port == Origin::default_port(scheme) {
                    format!("(:{port})?")
                } else {
                    format!(":{port}")
                };
                let name = in_pattern(host.name());
                let name = if host.is_wildcard() { format!("([^./:]+\\.)+{name}") } else { name };
                patterns.push(literal(&format!("^{scheme}://{name}{port}$")).0);
            }
        }
    }
    if !patterns.is_empty() {
        rules.when(allow, &format!("{{ req.fhdr(origin) -m reg -i -- {} }}", patterns.join(" ")));
    }
    if missing == AllowOrDeny::Allow {
        rules.when(allow, "!{ req.fhdr(origin) -m found }");
    }
    let refused = format!("{WEBSOCKET} !{{ var(txn.origin) -m found }}");
    rules.when("http-request deny deny_status 403", &refused);
}

/// `X-Forwarded-*` (`forwarded/replace`, `forwarded/append`).
fn forwarded(forward: &Forward, listener: ListenerId, rules: &mut Rules, context: &Context<'_>) {
    let trusted = context.trusted(listener);
    let append = match *forward.forwarded.mode {
        ForwardedMode::Off => return,
        ForwardedMode::Replace => false,
        ForwardedMode::Append => !trusted.is_empty(),
    };
    let peer = format!("{{ var(txn.peer) -m ip {} }}", trusted.join(" "));
    let stranger = format!("!{peer}");
    let style = *forward.forwarded.style;
    if forward.forwarded.headers.contains(&ForwardedHeader::RealIp) {
        rules.push("http-request set-header X-Real-IP %[src]");
    }
    if style != ForwardedStyle::XForwarded {
        self::forwarded_field(&forward.forwarded.headers, scheme(listener, context), rules);
    }
    if style == ForwardedStyle::Forwarded {
        return;
    }
    for header in &*forward.forwarded.headers {
        let (name, own) = match header {
            ForwardedHeader::RealIp => continue,
            ForwardedHeader::For => ("X-Forwarded-For", "%[src]"),
            ForwardedHeader::Proto => ("X-Forwarded-Proto", scheme(listener, context)),
            ForwardedHeader::Host => ("X-Forwarded-Host", "%[req.hdr(host)]"),
        };
        if !append {
            // Replaces every line of that name.
            rules.push(&format!("http-request set-header {name} {own}"));
            continue;
        }
        rules.when(&format!("http-request del-header {name}"), &stranger);
        if *header == ForwardedHeader::For {
            // Behind a trusted proxy: its own list, and the peer.
            let list =
                format!("http-request set-header {name} \"%[req.fhdr({name})], %[var(txn.peer)]\"");
            let known = format!("{peer} {{ req.fhdr({name}) -m found }}");
            rules.when(&list, &known);
        }
        let absent = format!("!{{ req.fhdr({name}) -m found }}");
        rules.when(&format!("http-request set-header {name} {own}"), &absent);
    }
}

/// `Forwarded`. RFC 7239 section 6: an IPv6 address stands in brackets and quotes.
fn forwarded_field(headers: &[ForwardedHeader], scheme: &str, rules: &mut Rules) {
    for (node, family) in
        [("%[src]", "{ src 0.0.0.0/0 }"), ("\\\"[%[src]]\\\"", "!{ src 0.0.0.0/0 }")]
    {
        let parts = headers.iter().filter_map(|header| match header {
            ForwardedHeader::For => Some(format!("for={node}")),
            ForwardedHeader::Proto => Some(format!("proto={scheme}")),
            ForwardedHeader::Host => Some("host=\\\"%[req.hdr(host)]\\\"".to_owned()),
            ForwardedHeader::RealIp => None,
        });
        let own = parts.collect::<Vec<_>>().join(";");
        rules.when(&format!("http-request set-header Forwarded \"{own}\""), family);
    }
}
