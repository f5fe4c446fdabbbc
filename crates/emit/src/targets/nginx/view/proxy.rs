//! What a location needs to pass requests on, for plain requests and for tunnels.

use serde::Serialize;
use wsgen_model::config::SnippetPlace;
use wsgen_model::scalar::TunnelIdle;
use wsgen_model::site::{Auth, Forward, ListenerId, Rewrite, RouteId, Upstream};

use super::headers::{Field, Response};
use super::{Context, headers, maps, route_name, size, snippets, sticky, time, upstream, zone};
use crate::engine::Raw;
use crate::quoted::escaped;
use crate::targets::nginx::quote::{literal, value, with_variables};

#[derive(Serialize)]
pub(super) struct Proxy {
    /// The scheme, the upstream and the path variable, if the path changes.
    pass: Raw,
    /// The variable that must hold a path; a request whose path has none is refused.
    path: Option<Raw>,
    /// `rewrite`'s pattern and replacement.
    rewrite: Option<(Raw, Raw)>,
    /// The variable that must hold 1 for a handshake to pass.
    origin: Option<Raw>,
    connect: Raw,
    read: Raw,
    next_upstream: Option<u64>,
    buffer_request: bool,
    buffer_response: bool,
    keepalive: bool,
    body: Option<Raw>,
    tls: Option<UpstreamTls>,
    conn_limit: Option<Limit>,
    connect_limit: Option<Limit>,
    auth: Option<AuthView>,
    compression: Vec<String>,
    error_pages: Vec<ErrorPage>,
    pub(super) headers: Vec<Field>,
    response: Response,
    snippets: Vec<Raw>,
}

#[derive(Serialize)]
struct UpstreamTls {
    name: Option<Raw>,
    ca: Option<Raw>,
    verify: bool,
}

#[derive(Serialize)]
struct Limit {
    zone: Raw,
    number: u64,
}

#[derive(Serialize)]
struct AuthView {
    /// The location that asks, or nothing for a users file.
    location: Option<Raw>,
    copies: Vec<(Raw, Raw)>,
    realm: Option<Raw>,
    users: Option<Raw>,
}

/// A page for one of nginx's own statuses.
#[derive(Serialize, Clone)]
pub(super) struct ErrorPage {
    pub(super) status: u16,
    pub(super) location: Raw,
    pub(super) file: Raw,
}

/// The most that a timer takes here: a year.
const UNLIMITED: &str = "365d";

pub(super) fn view(
    id: RouteId,
    forward: &Forward,
    listener: ListenerId,
    tunnel: bool,
    context: &mut Context<'_>,
) -> Proxy {
    let site = context.base.site;
    let to = site.upstream(forward.upstream);
    let name = route_name(context, id);
    let path = match forward.rewrite.as_ref().map(|rewrite| &rewrite.value) {
        Some(Rewrite::Prefix { from, to }) => {
            Some(context.map(maps::prefix(format!("wsgen_path_{name}"), from, to)))
        }
        _ => None,
    };
    let rewrite = match forward.rewrite.as_ref().map(|rewrite| &rewrite.value) {
        Some(Rewrite::Regex { pattern, to }) => Some(regex(pattern.as_str(), to.as_str())),
        _ => None,
    };
    let scheme = if to.tls.is_some() { "https" } else { "http" };
    let sticky = sticky::variables(to, context);
    let lone = upstream::lone(to, context);
    let variable = lone.or_else(|| sticky.as_ref().map(|sticky| sticky.upstream.clone()));
    // A target with a variable needs its path written out.
    let sent = if variable.is_some() && rewrite.is_none() { "$request_uri" } else { "" };
    let group = variable.unwrap_or_else(|| upstream::name(to).0);
    let pass = format!("{scheme}://{group}{}", path.as_deref().unwrap_or(sent));
    let mut response = headers::response(&forward.response_headers);
    response.add.extend(
        sticky.map(|sticky| Field { name: "Set-Cookie".into(), value: Raw(sticky.cookie) }),
    );
    let origin = forward.websocket.origins.as_ref().filter(|_| tunnel).map(|origins| {
        Raw(context.map(maps::origins(&name, &origins.value, *forward.websocket.missing_origin)))
    });
    let read = match (tunnel, *forward.timeouts.tunnel_idle) {
        (false, _) => time(*forward.timeouts.response_header),
        (true, TunnelIdle::After(idle)) => time(idle),
        (true, TunnelIdle::Unlimited) => Raw(UNLIMITED.into()),
    };
    let body = forward.max_body_bytes.or(site.listener(listener).limits.max_body_bytes);
    Proxy {
        pass: Raw(pass),
        path: path.map(Raw),
        rewrite,
        origin,
        connect: time(*to.connect),
        read,
        next_upstream: (*forward.attempts > 1 && !tunnel).then_some(*forward.attempts),
        buffer_request: *forward.buffer_request && !tunnel,
        buffer_response: *forward.buffer_response && !tunnel,
        keepalive: to.tcp_keepalive.is_some(),
        body: body.map(|bytes| size(bytes.value)),
        tls: tls(to),
        conn_limit: forward
            .per_ip
            .connections
            .map(|limit| Limit { zone: zone("conn", context, id), number: limit.get() }),
        connect_limit: forward
            .per_ip
            .connects_per_minute
            .filter(|_| tunnel)
            .map(|limit| Limit { zone: zone("connect", context, id), number: limit.get() }),
        auth: forward.auth.as_ref().map(|auth| auth_view(&auth.value, &name)),
        compression: forward
            .compression
            .iter()
            .filter(|_| !tunnel)
            .flat_map(|types| &types.value)
            .map(|media_type| media_type.as_str().to_owned())
            // nginx always compresses this one, and warns where it is listed.
            .filter(|media_type| media_type != "text/html")
            .collect(),
        error_pages: error_pages(forward, &name),
        headers: headers::request(id, forward, listener, tunnel, context),
        response,
        snippets: snippets(context, SnippetPlace::Route, |route| route == id),
    }
}

