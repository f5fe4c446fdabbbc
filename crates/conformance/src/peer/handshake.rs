//! Handshakes by hand (RFC 6455 sections 4.1 and 4.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::verdict::{Verdict, equal};
use crate::wire::{Head, Wire};

/// The key of RFC 6455 section 1.3.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A request to open a WebSocket, with more field lines that end in CRLF each.
pub fn request(path: &str, more: &str) -> String {
    let names_host = more.to_ascii_lowercase().lines().any(|field| field.starts_with("host:"));
    let host = if names_host { "" } else { "Host: a.test\r\n" };
    format!(
        "GET {path} HTTP/1.1\r\n{host}Upgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}\r\n"
    )
}

/// The answer that accepts a request.
pub fn accept(head: &Head) -> String {
    accept_with(head, "")
}

/// The same with more field lines.
pub fn accept_with(head: &Head, more: &str) -> String {
    let key = head.field("sec-websocket-key").unwrap_or_default();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n{more}\r\n",
        accept_key(&key)
    )
}

/// What accepts a key.
pub fn accept_key(key: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(digest.finalize())
}

/// Sends a handshake and expects its 101.
pub async fn open(client: &mut Wire, path: &str) -> Verdict<Head> {
    open_with(client, path, "").await
}

/// The same with more field lines.
pub async fn open_with(client: &mut Wire, path: &str, more: &str) -> Verdict<Head> {
    client.send(request(path, more)).await?;
    let head = client.answer().await?;
    equal("the status of a handshake", head.status(), 101)?;
    Ok(head)
}
