//! Heads on their way: hop-by-hop fields stay behind, what the model edits is edited, the rest passes with its
//! names, values and order.

use std::borrow::Cow;
use std::net::IpAddr;

use wsgen_model::config::{
    ForwardedHeader, ForwardedMode, ForwardedStyle, HostPolicy, PassOrStrip, Subprotocols,
};
use wsgen_model::site::{Forward, HeaderEdit};
use wsgen_model::spelling::FORWARDED_FIELDS;

use crate::forward_auth::Copied;
use crate::head::{RequestHead, ResponseHead, find, tokens};

/// What a request's head is written from.
pub(crate) struct Outgoing<'a> {
    /// The request as it came.
    pub(crate) head: &'a RequestHead,
    /// What the route says.
    pub(crate) forward: &'a Forward,
    /// The path with its query, as the upstream gets it.
    pub(crate) target: &'a str,
    /// Whether a tunnel is asked for.
    pub(crate) tunnel: bool,
    /// Host as it was asked for.
    pub(crate) host: &'a str,
    /// The server's own address.
    pub(crate) server: &'a str,
    /// Who connected, and whether that is a trusted proxy.
    pub(crate) peer: IpAddr,
    /// Whether the peer is believed.
    pub(crate) trusted: bool,
    /// Whom the peer speaks for, or the peer.
    pub(crate) client: IpAddr,
    /// Whether the client came by TLS.
    pub(crate) secure: bool,
    /// Fields from the answer of a service that was asked.
    pub(crate) copied: &'a Copied,
}

impl Outgoing<'_> {
    /// Whether the peer is believed when it names the client (`forwarded/append`).
    fn believes(&self) -> bool {
        *self.forward.forwarded.mode == ForwardedMode::Append && self.trusted
    }
}

/// Fields of one connection (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "upgrade",
    "transfer-encoding",
];

/// The fields that a message says are its connection's own. Where a body ends and whose it is are not: whoever
/// could have them taken out could hide a request in a body.
pub(crate) fn named(fields: &[(String, Vec<u8>)]) -> Vec<String> {
    let kept = ["content-length", "host"];
    tokens(fields, "connection").filter(|token| !kept.contains(&token.as_str())).collect()
}

