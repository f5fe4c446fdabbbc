//! Questions about HTTP itself: handshakes that are none or nearly one, forged fields in other spellings, bodies that are too
//! long. A rendered configuration has lines of its own for each, and no text and no route speaks of them. The model and the
//! new server are compared; what the original does with them its importer does not say.

use wsgen_model::config::WebSocketMode;
use wsgen_model::site::{Forward, ListenerId, RouteId, Site};

use super::probe::Probe;
use crate::peer::handshake::KEY;

/// The most listeners and routes that are asked.
const ROUTES: usize = 8;
/// Longer bodies are not sent.
const LONGEST: u64 = 64 << 10;

/// Returns the questions, made from handshakes and requests that were made up for routes.
pub(super) fn probes(site: &Site, known: &[Probe]) -> Vec<Probe> {
    let mut all = Vec::new();
    let mut seen: Vec<(ListenerId, RouteId)> = Vec::new();
    for probe in known.iter().filter(|probe| probe.method == "GET") {
        let Some(id) = probe.route(site) else { continue };
        let Some(forward) = site.routes[id.0].forward() else { continue };
        if seen.contains(&(probe.listener, id)) || seen.len() >= ROUTES {
            continue;
        }
        seen.push((probe.listener, id));
        let base = Base { probe };
        base.forged(&mut all);
        if *forward.websocket.mode != WebSocketMode::Deny {
            base.handshakes(&mut all);
        }
        base.bodies(forward, &mut all);
    }
    all
}

/// A request whose target and fields others have too.
struct Base<'a> {
    probe: &'a Probe,
}

/// Parts of a handshake that questions vary.
struct Spoken {
    version: &'static str,
    upgrade: &'static str,
    connection: &'static str,
    more: &'static str,
}

const USUAL: Spoken =
    Spoken { version: "1.1", upgrade: "websocket", connection: "Upgrade", more: "" };

impl Base<'_> {
    /// A question with this text and these words for it.
    fn question(&self, what: &str, handshake: bool, text: String) -> Probe {
        let title = format!("{what} {} of {}", self.probe.target, self.probe.host);
        Probe { handshake, text, title, rendered: true, ..self.probe.clone() }
    }

    /// The lines that decide about the route.
    fn lines(&self) -> String {
        let fields = self.probe.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("Host: {}\r\n{}", self.probe.host, fields.collect::<String>())
    }

    /// Handshakes that are none, or that something is odd about (RFC 6455 section 4.2.1, RFC 9110 section 7.8).
    fn handshakes(&self, all: &mut Vec<Probe>) {
        for (what, handshake, spoken) in [
            ("Upgrade: h2c,", false, Spoken { upgrade: "h2c", ..USUAL }),
            ("Upgrade: websocket, h2c,", false, Spoken { upgrade: "websocket, h2c", ..USUAL }),
            ("Upgrade: other,", false, Spoken { upgrade: "other", ..USUAL }),
            ("HTTP/1.0 and Upgrade,", false, Spoken { version: "1.0", ..USUAL }),
            ("Upgrade without Connection,", false, Spoken { connection: "keep-alive", ..USUAL }),
            ("WebSocket with a body,", true, Spoken { more: "Content-Length: 5\r\n", ..USUAL }),
            (
                "WebSocket of another origin,",
                true,
                Spoken { more: "Origin: http://elsewhere.example\r\n", ..USUAL },
            ),
        ] {
            let Spoken { version, upgrade, connection, more } = spoken;
            let body = if more.starts_with("Content-Length") { "hello" } else { "" };
            // Servers take what is no handshake for a plain request, or refuse it.
            let no_tunnel = version == "1.0" || !body.is_empty();
            let text = format!(
                "GET {} HTTP/{version}\r\n{}Upgrade: {upgrade}\r\nConnection: {connection}\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}\r\n{body}",
                self.probe.target,
                self.lines()
            );
            all.push(Probe { no_tunnel, ..self.question(what, handshake, text) });
        }
    }

    /// Fields that the proxy vouches for in other spellings, and `Connection` with the names of such fields.
    fn forged(&self, all: &mut Vec<Probe>) {
        for (what, more) in [
            (
                "GET with X_Forwarded_For",
                "X_Forwarded_For: 203.0.113.9\r\nX_Real_IP: 203.0.113.9\r\n\
                 X-Forwarded_Proto: gopher\r\nConnection: close\r\n",
            ),
            (
                "GET with Connection: X-Forwarded-For",
                "Connection: close, X-Forwarded-For, X-Forwarded-Proto, X-Real-IP\r\n",
            ),
        ] {
            let text = format!("GET {} HTTP/1.1\r\n{}{more}\r\n", self.probe.target, self.lines());
            all.push(self.question(what, false, text));
        }
        let host = &self.probe.host;
        let text = format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n");
        all.push(self.question("CONNECT ahead of", false, text));
    }

    /// A body that is longer than the route takes.
    fn bodies(&self, forward: &Forward, all: &mut Vec<Probe>) {
        let Some(most) = &forward.max_body_bytes else { return };
        let length = most.value.get() + 1;
        if length > LONGEST {
            return;
        }
        let body = "x".repeat(usize::try_from(length).unwrap_or_default());
        let text = format!(
            "POST {} HTTP/1.1\r\n{}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}",
            self.probe.target,
            self.lines()
        );
        all.push(self.question("POST of a long body,", false, text));
    }
}
