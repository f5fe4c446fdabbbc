//! Handshakes and messages of the load (RFC 6455): made once, changed in a few bytes for each message, and compared
//! byte by byte when they come back.

/// The key of every handshake, and what a server must answer to it (RFC 6455, section 1.3).
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A handshake.
pub(crate) fn handshake(host: &str) -> Vec<u8> {
    format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nOrigin: http://{host}\r\n\
         User-Agent: wsgen-bench\r\n\r\n"
    )
    .into_bytes()
}

/// Where the head of an answer ends, if it is whole; an error where it opens no tunnel.
pub(crate) fn opened(text: &[u8]) -> Result<Option<usize>, &'static str> {
    let Some(end) = head_end(text) else { return Ok(None) };
    let head = String::from_utf8_lossy(&text[..end]);
    let accepts = head.lines().any(|line| {
        line.split_once(':').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == ACCEPT
        })
    });
    if head.starts_with("HTTP/1.1 101 ") && accepts {
        Ok(Some(end))
    } else {
        Err("a handshake was refused")
    }
}

/// Behind the empty line of a head.
pub(crate) fn head_end(text: &[u8]) -> Option<usize> {
    text.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// A binary message: as the client sends it, and as it comes back.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Masked.
    pub(crate) sent: Vec<u8>,
    /// Not masked.
    pub(crate) back: Vec<u8>,
    mask: [u8; 4],
    /// Where the payload begins in each.
    sent_at: usize,
    back_at: usize,
    size: usize,
}

impl Message {
    /// A message of so many bytes, which depend on the connection.
    pub(crate) fn new(connection: usize, size: usize) -> Self {
        let mask =
            (0x5a3c_91e7_u32 ^ u32::try_from(connection % 65_536).unwrap_or(0)).to_be_bytes();
        let (mut sent, mut back) = (vec![0x82], vec![0x82]);
        length(&mut sent, size, 0x80);
        length(&mut back, size, 0);
        sent.extend(mask);
        let (sent_at, back_at) = (sent.len(), back.len());
        let payload = (0..size).map(|at| byte(at * 7 + connection * 31));
        back.extend(payload);
        sent.extend(back[back_at..].iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        Self { sent, back, mask, sent_at, back_at, size }
    }

    /// Makes it the message of this number.
    pub(crate) fn number(&mut self, number: u64) {
        for (at, byte) in number.to_be_bytes().iter().enumerate().take(self.size) {
            self.back[self.back_at + at] = *byte;
            self.sent[self.sent_at + at] = byte ^ self.mask[at % 4];
        }
    }
}

/// A byte that depends on a number.
fn byte(number: usize) -> u8 {
    u8::try_from(number % 251).unwrap_or(0)
}

/// The length of a frame in its shortest form (RFC 6455, section 5.2).
fn length(out: &mut Vec<u8>, size: usize, masked: u8) {
    if let Some(short) = u8::try_from(size).ok().filter(|short| *short < 126) {
        out.push(masked | short);
    } else if let Ok(middle) = u16::try_from(size) {
        out.push(masked | 0x7e);
        out.extend(middle.to_be_bytes());
    } else {
        out.push(masked | 0x7f);
        out.extend((size as u64).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_comes_back_masked() {
        for size in [3, 125, 126, 70_000] {
            let mut message = Message::new(5, size);
            message.number(77);
            let sent = &message.sent[message.sent_at..];
            let plain: Vec<u8> =
                sent.iter().enumerate().map(|(at, byte)| byte ^ message.mask[at % 4]).collect();
            assert_eq!(plain, message.back[message.back_at..]);
            assert_eq!(message.sent.len(), message.back.len() + 4);
        }
    }

    #[test]
    fn an_answer_must_accept_the_key() {
        let answer = |accept: &str| {
            format!("HTTP/1.1 101 x\r\nSec-WebSocket-Accept: {accept}\r\n\r\nrest").into_bytes()
        };
        assert_eq!(opened(&answer(ACCEPT)), Ok(Some(answer(ACCEPT).len() - 4)));
        assert!(opened(&answer("other")).is_err());
        assert_eq!(opened(b"HTTP/1.1 101 x\r\n"), Ok(None));
    }
}
