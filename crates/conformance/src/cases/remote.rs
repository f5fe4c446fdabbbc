//! What can be seen of a proxy that runs already, without control of it or of what is behind it (`--url`).

use std::time::Duration;

use tokio::net::TcpStream;

use crate::case::cases;
use crate::launch::Place;
use crate::peer::handshake;
use crate::stage::Stage;
use crate::verdict::{Trouble, Verdict, check, equal};
use crate::wire::frame::{CLOSE, Frame};
use crate::wire::{Head, Url, Versions, Wire, client_tls};

fn url(stage: &Stage) -> Verdict<&Url> {
    match &stage.target.place {
        Place::At(url) => Ok(url),
        _ => Err(Trouble::broken("this case is for a URL")),
    }
}

async fn connect(stage: &Stage) -> Verdict<Wire> {
    let url = url(stage)?;
    let tcp = TcpStream::connect((url.name(), url.port)).await;
    let tcp = tcp.map_err(|error| Trouble::failed("a connection is taken", error))?;
    if url.tls {
        let name = url.name().to_owned();
        let (wire, ..) =
            client_tls(tcp, &name, "http/1.1", Versions::Both, None, &stage.transcript).await?;
        return Ok(wire);
    }
    Ok(Wire::new(tcp, "client", &stage.transcript))
}

/// A handshake for the URL.
fn request(stage: &Stage, more: &str) -> Verdict<String> {
    let url = url(stage)?;
    Ok(handshake::request(&url.target, &format!("Host: {}\r\n{more}", url.authority())))
}

