//! `wsgen probe`.

use std::time::Instant;

use tokio::net::TcpStream;
use wsgen_conformance::peer::handshake;
use wsgen_conformance::transcript::Transcript;
use wsgen_conformance::verdict::{Trouble, Verdict};
use wsgen_conformance::wire::frame::{BINARY, CLOSE, Frame, PING, PONG, TEXT};
use wsgen_conformance::wire::{Versions, Wire, client_tls};

use crate::args::ProbeArguments;
use crate::output::{self, Exit, Failure};

pub(super) fn run(arguments: &ProbeArguments) -> Result<Exit, Failure> {
    let place = Place::parse(&arguments.url)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(format!("cannot start: {error}"), "report this"))?;
    match runtime.block_on(probe(arguments, &place)) {
        Ok(exit) => exit,
        Err(Trouble::Failed(failed)) => {
            output::print(&format!(
                "expected: {}\nobserved: {}\n",
                failed.expected, failed.observed
            ))?;
            Ok(Exit::Findings)
        }
        Err(Trouble::Broken(why)) => Err(Failure::new(why, "check the address")),
    }
}

/// Where a URL leads.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    tls: bool,
    host: String,
    port: u16,
    target: String,
}

impl Place {
    fn parse(url: &str) -> Result<Self, Failure> {
        let bad = || {
            Failure::new(
                format!("`{url}` is no URL of a WebSocket"),
                "write ws://HOST:PORT/PATH or wss://…",
            )
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
        let tls = match scheme {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(bad()),
        };
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(cut);
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| bad())?),
            _ => (authority, if tls { 443 } else { 80 }),
        };
        let plain = |c: char| c.is_ascii_graphic();
        if host.is_empty() || !target.chars().all(plain) || !host.chars().all(plain) {
            return Err(bad());
        }
        Ok(Self { tls, host: host.to_owned(), port, target })
    }

    /// Host as a client sends it.
    fn authority(&self) -> String {
        let own = if self.tls { 443 } else { 80 };
        if self.port == own { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

async fn probe(arguments: &ProbeArguments, place: &Place) -> Verdict<Result<Exit, Failure>> {
    let began = Instant::now();
    let transcript = Transcript::default();
    let address = (place.host.trim_matches(['[', ']']), place.port);
    let tcp = TcpStream::connect(address).await;
    let tcp = tcp.map_err(|error| {
        Trouble::broken(format!("cannot connect to {}: {error}", arguments.url))
    })?;
    let mut wire = if place.tls {
        let name = place.host.trim_matches(['[', ']']);
        client_tls(tcp, name, "http/1.1", Versions::Both, None, &transcript).await?.0
    } else {
        Wire::new(tcp, "client", &transcript)
    };
    let mut fields = format!("Host: {}\r\n", place.authority());
    if let Some(origin) = &arguments.origin {
        fields.push_str(&format!("Origin: {origin}\r\n"));
    }
    for field in &arguments.header {
        fields.push_str(&format!("{field}\r\n"));
    }
    wire.send(handshake::request(&place.target, &fields)).await?;
    let head = wire.answer().await?;
    let mut said = format!("{head}\n({} ms)\n", began.elapsed().as_millis());
    if head.status() != 101 {
        return Ok(output::print(&said).map(|()| Exit::Findings));
    }
    let accepted =
        head.field("sec-websocket-accept") == Some(handshake::accept_key(handshake::KEY));
    if !accepted {
        said.push_str("it does NOT accept the key: no browser would open this\n");
        return Ok(output::print(&said).map(|()| Exit::Findings));
    }
    said.push_str("it accepts the key\n");
    let asked = Instant::now();
    wire.send_frame(&Frame::client(PING, "wsgen")).await?;
    wire.send_frame(&Frame::client(TEXT, &arguments.message)).await?;
    wire.send_frame(&Frame::client(CLOSE, 1000_u16.to_be_bytes())).await?;
    // Whatever comes until it closes.
    while let Ok(frame) = wire.frame().await {
        let text = String::from_utf8_lossy(&frame.payload).into_owned();
        let what = match frame.opcode {
            TEXT => format!("text: {text}"),
            BINARY => format!("{} bytes", frame.payload.len()),
            PONG => "pong".to_owned(),
            PING => "ping".to_owned(),
            CLOSE => {
                let code = frame
                    .payload
                    .get(..2)
                    .map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
                said.push_str(&format!("close {code} ({} ms)\n", asked.elapsed().as_millis()));
                break;
            }
            other => format!("a frame of opcode {other}"),
        };
        said.push_str(&format!("{what} ({} ms)\n", asked.elapsed().as_millis()));
    }
    Ok(output::print(&said).map(|()| Exit::Success))
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn urls_are_read() {
        let place = |url: &str| {
            let place = Place::parse(url).unwrap();
            (place.tls, place.host.clone(), place.port, place.target.clone(), place.authority())
        };
        let owned = |t: (bool, &str, u16, &str, &str)| {
            (t.0, t.1.to_owned(), t.2, t.3.to_owned(), t.4.to_owned())
        };
        for (url, expected) in [
            ("ws://a.test/ws?x=1", (false, "a.test", 80, "/ws?x=1", "a.test")),
            ("wss://a.test", (true, "a.test", 443, "/", "a.test")),
            ("ws://127.0.0.1:8080?x", (false, "127.0.0.1", 8080, "/?x", "127.0.0.1:8080")),
            ("ws://[::1]:81/", (false, "[::1]", 81, "/", "[::1]:81")),
        ] {
            assert_eq!(place(url), owned(expected), "{url}");
        }
        for url in ["a.test", "ftp://a", "ws://", "ws://a:x/", "ws://a/b c", "ws://a/\r\nX: y"] {
            assert!(Place::parse(url).is_err(), "{url}");
        }
    }
}
