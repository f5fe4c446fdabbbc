//! What comes of a question: the answer, and what the application behind saw.

use std::collections::BTreeMap;

use crate::own::moved::{Answered, Moved};
use crate::own::{Own, Sent};
use crate::peer::Seen;
use crate::prove::probe::Probe;
use crate::stage::Stage;
use crate::verdict::Trouble;
use crate::wire::Head;
use crate::wire::frame::{Frame, TEXT};

/// What a server did with one question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// The status of the answer; 0 where the connection ended without one.
    pub(crate) status: u16,
    /// The answer's `Location`; empty where there is none.
    pub(crate) location: String,
    /// The name of the application that was reached; empty where the server answered by itself.
    pub(crate) by: String,
    /// The target that the application saw.
    pub(crate) target: String,
    /// The fields that the application saw, by lower-case names.
    pub(crate) fields: BTreeMap<String, String>,
    /// The fields of the answer, by lower-case names.
    pub(crate) answer: BTreeMap<String, String>,
    /// The `Upgrade` that the application saw, and whether `Connection` lists it.
    pub(crate) upgrade: String,
    /// Whether a message through the tunnel came back.
    pub(crate) echoes: bool,
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
    let sent = Sent { host: probe.host.clone(), text: probe.text.clone() };
    let answered = moved.ask(stage, own, probe.listener, &sent).await?;
    let mut observed = read(answered, probe.method == "HEAD").await?;
    observed.location = without_port(&observed.location, moved, probe);
    Ok(observed)
}

/// Reads what came for a question; `head` says that the answer has no body.
pub(crate) async fn read(mut answered: Answered, head: bool) -> Result<Observed, Trouble> {
    let status = answered.head.status();
    // RFC 9110 section 6.4.1: none of these has a body.
    let body = if [101, 204, 304].contains(&status) || head {
        Vec::new()
    } else {
        answered.wire.body(&answered.head).await.unwrap_or_default()
    };
    let mut echoes = false;
    if status == 101 {
        // A tunnel that breaks is one all the same.
        let sent = answered.wire.send_frame(&Frame::client(TEXT, "there?")).await;
        let frame = answered.wire.frame().await;
        echoes = sent.is_ok() && frame.is_ok_and(|frame| frame == Frame::server(TEXT, "there?"));
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
        location,
        by: seen.by.clone(),
        target: if reached { seen.head.target().to_owned() } else { String::new() },
        upgrade: if reached { upgrade(&seen.head) } else { String::new() },
        fields: if reached { told(fields(&seen.head.fields)) } else { BTreeMap::new() },
        answer,
        echoes,
    })
}

/// Part of `Observed::upgrade` for a request whose `Connection` lists `upgrade`.
pub(super) const LISTED: &str = "Connection: upgrade";

/// Returns the `Upgrade` of a request and whether its `Connection` lists `upgrade` (RFC 9110 section 7.8).
fn upgrade(head: &Head) -> String {
    let listed = if head.lists("connection", "upgrade") { LISTED } else { "" };
    let field = head.field("upgrade").map(|value| format!("Upgrade: {} ", value.to_lowercase()));
    format!("{}{listed}", field.unwrap_or_default())
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
