//! What a route asks of the traffic that it carries.

use crate::decode::{Decode, Decoder, Map};
use crate::field::{Shape, choice, section};
use crate::located::Located;
use crate::scalar::{
    FilePath, HeaderName, HeaderValue, Hostname, HttpUrl, Line, Origin, Token, Whole,
};
use crate::tree::{Node, Value};

choice! {
    /// What becomes of WebSocket requests and of plain ones.
    enum WebSocketMode {
        /// Both pass.
        Allow = "allow",
        /// Plain HTTP is answered with 426.
        Require = "require",
        /// A handshake is served as plain HTTP.
        Deny = "deny",
    }
}

choice! {
    /// Whether something passes.
    enum AllowOrDeny {
        /// It does.
        Allow = "allow",
        /// It is refused.
        Deny = "deny",
    }
}

choice! {
    /// Whether an offer passes.
    enum PassOrStrip {
        /// Unchanged.
        Pass = "pass",
        /// It is taken out.
        Strip = "strip",
    }
}

choice! {
    /// What becomes of the forwarded fields that a client sent.
    enum ForwardedMode {
        /// They are overwritten.
        Replace = "replace",
        /// They are kept and added to, if the peer is trusted.
        Append = "append",
        /// They are neither read nor written.
        Off = "off",
    }
}

choice! {
    /// What is told of the client.
    enum ForwardedHeader {
        /// Its address.
        For = "for",
        /// The scheme that it used.
        Proto = "proto",
        /// The host that it asked.
        Host = "host",
        /// Its address alone, as `X-Real-IP`, whatever the style and the mode.
        RealIp = "real_ip",
    }
}

choice! {
    /// How it is told.
    enum ForwardedStyle {
        /// `X-Forwarded-For` and its kin.
        XForwarded = "x_forwarded",
        /// `Forwarded` (RFC 7239).
        Forwarded = "forwarded",
        /// Both.
        Both = "both",
    }
}

choice! {
    /// Failures after which a request is tried again.
    enum RetryOn {
        /// No connection could be established.
        ConnectFailure = "connect_failure",
    }
}

section! {
    /// WebSocket rules of a route.
    merged struct WebSocket: Own @ Route {
        /// What becomes of WebSocket requests and of plain ones.
        optional mode: WebSocketMode = "allow", MODE_ALLOW;
        /// Origins that may open a tunnel; any where left out.
        optional origins: Vec<Located<Origin>> = "", ORIGIN_CHECK;
        /// Handshakes without an Origin: programs, not browsers.
        optional missing_origin: AllowOrDeny = "allow", ORIGIN_MISSING;
        /// Subprotocols that may be asked for.
        optional subprotocols: Subprotocols = "pass", HANDSHAKE_FIELDS;
        /// The offer to compress messages.
        optional compression: PassOrStrip = "pass", HANDSHAKE_FIELDS;
        /// Tunnels to the upstream over HTTP/2 (RFC 8441).
        optional upstream_h2: bool = "false", HANDSHAKE_EXTENDED_CONNECT;
    }
}

section! {
    /// What the upstream is told of the client.
    merged struct Forwarded: Own @ Route {
        /// What becomes of the fields that the client sent.
        optional mode: ForwardedMode = "replace", FORWARDED_REPLACE;
        /// What is told.
        optional headers: Vec<Located<ForwardedHeader>> = "[for, proto, host]", FORWARDED_REPLACE;
        /// How it is told.
        optional style: ForwardedStyle = "x_forwarded", FORWARDED_REPLACE;
    }
}

section! {
    /// Changes to header fields, in this order: remove, set, add.
    whole struct HeaderEdit: Own @ Route {
        /// Fields that get this value, whatever was there.
        optional set: Map<HeaderName, HeaderValue> = "", HEADERS_EDIT;
        /// Field lines that are added.
        optional add: Map<HeaderName, HeaderValue> = "", HEADERS_EDIT;
        /// Fields that are taken out.
        optional remove: Vec<Located<HeaderName>> = "", HEADERS_EDIT;
    }
}

