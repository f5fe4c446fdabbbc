//! What is seen of a running server, a line each: what is sent, an arrow, what must come back.
//!
//! ```text
//! GET chat.test/a?b=1 | X-Debug: 1   => 200 | from app /a?b=1 | sees x-edge: a | lacks x-debug | says x-more: 1
//! WS chat.test/ws | Origin: null     => 101 | from chat /ws
//! IDLE */ws                          => 2s
//! SPREAD */                          => app app.2
//! POST */small | @body: 2000         => 413
//! GET */silent                       => 502 | on apache
//! ```
//!
//! `*` is any host. `from` is the upstream and the path that arrived, `sees` and `lacks` are fields that arrived
//! there, `says` and `hides` fields of the answer. `IDLE` opens a WebSocket, lets it echo, and measures how long it
//! lives in silence. `SPREAD` sends twelve requests and names everybody who answered. `on` limits a line to
//! targets; `REFUSED target => CODE` says that a target cannot be rendered, and why.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};

use super::PATIENCE;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One line.
pub(crate) struct Observation<'a> {
    pub(crate) verb: &'a str,
    host: &'a str,
    path: &'a str,
    fields: Vec<(&'a str, &'a str)>,
    expected: &'a str,
    wanted: Vec<(&'a str, &'a str)>,
    /// The targets that it is for; all where empty.
    targets: Vec<&'a str>,
    line: &'a str,
}

/// What came back.
#[derive(Default)]
struct Answer {
    status: u16,
    /// The upstream that answered, and the request line that it saw.
    from: String,
    seen_line: String,
    /// Everything in lower case.
    seen: Vec<String>,
    head: Vec<String>,
}

impl<'a> Observation<'a> {
    /// Reads one line.
    pub(crate) fn parse(line: &'a str) -> Self {
        let (sent, back) = line.split_once("=>").unwrap_or_else(|| panic!("no arrow: {line}"));
        let mut sent = sent.split('|').map(str::trim);
        let (verb, place) = sent.next().unwrap().split_once(' ').unwrap();
        let slash = place.find('/').unwrap_or(place.len());
        let (host, path) = place.split_at(slash);
        let mut back = back.split('|').map(str::trim);
        let expected = back.next().unwrap();
        let mut wanted: Vec<(&str, &str)> =
            back.map(|part| part.split_once(' ').unwrap_or((part, ""))).collect();
        let on = wanted.iter().position(|(word, _)| *word == "on");
        let targets = on.map_or(Vec::new(), |at| wanted.remove(at).1.split(' ').collect());
        let fields = sent.map(|part| part.split_once(": ").unwrap()).collect();
        Self {
            verb,
            host: if host == "*" { "any.test" } else { host },
            path,
            fields,
            expected,
            wanted,
            targets,
            line,
        }
    }

    /// Whether it is for a target.
    pub(crate) fn is_for(&self, target: &str) -> bool {
        self.targets.is_empty() || self.targets.contains(&target)
    }

    /// The code of a `REFUSED` line for a target.
    pub(crate) fn refused(&self, target: &str) -> Option<&'a str> {
        (self.verb == "REFUSED" && self.host == target).then_some(self.expected)
    }

    /// The host without its port.
    pub(crate) fn host_name(&self) -> &'a str {
        self.host.split(':').next().unwrap_or("")
    }

    fn request(&self) -> String {
        let mut body = String::new();
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.verb, self.path, self.host);
        for (name, value) in &self.fields {
            match *name {
                "@body" => {
                    body = "x".repeat(value.parse().unwrap());
                    head.push_str(&format!("Content-Length: {value}\r\n"));
                }
                name => head.push_str(&format!("{name}: {value}\r\n")),
            }
        }
        format!("{head}Connection: close\r\n\r\n{body}")
    }

    fn judge(&self, answer: &Answer) -> Result<(), String> {
        let fail = |what: &str| {
            Err(format!(
                "{}\n  {what}; got {} from {} `{}`\n  head {:?}\n  seen {:?}",
                self.line, answer.status, answer.from, answer.seen_line, answer.head, answer.seen
            ))
        };
        if !self.expected.split(' ').any(|status| status == answer.status.to_string()) {
            return fail("another status");
        }
        for (word, text) in &self.wanted {
            let lower = text.to_lowercase();
            let named = |list: &[String]| list.iter().any(|f| f.starts_with(&format!("{lower}:")));
            let good = match *word {
                "from" => {
                    let (name, path) = text.split_once(' ').unwrap_or((text, ""));
                    let line = format!(" {path} http/1.1");
                    answer.from == name
                        && (path.is_empty()
                            || answer.seen_line.to_lowercase().ends_with(&line.to_lowercase()))
                }
                "sees" => answer.seen.contains(&lower),
                "lacks" => !named(&answer.seen),
                "says" => answer.head.contains(&lower),
                "hides" => !named(&answer.head),
                other => panic!("{other} is no word of observations"),
            };
            if !good {
                return fail(&format!("`{word} {text}` does not hold"));
            }
        }
        Ok(())
    }
}

