//! `wsgen probe`.

use std::time::Instant;

use tokio::net::TcpStream;
use wsgen_conformance::peer::handshake;
use wsgen_conformance::transcript::Transcript;
use wsgen_conformance::verdict::{Trouble, Verdict};
use wsgen_conformance::wire::frame::{BINARY, CLOSE, Frame, PING, PONG, TEXT};
use wsgen_conformance::wire::{Url, Versions, Wire, client_tls};

use crate::args::ProbeArguments;
use crate::output::{self, Exit, Failure};

pub(super) fn run(arguments: &ProbeArguments) -> Result<Exit, Failure> {
    let url = &arguments.url;
    let place = Url::parse(url).ok_or_else(|| {
        Failure::new(
            format!("`{url}` is no URL of a WebSocket"),
            "write ws://HOST:PORT/PATH or wss://…",
        )
    })?;
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

async fn probe(arguments: &ProbeArguments, place: &Url) -> Verdict<Result<Exit, Failure>> {
    let began = Instant::now();
    let transcript = Transcript::default();
    let tcp = TcpStream::connect((place.name(), place.port)).await;
    let tcp = tcp.map_err(|error| {
        Trouble::broken(format!("cannot connect to {}: {error}", arguments.url))
    })?;
    let mut wire = if place.tls {
        client_tls(tcp, place.name(), "http/1.1", Versions::Both, None, &transcript).await?.0
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
