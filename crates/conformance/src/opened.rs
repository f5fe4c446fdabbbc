//! The steps that most cases begin with.

use std::sync::Arc;

use crate::peer::{Seen, handshake};
use crate::stage::{Server, Stage};
use crate::verdict::{Verdict, check, equal};
use crate::wire::frame::{Frame, TEXT};
use crate::wire::{Head, Upstream, Wire};

/// An open tunnel, of which a case has both ends.
#[derive(Debug)]
pub struct Opened {
    /// The server between.
    pub server: Arc<Server>,
    /// Where its upstream waits for more.
    pub upstream: Upstream,
    /// The client's end.
    pub client: Wire,
    /// The upstream's end.
    pub far: Wire,
    /// The handshake as it arrived.
    pub asked: Head,
    /// Its answer as it arrived.
    pub answer: Head,
}

impl Stage {
    /// Opens a tunnel through a route with these settings.
    pub async fn opened(&self, route: &str) -> Verdict<Opened> {
        self.opened_at("", route).await
    }

    /// The same with settings of the listener.
    pub async fn opened_at(&self, listener: &str, route: &str) -> Verdict<Opened> {
        let upstream = self.upstream().await?;
        let server = self.site(upstream.address(), listener, "", route).await?;
        let (client, far, asked, answer) = server.tunnel(&upstream, "/", "").await?;
        Ok(Opened { server, upstream, client, far, asked, answer })
    }
}

/// The answer of an upstream that has nothing to say.
pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

impl Server {
    /// Opens a tunnel to an upstream that the case plays.
    pub async fn tunnel(
        &self,
        upstream: &Upstream,
        path: &str,
        fields: &str,
    ) -> Verdict<(Wire, Wire, Head, Head)> {
        let mut client = self.connect().await?;
        client.send(handshake::request(path, fields)).await?;
        let (mut far, asked) = upstream.request().await?;
        far.send(handshake::accept(&asked)).await?;
        let answer = client.answer().await?;
        equal("the status of a handshake", answer.status(), 101)?;
        Ok((client, far, asked, answer))
    }

    /// A plain request that the upstream answers: what arrived, and the answer.
    pub async fn exchange(
        &self,
        upstream: &Upstream,
        line: &str,
        fields: &str,
    ) -> Verdict<(Head, Head)> {
        let mut client = self.connect().await?;
        client.send(plain(line, fields)).await?;
        let (mut far, asked) = upstream.request().await?;
        far.send(OK).await?;
        Ok((asked, client.answer().await?))
    }

    /// A plain request, and whatever answers it.
    pub async fn ask(&self, line: &str, fields: &str) -> Verdict<(Head, String)> {
        self.ask_raw(plain(line, fields)).await
    }

    /// Bytes, and whatever answers them.
    pub async fn ask_raw(&self, bytes: impl AsRef<[u8]>) -> Verdict<(Head, String)> {
        let mut client = self.connect().await?;
        client.send(bytes).await?;
        let head = client.answer().await?;
        let bodiless = [204, 304].contains(&head.status());
        let body = if bodiless { Vec::new() } else { client.body(&head).await? };
        Ok((head, String::from_utf8_lossy(&body).into_owned()))
    }

    /// What a teller saw of a plain request.
    pub async fn seen(&self, line: &str, fields: &str) -> Verdict<Seen> {
        let (head, body) = self.ask(line, fields).await?;
        Ok(Seen::of(head, body.as_bytes()))
    }

    /// What a teller saw of a handshake; a tunnel that opens must echo.
    pub async fn seen_by_socket(&self, path: &str, fields: &str) -> Verdict<Seen> {
        let mut client = self.connect().await?;
        client.send(handshake::request(path, fields)).await?;
        let head = client.answer().await?;
        if head.status() != 101 {
            return Ok(Seen::of(head, b""));
        }
        client.send_frame(&Frame::client(TEXT, "there?")).await?;
        equal("an echo", client.frame().await?, Frame::server(TEXT, "there?"))?;
        Ok(Seen::of(head, b""))
    }

    /// Which teller a request and a handshake reach; both must reach the same.
    pub async fn reaches(&self, path: &str, fields: &str) -> Verdict<String> {
        let plain = self.seen(&format!("GET {path}"), fields).await?;
        let socket = self.seen_by_socket(path, fields).await?;
        check(
            plain.by == socket.by,
            format!("a request and a handshake for {path} reach the same upstream"),
            format!("{} {} and {} {}", plain.status, plain.by, socket.status, socket.by),
        )?;
        Ok(if plain.by.is_empty() { plain.status.to_string() } else { plain.by })
    }

    /// The status of a handshake by itself.
    pub async fn handshake_status(&self, path: &str, fields: &str) -> Verdict<u16> {
        Ok(self.seen_by_socket(path, fields).await?.status)
    }
}

/// A request line with the fields of a polite client.
pub fn plain(line: &str, fields: &str) -> String {
    let names_host = fields.to_ascii_lowercase().lines().any(|field| field.starts_with("host:"));
    let host = if names_host { "" } else { "Host: a.test\r\n" };
    format!("{line} HTTP/1.1\r\n{host}Connection: close\r\n{fields}\r\n")
}
