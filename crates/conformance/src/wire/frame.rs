//! Frames, right ones and wrong ones (RFC 6455 section 5.2).

/// A frame. Every bit can be set to what no endpoint would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is a message's last.
    pub fin: bool,
    /// The reserved bits, 0 to 7.
    pub reserved: u8,
    /// What it is, 0 to 15.
    pub opcode: u8,
    /// The key that a client masks with.
    pub mask: Option<[u8; 4]>,
    /// What it carries, unmasked.
    pub payload: Vec<u8>,
}

/// Opcodes (RFC 6455 section 11.8).
pub const CONTINUATION: u8 = 0;
/// A text.
pub const TEXT: u8 = 1;
/// Bytes.
pub const BINARY: u8 = 2;
/// The end.
pub const CLOSE: u8 = 8;
/// A question whether the other side is there.
pub const PING: u8 = 9;
/// Its answer.
pub const PONG: u8 = 10;

impl Frame {
    /// A whole message, as a server sends it.
    pub fn server(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        Self { fin: true, reserved: 0, opcode, mask: None, payload: payload.as_ref().to_vec() }
    }

    /// A whole message, as a client sends it.
    pub fn client(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        Self { mask: Some([0x37, 0xfa, 0x21, 0x3d]), ..Self::server(opcode, payload) }
    }

    /// The same, with more to come.
    pub fn unfinished(self) -> Self {
        Self { fin: false, ..self }
    }

    /// The bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out =
            vec![u8::from(self.fin) << 7 | (self.reserved & 0x7) << 4 | self.opcode & 0xf];
        let masked = u8::from(self.mask.is_some()) << 7;
        match self.payload.len() {
            length @ 0..=125 => out.push(masked + u8::try_from(length).unwrap_or(0)),
            length @ 126..=65_535 => {
                out.push(masked + 126);
                out.extend(u16::try_from(length).unwrap_or(0).to_be_bytes());
            }
            length => {
                out.push(masked + 127);
                out.extend((length as u64).to_be_bytes());
            }
        }
        match self.mask {
            None => out.extend(&self.payload),
            Some(mask) => {
                out.extend(mask);
                out.extend(
                    self.payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key),
                );
            }
        }
        out
    }

    /// The first frame of these bytes, and its length on the wire.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let (length, mut at) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => {
                let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
                (usize::try_from(length).ok()?, 10)
            }
            length => (usize::from(length), 2),
        };
        let mask: Option<[u8; 4]> = if second & 0x80 == 0 {
            None
        } else {
            at += 4;
            Some(bytes.get(at - 4..at)?.try_into().ok()?)
        };
        let mut payload = bytes.get(at..at.checked_add(length)?)?.to_vec();
        if let Some(mask) = mask {
            for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
                *byte ^= key;
            }
        }
        let frame = Self {
            fin: first & 0x80 != 0,
            reserved: first >> 4 & 0x7,
            opcode: first & 0xf,
            mask,
            payload,
        };
        Some((frame, at + length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 70_000] {
            for frame in [
                Frame::client(BINARY, vec![7; length]),
                Frame { reserved: 5, ..Frame::server(PING, vec![9; length]).unfinished() },
            ] {
                let bytes = frame.bytes();
                assert_eq!(Frame::parse(&bytes), Some((frame.clone(), bytes.len())));
                assert_eq!(Frame::parse(&bytes[..bytes.len() - 1]), None);
            }
        }
    }
}