section! {
    /// Who may use a route: exactly one of the two.
    whole struct Auth: Own @ Route {
        /// Asks another service.
        optional forward: ForwardAuth = "", AUTH_FORWARD;
        /// Asks for a name and a password.
        optional basic: BasicAuth = "", AUTH_BASIC;
    }
}

section! {
    /// Asking another service: 2xx lets a request pass, anything else is the answer.
    whole struct ForwardAuth: Own @ Route {
        /// Where.
        required url: HttpUrl = "", AUTH_FORWARD;
        /// Fields of its answer that the upstream gets.
        optional copy_headers: Vec<Located<HeaderName>> = "", AUTH_FORWARD;
    }
}

section! {
    /// A name and a password (RFC 7617).
    whole struct BasicAuth: Own @ Route {
        /// Users in htpasswd form: bcrypt, SHA-crypt or MD5-crypt (`$apr1$`).
        required users_file: FilePath = "", AUTH_BASIC;
        /// What the browser shows.
        optional realm: Line = "Restricted", AUTH_BASIC;
    }
}

section! {
    /// Trying again.
    whole struct Retries: Own @ Route {
        /// Tries in all.
        required attempts: Whole<1, 10> = "", RETRY_SAFE;
        /// After which failures.
        optional on: Vec<Located<RetryOn>> = "[connect_failure]", RETRY_SAFE;
    }
}

section! {
    /// Holding bodies back until they are whole or a buffer is full.
    whole struct Buffering: Own @ Route {
        /// Request bodies.
        optional request: bool = "false", BODY_BUFFERING;
        /// Response bodies; server-sent events want `false`.
        optional response: bool = "false", BODY_BUFFERING;
    }
}

section! {
    /// Compressing response bodies of plain HTTP.
    whole struct Compression: Own @ Route {
        /// Media types that are compressed.
        required types: Vec<Located<MediaType>> = "", BODY_COMPRESSION;
    }
}

/// Which subprotocols may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subprotocols {
    /// Any; the offer is not touched.
    Pass,
    /// These; others are taken out of the offer.
    Only(Vec<Located<Token>>),
}

impl Decode for Subprotocols {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        if matches!(node.value, Value::Sequence(_)) {
            return Vec::decode(node, out).map(Self::Only);
        }
        out.word(node, &[("pass", "Any.")]).map(|_| Self::Pass)
    }

    fn shape() -> Shape {
        Shape::Either(vec![
            Shape::Choice(&[("pass", "Any; the offer is not touched.")]),
            Vec::<Token>::shape(),
        ])
    }
}

/// The Host that the upstream sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPolicy {
    /// As received, name and port.
    Preserve,
    /// The server's own address.
    Upstream,
    /// This name.
    Literal(Hostname),
}

impl Decode for HostPolicy {
    fn decode(node: &Node, out: &mut Decoder<'_>) -> Option<Self> {
        match node.scalar().map(|scalar| scalar.text.as_str()) {
            Some("preserve") => Some(Self::Preserve),
            Some("upstream") => Some(Self::Upstream),
            _ => out.scalar(node).map(Self::Literal),
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![
            Shape::Choice(&[
                ("preserve", "As received, name and port."),
                ("upstream", "The server's own address."),
            ]),
            Hostname::shape(),
        ])
    }
}

/// A media type without parameters (RFC 9110 section 8.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaType(String);

impl MediaType {
    /// `type/subtype`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl crate::decode::Scalar for MediaType {
    const SPEC: crate::field::ScalarSpec = crate::field::ScalarSpec {
        name: "MediaType",
        doc: "a media type without parameters",
        examples: &["text/html", "application/json"],
    };
    const CODE: crate::code::Code = crate::code::Code::BAD_HEADER;
    const QUOTED: bool = true;

    fn parse(text: &str) -> Result<Self, crate::decode::Problem> {
        match text.split_once('/') {
            Some((a, b)) if Token::parse(a).is_ok() && Token::parse(b).is_ok() => {
                Ok(Self(text.to_ascii_lowercase()))
            }
            _ => Err(crate::decode::Problem::new(
                format!("`{}` is not a media type", text.escape_debug()),
                "a type and a subtype such as `text/html`",
                "leave parameters such as `; charset=utf-8` out",
            )),
        }
    }
}

crate::decode::decode_scalar!(MediaType);
