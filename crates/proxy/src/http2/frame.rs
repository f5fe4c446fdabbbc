//! Types and flags of HTTP/2 frames (RFC 9113 sections 4.1 and 6), for code that looks at a connection below the library.

/// Bytes of a frame's header: length, type, flags and stream.
pub(super) const HEADER: usize = 9;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Flag of a frame that ends its stream.
pub(super) const END_STREAM: u8 = 1;
/// Flag of a frame that ends a header block.
pub(super) const END_HEADERS: u8 = 4;
