//! What holds for the requests of a route beside its rules: fields, bodies, who may use it, fixed answers.

use wsgen_model::config::{
    ForwardedHeader, ForwardedMode, ForwardedStyle, HostPolicy, PassOrStrip, SnippetPlace,
    Subprotocols, WebSocketMode,
};
use wsgen_model::site::{Auth, Forward, HeaderEdit, ListenerId, Respond, RouteId};
use wsgen_model::spelling::{FORWARDED_FIELDS, FRAMING_FIELDS, others};

use super::Context;
use crate::engine::Raw;
use crate::targets::apache::quote::{document, header, line, word};
use crate::targets::apache::support::AUTH_NAME_EXPRESSION;

/// What most routes of a host have alike: what the upstream is told of the client, and which Host it sees.
pub(super) fn told(forward: &Forward, listener: ListenerId, context: &mut Context<'_>) -> Vec<Raw> {
    let mut lines = forwarded(forward, listener, context);
    match &*forward.host {
        // The address of the server that was chosen.
        HostPolicy::Upstream => lines.push(line("ProxyPreserveHost Off")),
        HostPolicy::Preserve | HostPolicy::Literal(_) => lines.push(line("ProxyPreserveHost On")),
    }
    lines
}

/// What a route has of its own.
pub(super) fn own(id: RouteId, forward: &Forward, context: &mut Context<'_>) -> Vec<Raw> {
    let mut lines = Vec::new();
    if let HostPolicy::Literal(name) = &*forward.host {
        // Behind what tells of the Host that was asked for, wherever that stands.
        lines.push(line(format!("RequestHeader set Host {name}")));
    }
    if let Some(auth) = &forward.auth {
        lines.extend(self::auth(&auth.value, context));
    }
    if *forward.websocket.mode != WebSocketMode::Deny {
        if *forward.websocket.compression == PassOrStrip::Strip {
            lines.push(line("RequestHeader unset Sec-WebSocket-Extensions"));
        }
        if let Subprotocols::Only(_) = &*forward.websocket.subprotocols {
            lines.push(line("RequestHeader unset Sec-WebSocket-Protocol"));
            lines.push(line(
                "RequestHeader set Sec-WebSocket-Protocol \"%{wsgen_subprotocol}e\" env=wsgen_subprotocol",
            ));
        }
    }
    lines.extend(request(&forward.request_headers));
    lines.extend(response(&forward.response_headers));
    let upstream = context.base.site.upstream(forward.upstream);
    if let Some(cookie) = upstream.sticky.as_ref().filter(|_| upstream.servers.len() > 1) {
        let flags = [(cookie.http_only, "; HttpOnly"), (cookie.secure, "; Secure")];
        let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        let same_site = cookie.same_site.as_ref().map_or("", |site| match site.value {
            wsgen_model::config::SameSite::Strict => "; SameSite=Strict",
            wsgen_model::config::SameSite::Lax => "; SameSite=Lax",
            wsgen_model::config::SameSite::None => "; SameSite=None",
        });
        lines.push(line(format!(
            "Header add Set-Cookie \"{}=.%{{BALANCER_WORKER_ROUTE}}e; Path=/{flags}{same_site}\" env=BALANCER_ROUTE_CHANGED",
            cookie.name.as_str().replace('%', "%%")
        )));
    }
    if let Some(types) = &forward.compression {
        context.modules.need(&["deflate", "filter"]);
        let types: Vec<_> = types.value.iter().map(|kind| word(kind.as_str())).collect();
        lines.push(line(format!("AddOutputFilterByType DEFLATE {}", types.join(" "))));
    }
    let name = context.base.route_name(id);
    for (status, _) in &forward.error_pages {
        if !is_answered(status.get()) && !(300..400).contains(&status.get()) {
            let help = "leave it out: Apache never answers with it by itself";
            context.base.refuse(status.span, "an error page of this status", help);
        }
        lines.push(line(format!(
            "ErrorDocument {status} /.wsgen/error/{name}/{status}",
            status = status.get()
        )));
    }
    let snippets = context.base.snippets(SnippetPlace::Route, |route| route == id);
    lines.extend(snippets.iter().map(|snippet| snippet.lines("        ")));
    lines
}