pub(super) fn error_pages(forward: &Forward, name: &str) -> Vec<ErrorPage> {
    let page = |(status, file): &(_, _)| {
        let status: &wsgen_model::located::Located<wsgen_model::scalar::StatusCode> = status;
        let file: &wsgen_model::located::Located<wsgen_model::scalar::FilePath> = file;
        ErrorPage {
            status: status.get(),
            location: Raw(format!("/.wsgen/error/{name}/{}", status.get())),
            file: value(file.as_str()),
        }
    };
    forward.error_pages.iter().map(page).collect()
}

fn tls(upstream: &Upstream) -> Option<UpstreamTls> {
    let tls = upstream.tls.as_ref()?;
    let first = upstream.servers.first().and_then(|server| server.address.value.host());
    let name = tls.server_name.as_ref().map(|name| name.value.to_string()).or(first);
    Some(UpstreamTls {
        name: name.map(|name| value(&name)),
        ca: tls.ca.as_ref().map(|file| literal(file.as_str())),
        verify: *tls.verify,
    })
}

fn auth_view(auth: &Auth, name: &str) -> AuthView {
    match auth {
        Auth::Forward { copy_headers, .. } => AuthView {
            location: Some(Raw(format!("/.wsgen/auth/{name}"))),
            copies: copy_headers
                .iter()
                .enumerate()
                .filter_map(|(number, header)| {
                    let answer =
                        headers::variable(header.as_str())?.replace("$http_", "$upstream_http_");
                    Some((Raw(format!("$wsgen_auth_{name}_{number}")), Raw(answer)))
                })
                .collect(),
            realm: None,
            users: None,
        },
        Auth::Basic { users_file, realm } => AuthView {
            location: None,
            copies: Vec::new(),
            // nginx puts it between quotes as it is.
            realm: Some(value(&escaped(realm.as_str()))),
            users: Some(value(users_file.as_str())),
        },
    }
}

/// `rewrite` replaces the whole path, so what is around the match is captured and put back; the groups of the
/// pattern move up by the one before them.
fn regex(pattern: &str, to: &str) -> (Raw, Raw) {
    let mut moved = String::new();
    let mut rest = to;
    while let Some(at) = rest.find('$') {
        moved.push_str(&rest[..at]);
        let digit = rest[at + 1..].chars().next().and_then(|c| c.to_digit(10)).unwrap_or(0);
        moved.push_str(&format!("${}", digit + 1));
        rest = &rest[at + 2..];
    }
    moved.push_str(rest);
    let whole = format!("^(?<wsgen_before>.*?)(?:{pattern})(?<wsgen_after>.*)$");
    (literal(&whole), with_variables(&format!("${{wsgen_before}}{moved}${{wsgen_after}}")))
}
