//! Fields of requests and responses.

use serde::Serialize;
use wsgen_model::config::{
    ForwardedHeader, ForwardedMode, ForwardedStyle, HostPolicy, PassOrStrip, Subprotocols,
};
use wsgen_model::site::{Auth, Forward, HeaderEdit, ListenerId, RouteId, UpstreamId};
use wsgen_model::spelling::FORWARDED_FIELDS;

use super::maps::{self, MapBlock};
use super::{Context, route_name};
use crate::engine::Raw;
use crate::targets::nginx::quote::{value, with_variables};

/// A field and its value.
#[derive(Serialize)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: Raw,
}

/// Changes to a response.
#[derive(Serialize, Default)]
pub(super) struct Response {
    /// Fields of the upstream that do not pass.
    hide: Vec<String>,
    /// Fields that are added, to errors and the 101 too.
    pub(super) add: Vec<Field>,
}

/// nginx's variable of a request field; `None` where the name has characters that variables lack.
pub(super) fn variable(name: &str) -> Option<String> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    plain.then(|| format!("$http_{}", name.to_ascii_lowercase().replace('-', "_")))
}

pub(super) fn response(edit: &HeaderEdit) -> Response {
    let mut response = Response::default();
    response.hide.extend(edit.remove.iter().map(|name| name.value.to_string()));
    response.hide.extend(edit.set.iter().map(|(name, _)| name.value.to_string()));
    response.add.extend(edit.set.iter().chain(&edit.add).map(|(name, text)| Field {
        name: name.value.to_string(),
        value: value(text.value.as_str()),
    }));
    response
}

/// Every field that differs from what the client sent. nginx takes all of a location or none, so that each
/// location gets all.
pub(super) fn request(
    id: RouteId,
    forward: &Forward,
    listener: ListenerId,
    tunnel: bool,
    context: &mut Context<'_>,
) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut set = |name: &str, value: Raw| {
        fields.retain(|known: &Field| !known.name.eq_ignore_ascii_case(name));
        fields.push(Field { name: name.to_owned(), value });
    };
    let raw = |text: &str| Raw(text.to_owned());
    if tunnel {
        set("Connection", raw("upgrade"));
        set("Upgrade", raw("$wsgen_upgrade"));
    } else {
        set("Connection", raw("\"\""));
        set("Upgrade", raw("\"\""));
    }
    set("Host", host(forward, context));
    for (name, value) in forwarded(forward, listener, context) {
        set(name, value);
    }
    if tunnel && *forward.websocket.compression == PassOrStrip::Strip {
        set("Sec-WebSocket-Extensions", raw("\"\""));
    }
    if let (true, Subprotocols::Only(names)) = (tunnel, &*forward.websocket.subprotocols) {
        let names: Vec<_> = names.iter().map(|name| name.value.to_string()).collect();
        let map = maps::subprotocols(&route_name(context, id), &names);
        set("Sec-WebSocket-Protocol", Raw(context.map(map)));
    }
    let edit = &forward.request_headers;
    // Names with `_` are ignored when they come (`underscores_in_headers`). One that the model writes so has another
    // spelling that is not.
    for name in edit.set.iter().map(|(name, _)| name).chain(&edit.remove) {
        if name.value.as_str().contains('_') {
            set(&name.value.as_str().replace('_', "-"), raw("\"\""));
        }
    }
    for name in &edit.remove {
        set(name.value.as_str(), raw("\"\""));
    }
    for (name, text) in &edit.set {
        set(name.value.as_str(), value(text.value.as_str()));
    }
    for (number, (name, text)) in edit.add.iter().enumerate() {
        let Some(source) = variable(name.value.as_str()) else {
            context.refuse(name.span, "an addition to a header of this name");
            continue;
        };
        let added = value(text.value.as_str());
        let joined = with_variables(&format!(
            "{source}, {}",
            text.value.as_str().replace('$', "${wsgen_dollar}")
        ));
        let variable = context.map(MapBlock {
            comment: "A value that is added to the client's own.",
            source: Raw(source),
            variable: format!("wsgen_add_{}_{number}", route_name(context, id)),
            default: joined,
            lines: vec![(raw("\"\""), added)],
        });
        set(name.value.as_str(), Raw(variable));
    }
    if let Some(Auth::Forward { copy_headers, .. }) = forward.auth.as_ref().map(|auth| &auth.value)
    {
        for (number, name) in copy_headers.iter().enumerate() {
            let variable = format!("$wsgen_auth_{}_{number}", route_name(context, id));
            set(name.value.as_str(), Raw(variable));
        }
    }
    fields
}

