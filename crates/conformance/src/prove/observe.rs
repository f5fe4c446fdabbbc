//! What comes of a question: the answer, and what the application behind saw.

use std::collections::BTreeMap;

use crate::own::moved::Moved;
use crate::own::{Own, Sent};
use crate::peer::Seen;
use crate::prove::probe::Probe;
use crate::stage::Stage;
use crate::verdict::Trouble;
use crate::wire::frame::{Frame, TEXT};

/// An observation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Observed {
    /// 0 where the connection ended without an answer.
    pub(super) status: u16,
    pub(super) location: String,
    /// The server that was reached, by its address in the configuration.
    pub(super) by: String,
    /// The target that it saw.
    pub(super) target: String,
    /// The fields that it saw.
    pub(super) fields: BTreeMap<String, String>,
    /// The fields of the answer.
    pub(super) answer: BTreeMap<String, String>,
    /// Whether a message came back.
    pub(super) echoes: bool,
}

/// Fields of one connection, of the clock, and of the harness.
const NOISE: [&str; 24] = [
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "date",
    "server",
    "via",
    "accept-ranges",
    "etag",
    "last-modified",
    "vary",
    "x-teller",
    "x-told",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-accept",
    "origin",
    "content-type",
    "alt-svc",
    "www-authenticate",
    "proxy-connection",
];

/// Asks a server.
pub(super) async fn ask(stage: &Stage, own: &Own, moved: &Moved, probe: &Probe) -> Observed {
    observed(stage, own, moved, probe).await.unwrap_or_default()
}

async fn observed(
    stage: &Stage,
    own: &Own,
    moved: &Moved,
    probe: &Probe,
) -> Result<Observed, Trouble> {
    let sent = Sent { host: probe.host.clone(), text: probe.text() };
    let mut answered = moved.ask(stage, own, probe.listener, &sent).await?;
    let status = answered.head.status();
    let body = if status == 101 || probe.method == "HEAD" {
        Vec::new()
    } else {
        answered.wire.body(&answered.head).await.unwrap_or_default()
    };
    let mut echoes = false;
    if status == 101 {
        answered.wire.send_frame(&Frame::client(TEXT, "there?")).await?;
        echoes = answered.wire.frame().await? == Frame::server(TEXT, "there?");
    }
    let seen = Seen::of(answered.head.clone(), &body);
    let reached = !seen.by.is_empty();
    let fields = |all: &[(String, String)]| {
        let mut map: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in all {
            let name = name.to_lowercase();
            if !NOISE.contains(&name.as_str()) {
                map.entry(name)
                    .and_modify(|known| *known = format!("{known}, {value}"))
                    .or_insert_with(|| value.clone());
            }
        }
        map
    };
    let told = |mut fields: BTreeMap<String, String>| {
        if let Some(value) = fields.get_mut("forwarded") {
            *value = in_order(value);
        }
        fields
    };
    let mut answer = fields(&answered.head.fields);
    let location = answer.remove("location").unwrap_or_default();
    Ok(Observed {
        status,
        location: without_port(&location, moved, probe),
        by: seen.by.clone(),
        target: if reached { seen.head.target().to_owned() } else { String::new() },
        fields: if reached { told(fields(&seen.head.fields)) } else { BTreeMap::new() },
        answer,
        echoes,
    })
}

/// The parts of a `Forwarded` in one order and without quotes, which mean nothing (RFC 7239 section 4).
fn in_order(value: &str) -> String {
    let elements = value.split(',').map(|element| {
        let mut parts: Vec<String> =
            element.split(';').map(|part| part.trim().replace('"', "")).collect();
        parts.sort();
        parts.join(";")
    });
    elements.collect::<Vec<_>>().join(", ")
}

/// A Location without the port of the listener, which is another one for each server.
fn without_port(location: &str, moved: &Moved, probe: &Probe) -> String {
    moved.address(probe.listener).map_or_else(
        || location.to_owned(),
        |address| location.replace(&format!(":{}", address.port()), ""),
    )
}
