//! Readers of bytes from outside that are private otherwise, for the fuzzers and for the test that replays their corpus.
//! Nothing else may use them.

mod name_server;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use hickory_resolver::proto::rr::RecordType;

pub use self::name_server::Said;
pub use wsgen_model::config::{AcceptProxyProtocol, SendProxyProtocol};

use crate::body::{BadChunk, ChunkScanner};
use crate::upstream::names;
use crate::{proxy_header, users};

/// A chunked body, or its beginning, as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Chunks {
    /// The payload of these bytes.
    pub payload: Vec<u8>,
    /// Bytes that belong to the body.
    pub taken: usize,
    /// Whether the body ends with them.
    pub ended: bool,
    /// Bytes that pass on to the next reader.
    pub passed: Vec<u8>,
}

/// Reads a chunked body in pieces of at most `step` bytes.
///
/// # Errors
///
/// If the body breaks the rules.
pub fn chunks(bytes: &[u8], step: usize) -> Result<Chunks, BadChunk> {
    let (mut unpacking, mut passing) = (ChunkScanner::default(), ChunkScanner::default());
    let (mut payload, mut passed) = (Vec::new(), Vec::new());
    let (mut taken, mut ended) = (0, false);
    for piece in bytes.chunks(step) {
        let (length, end) = unpacking.unpack(piece, &mut payload)?;
        let (pass, passing_length, passing_end) = passing.pass(piece)?;
        passed.extend_from_slice(&pass);
        assert_eq!((length, end), (passing_length, passing_end), "both ways of reading agree");
        (taken, ended) = (taken + length, end);
        if ended {
            break;
        }
    }
    Ok(Chunks { payload, taken, ended, passed })
}

/// Reads the PROXY header at the beginning of a connection: the client that it names, and the header's length. `None` if
/// it breaks the rules or is not whole.
pub fn read_proxy_header(
    bytes: &[u8],
    accept: AcceptProxyProtocol,
) -> Option<(Option<SocketAddr>, usize)> {
    let mut rest = bytes;
    let read =
        pin!(proxy_header::read(&mut rest, accept)).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Ok(client)) = read else { return None };
    Some((client, bytes.len() - rest.len()))
}

/// Writes the PROXY header of a client.
pub fn write_proxy_header(version: SendProxyProtocol, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    proxy_header::write(version, from, to)
}

/// The users of a file and their hashes. `None` if a line has a hash that is not supported.
pub fn users(text: &str) -> Option<HashMap<String, String>> {
    users::parse(text).ok()
}

/// Asks for the IPv4 or IPv6 addresses of `app.internal` at a name server that says these messages and nothing more, by
/// UDP and by TCP. `None` where that is no answer.
pub async fn resolve(messages: &[Said], ipv6: bool) -> Option<Vec<IpAddr>> {
    let kind = if ipv6 { RecordType::AAAA } else { RecordType::A };
    let network = name_server::Network::new(messages);
    let asked = names::ask(&network, &[name_server::ADDRESS], "app.internal", kind).await;
    asked.ok().map(|answer| answer.addresses)
}
