//! A client of HTTP/2.

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::verdict::{Trouble, Verdict};
use crate::wire::PATIENCE;

/// A connection.
#[derive(Debug)]
pub struct Http2 {
    client: SendRequest<Bytes>,
}

impl Http2 {
    /// Speaks HTTP/2 over a connection.
    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Verdict<Self> {
        let (client, connection) = h2::client::handshake(stream).await.map_err(failed)?;
        tokio::spawn(connection);
        let client = client.ready().await.map_err(failed)?;
        Ok(Self { client })
    }

    /// Whether WebSockets over HTTP/2 were announced (RFC 8441 section 3). Known once an answer has come.
    pub fn announces_websockets(&self) -> bool {
        self.client.is_extended_connect_protocol_enabled()
    }

    /// Sends a request.
    pub async fn send(
        &mut self,
        request: Request<()>,
        ends: bool,
    ) -> Verdict<(ResponseFuture, SendStream<Bytes>)> {
        self.client = self.client.clone().ready().await.map_err(failed)?;
        self.client.send_request(request, ends).map_err(failed)
    }

    /// Sends a request without a body and gives the answer.
    pub async fn get(&mut self, request: Request<()>) -> Verdict<Response<RecvStream>> {
        let (answer, _) = self.send(request, true).await?;
        response(answer).await
    }
}

/// The answer to a request.
pub async fn response(answer: ResponseFuture) -> Verdict<Response<RecvStream>> {
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    let answer = answer.map_err(|_| Trouble::failed("an answer over HTTP/2", "none came"))?;
    answer.map_err(failed)
}

/// So many bytes of a body, or all of them up to its end.
pub async fn read(body: &mut RecvStream, most: usize) -> Verdict<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < most {
        let data = tokio::time::timeout(PATIENCE, body.data()).await;
        let data = data.map_err(|_| Trouble::failed("bytes over HTTP/2", "none came"))?;
        let Some(data) = data else { break };
        let data = data.map_err(failed)?;
        body.flow_control().release_capacity(data.len()).map_err(failed)?;
        all.extend_from_slice(&data);
    }
    Ok(all)
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: h2::Error) -> Trouble {
    Trouble::failed("HTTP/2 goes on", error)
}