/// The answer to bytes; none is an end.
async fn answer(stage: &Stage, bytes: &str) -> Verdict<Option<Head>> {
    let mut client = connect(stage).await?;
    client.send_some(bytes).await;
    match client.answer().await {
        Ok(head) => Ok(Some(head)),
        Err(Trouble::Failed(_)) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// Bytes that have to be refused.
async fn refused(stage: &Stage, bytes: &str) -> Verdict {
    let status = answer(stage, bytes).await?.map_or(0, |head| head.status());
    check(status == 0 || status >= 400, "a refusal", status)
}

cases! { "remote";
    /// A handshake is accepted, with the answer to its key.
    ///
    /// Sent: a handshake. Seen: 101 with the right `Sec-WebSocket-Accept`, `Upgrade` and `Connection`.
    [HANDSHAKE_STRICT_TOKEN]
    async fn accepted(stage) {
        let head = answer(stage, &request(stage, "")?).await?;
        let head = head.ok_or_else(|| Trouble::failed("an answer", "none"))?;
        equal("the status", head.status(), 101)?;
        equal("the accept", head.field("sec-websocket-accept"), Some(handshake::accept_key(handshake::KEY)))?;
        check(head.lists("upgrade", "websocket") && head.lists("connection", "upgrade"), "an upgrade", &head)?;
    }

    /// A handshake never meets a redirect.
    ///
    /// Sent: a handshake. Seen: no 3xx.
    [REDIRECT_EXPLICIT]
    async fn no_redirect(stage) {
        let status = answer(stage, &request(stage, "")?).await?.map_or(0, |head| head.status());
        check(!(300..400).contains(&status), "no redirect", status)?;
    }

    /// The token of `Upgrade` compares without case, and `Connection` is a list.
    ///
    /// Sent: `Upgrade: WebSocket` with `Connection: keep-alive, Upgrade`. Seen: 101.
    [HANDSHAKE_CONNECTION]
    async fn spellings(stage) {
        let text = request(stage, "")?.replace("Upgrade: websocket", "Upgrade: WebSocket");
        let text = text.replace("Connection: Upgrade", "Connection: keep-alive, Upgrade");
        equal("the status", answer(stage, &text).await?.map_or(0, |head| head.status()), 101)?;
    }

    /// Another protocol opens no tunnel.
    ///
    /// Sent: `Upgrade: h2c`. Seen: no 101.
    [HANDSHAKE_OTHER_UPGRADE]
    async fn h2c(stage) {
        let text = request(stage, "HTTP2-Settings: AAMAAABkAAQAAP__\r\n")?;
        let text = text.replace("Upgrade: websocket", "Upgrade: h2c");
        let text = text.replace("Connection: Upgrade", "Connection: Upgrade, HTTP2-Settings");
        let status = answer(stage, &text).await?.map_or(0, |head| head.status());
        check(status != 101, "no 101", status)?;
    }

    /// HTTP/1.0 cannot upgrade.
    ///
    /// Sent: a handshake in HTTP/1.0. Seen: no 101.
    [HANDSHAKE_STRICT_TOKEN]
    async fn http_1_0(stage) {
        let text = request(stage, "")?.replace("HTTP/1.1", "HTTP/1.0");
        let status = answer(stage, &text).await?.map_or(0, |head| head.status());
        check(status != 101, "no 101", status)?;
    }

    /// `Upgrade` that `Connection` does not name opens no tunnel.
    ///
    /// Sent: `Upgrade: websocket` with `Connection: keep-alive`. Seen: no 101.
    [HANDSHAKE_STRICT_TOKEN]
    async fn upgrade_alone(stage) {
        let text = request(stage, "")?.replace("Connection: Upgrade", "Connection: keep-alive");
        let status = answer(stage, &text).await?.map_or(0, |head| head.status());
        check(status != 101, "no 101", status)?;
    }

    /// A close is answered, or ends the connection.
    ///
    /// Sent: a handshake, then a close of 1000. Seen: a close, or the end.
    [END_PROPAGATION]
    async fn closing(stage) {
        let mut client = connect(stage).await?;
        client.send(request(stage, "")?).await?;
        equal("the status", client.answer().await?.status(), 101)?;
        client.send_frame(&Frame::client(CLOSE, 1000_u16.to_be_bytes())).await?;
        loop {
            match client.frame().await {
                Ok(frame) if frame.opcode == CLOSE => break,
                Ok(_) => {}
                Err(Trouble::Failed(failed)) if failed.observed.contains("timed out") => {
                    return Err(Trouble::Failed(failed));
                }
                Err(Trouble::Failed(_)) => break,
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// A large cookie passes.
    ///
    /// Sent: a handshake with a cookie of 7900 bytes. Seen: 101.
    [LIMIT_FLOOR]
    async fn large_cookie(stage) {
        let text = request(stage, &format!("Cookie: c={}\r\n", "c".repeat(7_900)))?;
        equal("the status", answer(stage, &text).await?.map_or(0, |head| head.status()), 101)?;
    }

    /// A length and chunks at once do not make two requests of one.
    ///
    /// Sent: both, with a request hidden in the difference. Seen: a refusal, or one answer.
    [HANDSHAKE_CONNECTION]
    async fn length_and_chunks(stage) {
        let host = url(stage)?.authority();
        let mut client = connect(stage).await?;
        client
            .send_some(format!(
                "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: {host}\r\n\r\n"
            ))
            .await;
        let first = client.answer().await.map_or(0, |head| head.status());
        if first == 0 || first >= 400 {
            return Ok(());
        }
        let rest = match client.rest_within(Duration::from_secs(2)).await {
            Ok((rest, _)) => String::from_utf8_lossy(&rest).into_owned(),
            Err(_) => String::new(),
        };
        check(!rest.contains("HTTP/1.1 "), "one answer", rest)?;
    }

    /// Two different lengths are refused.
    ///
    /// Sent: `Content-Length` twice. Seen: a refusal.
    [HANDSHAKE_CONNECTION]
    async fn two_lengths(stage) {
        let host = url(stage)?.authority();
        refused(stage, &format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")).await?;
    }

    /// Two hosts are refused.
    ///
    /// Sent: `Host` twice. Seen: a refusal.
    [ROUTE_HOST]
    async fn two_hosts(stage) {
        let host = url(stage)?.authority();
        refused(stage, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nHost: other.test\r\n\r\n")).await?;
    }

    /// A request of HTTP/1.1 without a host is refused.
    ///
    /// Sent: no `Host`. Seen: a refusal.
    [ROUTE_HOST]
    async fn no_host(stage) {
        refused(stage, "GET / HTTP/1.1\r\nX-Any: thing\r\n\r\n").await?;
    }

    /// `CONNECT` is refused.
    ///
    /// Sent: `CONNECT 127.0.0.1:1`. Seen: a refusal.
    [HANDSHAKE_OTHER_UPGRADE]
    async fn connect_is_refused(stage) {
        refused(stage, "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n").await?;
    }

    /// What is no HTTP is refused.
    ///
    /// Sent: a line that is no request. Seen: a refusal, or the end.
    [ROUTE_BAD_PATH]
    async fn no_http(stage) {
        refused(stage, "hello\r\n\r\n").await?;
    }
}