pub(crate) fn is_hop_by_hop(name: &str, named: &[String]) -> bool {
    HOP_BY_HOP.iter().any(|known| known.eq_ignore_ascii_case(name))
        || named.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Whether an edit takes a field's old lines away.
fn is_replaced(edit: &HeaderEdit, name: &str) -> bool {
    edit.remove.iter().any(|known| known.value.is(name))
        || edit.set.iter().any(|(known, _)| known.value.is(name))
}

fn edited(out: &mut Vec<u8>, edit: &HeaderEdit) {
    for (name, value) in edit.set.iter().chain(&edit.add) {
        line(out, name.value.as_str(), value.value.as_str().as_bytes());
    }
}

/// The head that a server gets.
pub(crate) fn request(from: &Outgoing<'_>) -> Vec<u8> {
    let Outgoing { head, forward, .. } = from;
    let mut out = Vec::with_capacity(1024);
    // A client of HTTP/1.0 knows no chunks; its server must send none.
    let version = match head.version {
        wsgen_model::routing::Version::Http10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    };
    for part in [&head.method, " ", from.target, " ", version, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    let host = match &*forward.host {
        HostPolicy::Preserve => Cow::Borrowed(from.host),
        HostPolicy::Upstream => Cow::Borrowed(from.server),
        HostPolicy::Literal(name) => Cow::Owned(name.to_string()),
    };
    line(&mut out, "Host", host.as_bytes());
    let named = named(&head.fields);
    let told = told(from);
    for (name, value) in &head.fields {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        let believed = from.believes()
            && FORWARDED_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(name));
        let own = is("host")
            || is("trailer")
            || forward.vouches_for(name) && !believed
            || *forward.buffer_request && is("expect")
            || is_hop_by_hop(name, &named)
            || told.iter().any(|(known, _)| is(known))
            || is("sec-websocket-protocol")
                && *forward.websocket.subprotocols != Subprotocols::Pass
            || from.tunnel
                && is("sec-websocket-extensions")
                && *forward.websocket.compression == PassOrStrip::Strip;
        if !own {
            line(&mut out, name, value);
        }
    }
    for (name, value) in &told {
        if !is_replaced(&forward.request_headers, name) {
            line(&mut out, name, value.as_bytes());
        }
    }
    for (name, value) in from.copied {
        if let Some(value) = value {
            line(&mut out, name, value);
        }
    }
    if let Subprotocols::Only(names) = &*forward.websocket.subprotocols {
        let listed = |token: &String| names.iter().any(|name| name.as_str() == *token);
        let offer =
            head.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case("sec-websocket-protocol"));
        let offer = offer.flat_map(|(_, value)| value.split(|b| *b == b','));
        let offer = offer.map(|token| String::from_utf8_lossy(token).trim().to_owned());
        let kept: Vec<_> = offer.filter(listed).collect();
        if !kept.is_empty() {
            line(&mut out, "Sec-WebSocket-Protocol", kept.join(", ").as_bytes());
        }
    }
    edited(&mut out, &forward.request_headers);
    if from.tunnel {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    } else if find(&head.fields, "transfer-encoding").is_some() {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// What the upstream is told of the client (`forwarded/replace`, `forwarded/append`).
fn told<'a>(from: &Outgoing<'a>) -> Vec<(&'static str, Cow<'a, str>)> {
    let forwarded = &from.forward.forwarded;
    if *forwarded.mode == ForwardedMode::Off {
        return Vec::new();
    }
    let append = from.believes();
    let scheme = if from.secure { "https" } else { "http" };
    let said = |name: &str| {
        let lines = from.head.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let lines: Vec<_> = lines.map(|(_, v)| String::from_utf8_lossy(v).into_owned()).collect();
        (append && !lines.is_empty()).then(|| lines.join(", "))
    };
    let mut fields = Vec::new();
    if forwarded.headers.contains(&ForwardedHeader::RealIp) {
        fields.push(("X-Real-IP", from.client.to_string().into()));
    }
    if *forwarded.style != ForwardedStyle::Forwarded {
        for header in &*forwarded.headers {
            fields.push(match header {
                ForwardedHeader::RealIp => continue,
                ForwardedHeader::For => (
                    "X-Forwarded-For",
                    Cow::Owned(said("x-forwarded-for").map_or_else(
                        || from.client.to_string(),
                        |said| format!("{said}, {}", from.peer),
                    )),
                ),
                ForwardedHeader::Proto => (
                    "X-Forwarded-Proto",
                    said("x-forwarded-proto").map_or(Cow::Borrowed(scheme), Cow::Owned),
                ),
                ForwardedHeader::Host => (
                    "X-Forwarded-Host",
                    said("x-forwarded-host").map_or(Cow::Borrowed(from.host), Cow::Owned),
                ),
            });
        }
    }
    if *forwarded.style != ForwardedStyle::XForwarded {
        // RFC 7239 section 6: an IPv6 address stands in brackets and quotes.
        let parts = forwarded.headers.iter().filter_map(|header| match header {
            ForwardedHeader::For if from.client.is_ipv6() => {
                Some(format!("for=\"[{}]\"", from.client))
            }
            ForwardedHeader::For => Some(format!("for={}", from.client)),
            ForwardedHeader::Proto => Some(format!("proto={scheme}")),
            ForwardedHeader::Host => Some(format!("host=\"{}\"", from.host)),
            ForwardedHeader::RealIp => None,
        });
        let own = parts.collect::<Vec<_>>().join(";");
        let all = match said("forwarded") {
            Some(said) => format!("{said}, {own}"),
            None => own,
        };
        fields.push(("Forwarded", all.into()));
    }
    fields
}

/// The head that a client gets. `sticky` is the line that tells it its server (`sticky/visible`).
pub(crate) fn response(
    head: &ResponseHead,
    edit: &HeaderEdit,
    sticky: Option<&str>,
    connection: &str,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    let mut status = [b' '; 4];
    for (at, power) in [(0, 100), (1, 10), (2, 1)] {
        // A status has three digits: the reader of heads takes no other.
        status[at] = b'0' + u8::try_from(head.status / power % 10).unwrap_or(0);
    }
    for part in [b"HTTP/1.1 ".as_slice(), &status, head.reason.as_bytes(), b"\r\n"] {
        out.extend_from_slice(part);
    }
    let named = named(&head.fields);
    // An interim answer, a 101 and a 204 have no length either (RFC 9110 section 8.6).
    let unsized_ = head.status < 200 || head.status == 204;
    for (name, value) in &head.fields {
        if unsized_ && name.eq_ignore_ascii_case("content-length") {
            continue;
        }
        // A 426 says what to ask for (RFC 9110 section 15.5.22).
        let says = head.status == 426 && name.eq_ignore_ascii_case("upgrade");
        if says || !is_hop_by_hop(name, &named) && !is_replaced(edit, name) {
            line(&mut out, name, value);
        }
    }
    edited(&mut out, edit);
    if let Some(cookie) = sticky {
        line(&mut out, "Set-Cookie", cookie.as_bytes());
    }
    // Without a body there are no chunks, whatever a server says (RFC 9112 section 6.1).
    if head.framing.is_some() && find(&head.fields, "transfer-encoding").is_some() {
        line(&mut out, "Transfer-Encoding", b"chunked");
    }
    if head.status == 101 {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    } else if !connection.is_empty() {
        line(&mut out, "Connection", connection.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}