/// A fixed answer: the status comes from `mod_alias`, the text from the page for that status.
pub(super) fn respond(respond: &Respond, context: &mut Context<'_>) -> Vec<Raw> {
    context.modules.need(&["alias"]);
    if !is_answered(respond.status) {
        let help = "use `redirect` for 3xx, or a status that is assigned (RFC 9110 section 15)";
        context.base.refuse(respond.span, "a fixed answer of this status", help);
    }
    let mut lines = vec![line(format!("Redirect {}", respond.status))];
    let bodiless = matches!(respond.status, 204 | 205);
    if !bodiless {
        let body = respond.body.as_ref().map_or("", |body| body.as_str());
        lines.push(line(format!("ErrorDocument {} {}", respond.status, document(body))));
        let typed = respond.headers.iter().any(|(name, _)| name.is("content-type"));
        if !typed {
            lines.push(line("Header always set Content-Type text/plain"));
        }
    }
    for (name, text) in &respond.headers {
        lines.push(line(format!(
            "Header always set {} {}",
            word(name.value.as_str()),
            header(text.value.as_str())
        )));
    }
    lines
}

/// Whether Apache answers with a status of its own accord: it knows those that were assigned, and refuses to start with
/// another (`ap_index_of_response`; tried for all from 200 to 599 on 2.4.71). Those of redirects need a Location.
fn is_answered(status: u16) -> bool {
    matches!(status,
        200..=208 | 226 | 400..=417 | 421..=424 | 426 | 428 | 429 | 431 | 451 | 500..=508 | 510 | 511)
}

fn request(edit: &HeaderEdit) -> Vec<Raw> {
    let mut lines = Vec::new();
    let names = || edit.set.iter().map(|(name, _)| name).chain(&edit.remove);
    let others = names().flat_map(|name| others(name.value.as_str()));
    let others = others.filter(|other| !names().any(|name| name.value.is(other)));
    lines.extend(others.map(|other| unset(&other)));
    for name in &edit.remove {
        lines.push(line(format!("RequestHeader unset {}", word(name.value.as_str()))));
    }
    for (verb, list) in [("set", &edit.set), ("add", &edit.add)] {
        for (name, text) in list {
            let (name, text) = (word(name.value.as_str()), header(text.value.as_str()));
            lines.push(line(format!("RequestHeader {verb} {name} {text}")));
        }
    }
    lines
}

/// Fields of the upstream stand in one table, fields of errors in another; both are edited.
fn response(edit: &HeaderEdit) -> Vec<Raw> {
    let mut lines = Vec::new();
    for name in &edit.remove {
        let name = word(name.value.as_str());
        lines.push(line(format!("Header onsuccess unset {name}")));
        lines.push(line(format!("Header always unset {name}")));
    }
    for (name, text) in &edit.set {
        let (name, text) = (word(name.value.as_str()), header(text.value.as_str()));
        lines.push(line(format!("Header onsuccess unset {name}")));
        lines.push(line(format!("Header always set {name} {text}")));
    }
    for (name, text) in &edit.add {
        let (name, text) = (word(name.value.as_str()), header(text.value.as_str()));
        lines.push(line(format!("Header always add {name} {text}")));
    }
    lines
}

fn auth(auth: &Auth, context: &mut Context<'_>) -> Vec<Raw> {
    let Auth::Basic { users_file, realm } = auth else { return Vec::new() };
    context.modules.need(&["authn_core", "authn_file", "authz_user", "auth_basic"]);
    // Apache escapes quotes, and takes a backslash for the beginning of an escape (`ap_escape_quotes`).
    let text = realm.as_str().replace('\\', "\\\\");
    let realm =
        if context.base.before(AUTH_NAME_EXPRESSION) { word(&text) } else { document(&text) };
    vec![
        line("AuthType Basic"),
        line(format!("AuthName {realm}")),
        line("AuthBasicProvider file"),
        line(format!("AuthUserFile {}", word(users_file.value.as_str()))),
        line("Require valid-user"),
    ]
}

fn unset(name: &str) -> Raw {
    line(format!("RequestHeader unset {}", word(name)))
}

/// Whether a field of the forwarded family has a line below that sets it.
fn tells(forward: &Forward, name: &str) -> bool {
    let headers = &*forward.forwarded.headers;
    let apart = *forward.forwarded.style != ForwardedStyle::Forwarded;
    match name {
        "X-Real-IP" => headers.contains(&ForwardedHeader::RealIp),
        "Forwarded" => *forward.forwarded.style != ForwardedStyle::XForwarded,
        "X-Forwarded-For" => apart && headers.contains(&ForwardedHeader::For),
        "X-Forwarded-Proto" => apart && headers.contains(&ForwardedHeader::Proto),
        "X-Forwarded-Host" => apart && headers.contains(&ForwardedHeader::Host),
        _ => false,
    }
}