/// Makes an observation on a new connection each.
pub(crate) async fn observe<C, F>(wanted: &Observation<'_>, connect: C) -> Result<(), String>
where
    C: Fn() -> F,
    F: Future<Output = Box<dyn Stream>>,
{
    match wanted.verb {
        "WS" => wanted.judge(&websocket(wanted, connect().await).await?.0),
        "IDLE" => {
            let (_, socket) = websocket(wanted, connect().await).await?;
            let (mut socket, silent) =
                socket.ok_or_else(|| format!("{}: no tunnel", wanted.line))?;
            let seconds: f64 = wanted.expected.trim_end_matches('s').parse().unwrap();
            let end = tokio::time::timeout(Duration::from_secs_f64(seconds + 8.0), socket.next());
            let end = end.await.map_err(|_| format!("{}: the tunnel lives on", wanted.line))?;
            let lived = silent.elapsed().as_secs_f64();
            let window = seconds - 0.2..seconds + 5.0;
            let ends = end.is_none_or(|message| message.is_err()) && window.contains(&lived);
            if ends { Ok(()) } else { Err(format!("{}: ended after {lived:.1}s", wanted.line)) }
        }
        "SPREAD" => {
            let mut met = BTreeSet::new();
            let request = wanted.request().replace("SPREAD ", "GET ");
            for _ in 0..12 {
                met.insert(plain(&request, connect().await).await?.from);
            }
            let names: BTreeSet<String> = wanted.expected.split(' ').map(str::to_owned).collect();
            if met == names { Ok(()) } else { Err(format!("{}: met {met:?}", wanted.line)) }
        }
        _ => wanted.judge(&plain(&wanted.request(), connect().await).await?),
    }
}

async fn plain(request: &str, mut stream: Box<dyn Stream>) -> Result<Answer, String> {
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    // TLS may end without a farewell.
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    read.map_err(|_| format!("no end of the answer to {request}"))?.ok();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut answer = Answer {
        status: head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0),
        head: head.lines().skip(1).map(str::to_lowercase).collect(),
        ..Answer::default()
    };
    let mut lines = body.lines();
    if body.contains(" HTTP/1.1") {
        lines.next().unwrap_or("").clone_into(&mut answer.from);
        lines.next().unwrap_or("").clone_into(&mut answer.seen_line);
        answer.seen = lines.map(str::to_lowercase).collect();
    }
    Ok(answer)
}

type Socket = tokio_tungstenite::WebSocketStream<Box<dyn Stream>>;

/// Opens a WebSocket and sends a message to and fro. Gives the socket with the time ahead of that message: whoever times
/// the silence behind it began later.
async fn websocket(
    wanted: &Observation<'_>,
    stream: Box<dyn Stream>,
) -> Result<(Answer, Option<(Socket, Instant)>), String> {
    let mut request = format!("ws://{}{}", wanted.host, wanted.path).into_client_request().unwrap();
    for (name, value) in &wanted.fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    }
    let opened = tokio_tungstenite::client_async(request, stream);
    let opened = tokio::time::timeout(PATIENCE, opened).await;
    match opened.map_err(|_| format!("{}: no answer", wanted.line))? {
        Ok((mut socket, answer)) => {
            let message = Message::text("an echo");
            let sent = Instant::now();
            socket.send(message.clone()).await.map_err(|error| error.to_string())?;
            let back = tokio::time::timeout(PATIENCE, socket.next()).await;
            let back = back.map_err(|_| format!("{}: no echo", wanted.line))?;
            if back.and_then(Result::ok) != Some(message) {
                return Err(format!("{}: another echo", wanted.line));
            }
            let field = |name: &str| {
                let value = answer.headers().get(name).map(|value| value.as_bytes().to_vec());
                String::from_utf8(value.unwrap_or_default()).unwrap_or_default()
            };
            let seen = field("x-seen");
            let (from, line) = seen.split_once(' ').unwrap_or((&seen, ""));
            let head = answer.headers().iter().map(|(name, value)| {
                format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())).to_lowercase()
            });
            let answer = Answer {
                status: 101,
                from: from.to_owned(),
                seen_line: line.to_owned(),
                seen: field("x-head").split(" | ").map(str::to_lowercase).collect(),
                head: head.collect(),
            };
            Ok((answer, Some((socket, sent))))
        }
        Err(tokio_tungstenite::tungstenite::Error::Http(refused)) => {
            Ok((Answer { status: refused.status().as_u16(), ..Answer::default() }, None))
        }
        Err(error) => Err(format!("{}: {error}", wanted.line)),
    }
}
