//! Asking another service whether a request may pass (`auth/forward`).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wsgen_model::config::Resolve;
use wsgen_model::located::Located;
use wsgen_model::scalar::{HeaderName, HttpUrl};
use wsgen_model::site::{Setting, UpstreamTls};

use crate::answer::Answer;
use crate::body::Framing;
use crate::exchange::Exchange;
use crate::fields;
use crate::head::{self, ResponseHead, find};
use crate::snapshot::StartError;
use crate::stream::Peer;
use crate::upstream::{Speaks, Target};

/// A service that is asked.
#[derive(Debug)]
pub(crate) struct Service {
    target: Target,
    path: String,
    copies: Vec<String>,
}

/// Fields that the upstream gets from a service's answer, in place of the client's own; `None` where the service had none.
pub(crate) type Copied = Vec<(String, Option<Vec<u8>>)>;

/// The most of a refusal's body that is passed on.
const BODY: usize = 64 * 1024;
/// How long a connection to the service may take.
const CONNECT: Duration = Duration::from_secs(5);

impl Service {
    /// Makes a service ready; its name is resolved now.
    pub(crate) fn new(
        url: &Located<HttpUrl>,
        copies: &[Located<HeaderName>],
    ) -> Result<Self, StartError> {
        let tls = UpstreamTls { server_name: None, ca: None, verify: Setting::built_in(true) };
        let address = Located::new(url.value.address.clone(), url.span);
        let target =
            Target::reach(&address, url.value.tls.then_some(&tls), CONNECT, Resolve::Startup)?;
        let copies = copies.iter().map(|name| name.value.to_string()).collect();
        Ok(Self { target, path: url.value.path.to_string(), copies })
    }

    /// Asks; an error is the answer that the client gets.
    pub(crate) async fn ask(
        &self,
        exchange: &Exchange<'_>,
        host: &str,
        time: Duration,
    ) -> Result<Copied, Answer> {
        let asked = tokio::time::timeout(time, self.once(exchange, host)).await;
        let (head, body) = match asked {
            Ok(Some(answer)) => answer,
            Ok(None) => return Err(Answer::status(502)),
            Err(_) => return Err(Answer::status(504)),
        };
        if (200..300).contains(&head.status) {
            let copy = |name: &String| (name.clone(), find(&head.fields, name).map(<[u8]>::to_vec));
            return Ok(self.copies.iter().map(copy).collect());
        }
        let kept = head.fields.iter().filter(|(name, _)| !fields::is_framing(name));
        let fields = kept.map(|(n, v)| (n.clone(), String::from_utf8_lossy(v).into_owned()));
        Err(Answer { status: head.status, fields: fields.collect(), body })
    }

    async fn once(&self, exchange: &Exchange<'_>, host: &str) -> Option<(ResponseHead, Vec<u8>)> {
        let mut peer = Peer::new(self.target.connect(&[], Speaks::Http1).await.ok()?);
        let question = fields::question(
            exchange.head,
            &self.path,
            &self.target.to_string(),
            &[
                ("X-Original-Method", exchange.head.method.clone()),
                ("X-Original-URI", exchange.head.target.clone()),
                ("X-Forwarded-For", exchange.entry.client.to_string()),
                ("X-Forwarded-Proto", if exchange.secure { "https" } else { "http" }.to_owned()),
                ("X-Forwarded-Host", host.to_owned()),
            ],
        );
        peer.stream.write_all(&question).await.ok()?;
        let mut head = loop {
            match head::response(&peer.buffer, "GET").ok()? {
                Some((length, head)) => {
                    peer.buffer.drain(..length);
                    if head.status >= 200 {
                        break head;
                    }
                }
                None if peer.fill().await.ok()? == 0 => return None,
                None => {}
            }
        };
        let mut body = Vec::new();
        while let Some(framing) = &mut head.framing {
            let mut payload = Vec::new();
            let done = if let Framing::Chunked(scanner) = framing {
                scanner.unpack(&peer.buffer, &mut payload).ok()?.1
            } else {
                let (taken, done) = framing.take(&peer.buffer).ok()?;
                payload.extend_from_slice(&peer.buffer[..taken]);
                done
            };
            let until_the_end = matches!(framing, Framing::Close);
            body.append(&mut payload);
            peer.buffer.clear();
            if done || body.len() > BODY {
                break;
            }
            if peer.stream.read_buf(&mut peer.buffer).await.ok()? == 0 {
                if until_the_end {
                    break;
                }
                return None;
            }
        }
        body.truncate(BODY);
        Some((head, body))
    }
}