/// `X-Forwarded-*` and `Forwarded` (`forwarded/replace`, `forwarded/append`, `forwarded/spelling`).
fn forwarded(forward: &Forward, listener: ListenerId, context: &mut Context<'_>) -> Vec<Raw> {
    let trusted = &context.base.site.listener(listener).trusted_proxies;
    let mut lines: Vec<Raw> =
        FRAMING_FIELDS.iter().flat_map(|name| others(name)).map(|other| unset(&other)).collect();
    let append = match *forward.forwarded.mode {
        ForwardedMode::Off => return lines,
        ForwardedMode::Replace => false,
        ForwardedMode::Append => !trusted.is_empty(),
    };
    // Whether the peer itself, not whom it speaks for, is a trusted proxy.
    let tests: Vec<_> =
        trusted.iter().map(|range| format!("%{{CONN_REMOTE_ADDR}} -ipmatch '{range}'")).collect();
    let trusted = format!("({})", tests.join(" || "));
    let style = *forward.forwarded.style;
    lines.extend(FORWARDED_FIELDS.iter().flat_map(|name| others(name)).map(|other| unset(&other)));
    let stranger = if append { format!(" \"expr=!{trusted}\"") } else { String::new() };
    // What is not told here is the client's own word, unless a trusted proxy says it.
    let untold = FORWARDED_FIELDS.iter().filter(|name| !tells(forward, name));
    lines.extend(untold.map(|name| line(format!("RequestHeader unset {name}{stranger}"))));
    if forward.forwarded.headers.contains(&ForwardedHeader::RealIp) {
        lines.push(line("RequestHeader set X-Real-IP \"expr=%{REMOTE_ADDR}\""));
    }
    if style != ForwardedStyle::Forwarded {
        for field in &*forward.forwarded.headers {
            let (name, own) = match field {
                ForwardedHeader::RealIp => continue,
                ForwardedHeader::For => ("X-Forwarded-For", "%{REMOTE_ADDR}"),
                ForwardedHeader::Proto => ("X-Forwarded-Proto", "%{REQUEST_SCHEME}"),
                ForwardedHeader::Host => ("X-Forwarded-Host", "%{HTTP_HOST}"),
            };
            let set = format!("RequestHeader set {name}");
            match field {
                _ if !append => lines.push(line(format!("{set} \"expr={own}\""))),
                ForwardedHeader::For => {
                    // What a trusted peer said, and the peer; of anybody else only what is known here.
                    let said = format!("{trusted} && -n req('{name}')");
                    let list = "%{HTTP:X-Forwarded-For}, %{CONN_REMOTE_ADDR}";
                    lines.push(line(format!("{set} \"expr={list}\" \"expr={said}\"")));
                    lines.push(line(format!("{set} \"expr={own}\" \"expr=!({said})\"")));
                }
                _ => lines.push(line(format!(
                    "{set} \"expr={own}\" \"expr=!({trusted} && -n req('{name}'))\""
                ))),
            }
        }
    }
    if style != ForwardedStyle::XForwarded {
        // RFC 7239 section 6: an IPv6 address stands in brackets and quotes.
        for (node, condition) in
            [("%{REMOTE_ADDR}", "!~"), ("\\\\\\\"[%{REMOTE_ADDR}]\\\\\\\"", "=~")]
        {
            let parts = forward.forwarded.headers.iter().filter_map(|field| match field {
                ForwardedHeader::For => Some(format!("for={node}")),
                ForwardedHeader::Proto => Some("proto=%{REQUEST_SCHEME}".to_owned()),
                ForwardedHeader::Host => Some("host=\\\\\\\"%{HTTP_HOST}\\\\\\\"".to_owned()),
                ForwardedHeader::RealIp => None,
            });
            let own = parts.collect::<Vec<_>>().join(";");
            lines.push(line(format!(
                "RequestHeader set Forwarded \"expr={own}\" \"expr=%{{REMOTE_ADDR}} {condition} /:/\""
            )));
        }
    }
    lines
}
