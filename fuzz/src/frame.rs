//! WebSocket frames of the harness: a frame that is read is written as it was read, and another library reads the same
//! header (RFC 6455 section 5.2).

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use wsgen_conformance::wire::frame::Frame;

/// Checks the frames at the beginning of some bytes.
pub fn check(mut bytes: &[u8]) {
    while let Some((frame, length)) = Frame::parse(bytes) {
        assert!(length >= 2 + frame.payload.len() && length <= bytes.len());
        let written = frame.bytes();
        assert_eq!(Frame::parse(&written), Some((frame.clone(), written.len())));
        // The shortest form of a length is what is written; what was read may be longer.
        assert!(written.len() <= length);
        if written.len() == length {
            assert_eq!(written, bytes[..length]);
        }
        let mut cursor = Cursor::new(bytes);
        // The library refuses reserved opcodes.
        if let Ok(Some((header, payload))) = FrameHeader::parse(&mut cursor) {
            assert_eq!(header.is_final, frame.fin);
            assert_eq!(u8::from(header.opcode), frame.opcode);
            assert_eq!(header.mask, frame.mask);
            let reserved =
                u8::from(header.rsv1) << 2 | u8::from(header.rsv2) << 1 | u8::from(header.rsv3);
            assert_eq!(reserved, frame.reserved);
            assert_eq!(payload, frame.payload.len() as u64);
            assert_eq!(cursor.position() + payload, length as u64);
        }
        bytes = &bytes[length..];
    }
}