fn host(forward: &Forward, context: &Context<'_>) -> Raw {
    match &*forward.host {
        HostPolicy::Preserve => Raw("$http_host".into()),
        HostPolicy::Literal(name) => value(&name.to_string()),
        HostPolicy::Upstream => {
            let UpstreamId(number) = forward.upstream;
            let first = context.base.site.upstreams[number].servers.first();
            value(&first.map_or(String::new(), |server| server.address.value.to_string()))
        }
    }
}

/// `X-Forwarded-*` and `Forwarded` (`forwarded/replace`, `forwarded/append`).
fn forwarded(
    forward: &Forward,
    listener: ListenerId,
    context: &mut Context<'_>,
) -> Vec<(&'static str, Raw)> {
    let append = match *forward.forwarded.mode {
        ForwardedMode::Off => return Vec::new(),
        ForwardedMode::Replace => false,
        ForwardedMode::Append => !context.base.site.listener(listener).trusted_proxies.is_empty(),
    };
    let mut fields = Vec::new();
    let style = *forward.forwarded.style;
    let headers = &*forward.forwarded.headers;
    if headers.contains(&ForwardedHeader::RealIp) {
        fields.push(("X-Real-IP", Raw("$remote_addr".into())));
    }
    if style != ForwardedStyle::Forwarded {
        for header in headers {
            let (name, own) = match header {
                ForwardedHeader::RealIp => continue,
                ForwardedHeader::For => ("X-Forwarded-For", "$remote_addr"),
                ForwardedHeader::Proto => ("X-Forwarded-Proto", "$scheme"),
                ForwardedHeader::Host => ("X-Forwarded-Host", "$http_host"),
            };
            let value =
                if append { Raw(context.map(appended(name, listener))) } else { Raw(own.into()) };
            fields.push((name, value));
        }
    }
    if style != ForwardedStyle::XForwarded {
        let address = context.map(MapBlock {
            comment: "RFC 7239 section 6: an IPv6 address stands in brackets and quotes.",
            source: Raw("$remote_addr".into()),
            variable: "wsgen_node".into(),
            default: Raw("$remote_addr".into()),
            lines: vec![(Raw("~:".into()), with_variables("\"[$remote_addr]\""))],
        });
        let parts = headers.iter().filter_map(|header| match header {
            ForwardedHeader::For => Some(format!("for={address}")),
            ForwardedHeader::Proto => Some("proto=$scheme".to_owned()),
            ForwardedHeader::Host => Some("host=\"$http_host\"".to_owned()),
            ForwardedHeader::RealIp => None,
        });
        let own = parts.collect::<Vec<_>>().join(";");
        fields.push(("Forwarded", with_variables(&own)));
    }
    // What is not told here is the client's own word, unless a trusted proxy says it.
    for name in FORWARDED_FIELDS {
        if fields.iter().all(|(told, _)| *told != name) {
            let value =
                if append { Raw(context.map(kept(name, listener))) } else { Raw("\"\"".into()) };
            fields.push((name, value));
        }
    }
    fields
}

/// A field as a trusted peer said it, and nothing of anybody else's.
fn kept(name: &str, listener: ListenerId) -> MapBlock {
    let variable = name.to_ascii_lowercase().replace('-', "_");
    MapBlock {
        comment: "Kept from trusted proxies only.",
        source: Raw(format!("$wsgen_trusted_{}", listener.0 + 1)),
        variable: format!("wsgen_kept_{variable}_{}", listener.0 + 1),
        default: Raw("\"\"".into()),
        lines: vec![(Raw("1".into()), Raw(format!("$http_{variable}")))],
    }
}

/// What a trusted peer said, and the peer; of anybody else only what is known here.
fn appended(name: &str, listener: ListenerId) -> MapBlock {
    let (theirs, own, both) = match name {
        "X-Forwarded-For" => (
            "$http_x_forwarded_for",
            "$remote_addr",
            "\"$http_x_forwarded_for, $realip_remote_addr\"",
        ),
        "X-Forwarded-Proto" => ("$http_x_forwarded_proto", "$scheme", "$http_x_forwarded_proto"),
        _ => ("$http_x_forwarded_host", "$http_host", "$http_x_forwarded_host"),
    };
    let trusted = format!("$wsgen_trusted_{}", listener.0 + 1);
    MapBlock {
        comment: "Believed from trusted proxies only.",
        source: Raw(format!("\"{trusted}:{theirs}\"")),
        variable: format!(
            "wsgen_{}_{}",
            name.to_ascii_lowercase().replace('-', "_"),
            listener.0 + 1
        ),
        default: Raw(own.into()),
        lines: vec![(Raw("~^1:.".into()), Raw(both.into()))],
    }
}
