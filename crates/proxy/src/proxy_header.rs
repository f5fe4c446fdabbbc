//! The PROXY protocol, versions 1 and 2 (`listener/proxy-protocol`, `listener/proxy-protocol-send`).

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};
use wsgen_model::config::{AcceptProxyProtocol, SendProxyProtocol};

/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest header of version 1.
const LONGEST: usize = 107;

fn bad(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Reads the header that a connection begins with, and not a byte more. `None` where the hop before speaks for
/// itself alone.
pub(crate) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    accept: AcceptProxyProtocol,
) -> io::Result<Option<SocketAddr>> {
    let mut first = [0; 12];
    stream.read_exact(&mut first).await?;
    if first == *SIGNATURE {
        if accept == AcceptProxyProtocol::V1 {
            return Err(bad("version 2"));
        }
        return second(stream).await;
    }
    if accept == AcceptProxyProtocol::V2 || !first.starts_with(b"PROXY ") {
        return Err(bad("no header"));
    }
    let mut line = first.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST {
            return Err(bad("a long header"));
        }
        line.push(stream.read_u8().await?);
    }
    parse(&line)
}

/// Version 1: `PROXY TCP4 203.0.113.7 192.0.2.1 4711 443`.
fn parse(line: &[u8]) -> io::Result<Option<SocketAddr>> {
    let text = std::str::from_utf8(line).map_err(|_| bad("no text"))?;
    let text = text.strip_suffix("\r\n").ok_or_else(|| bad("no end of the line"))?;
    // What stands behind UNKNOWN is skipped, but another reader could see another line in it.
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(bad("another byte than text"));
    }
    let words: Vec<&str> = text.split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", family @ ("TCP4" | "TCP6"), from, to, port, other] => {
            let from: IpAddr = from.parse().map_err(|_| bad("an address"))?;
            let to: IpAddr = to.parse().map_err(|_| bad("an address"))?;
            let port = self::port(port)?;
            self::port(other)?;
            let four = *family == "TCP4";
            if from.is_ipv4() != four || to.is_ipv4() != four {
                return Err(bad("another family"));
            }
            Ok(Some(SocketAddr::new(from, port)))
        }
        _ => Err(bad("another form")),
    }
}

/// Parses a port in its one spelling: no sign and no zeros ahead.
fn port(text: &str) -> io::Result<u16> {
    let port: u16 = text.parse().map_err(|_| bad("a port"))?;
    if port.to_string() == text { Ok(port) } else { Err(bad("a port")) }
}

async fn second<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<SocketAddr>> {
    let (version, family) = (stream.read_u8().await?, stream.read_u8().await?);
    let length = stream.read_u16().await?;
    let mut body = vec![0; usize::from(length)];
    stream.read_exact(&mut body).await?;
    let port = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    match (version, family) {
        // LOCAL, or of no family: the hop before asks for itself.
        (0x20, _) | (0x21, 0x00) => Ok(None),
        (0x21, 0x11) if body.len() >= 12 => {
            let from = Ipv4Addr::new(body[0], body[1], body[2], body[3]);
            Ok(Some(SocketAddr::new(from.into(), port(8))))
        }
        (0x21, 0x21) if body.len() >= 36 => {
            let mut from = [0; 16];
            from.copy_from_slice(&body[..16]);
            Ok(Some(SocketAddr::new(Ipv6Addr::from(from).into(), port(32))))
        }
        _ => Err(bad("another version or family")),
    }
}

/// The header that a server gets: who the client is, and where it came to.
pub(crate) fn write(version: SendProxyProtocol, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut out = Vec::with_capacity(LONGEST);
    let four = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Some((from, to)),
        _ => None,
    };
    let six = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    match (version, four) {
        (SendProxyProtocol::V1, four) => {
            let family = if four.is_some() { "TCP4" } else { "TCP6" };
            let (a, b) = match four {
                Some((a, b)) => (a.to_string(), b.to_string()),
                None => (six(from.ip()).to_string(), six(to.ip()).to_string()),
            };
            let _ = write!(out, "PROXY {family} {a} {b} {} {}\r\n", from.port(), to.port());
        }
        (SendProxyProtocol::V2, four) => {
            out.extend_from_slice(SIGNATURE);
            match four {
                Some((a, b)) => {
                    out.extend_from_slice(&[0x21, 0x11, 0, 12]);
                    out.extend_from_slice(&a.octets());
                    out.extend_from_slice(&b.octets());
                }
                None => {
                    out.extend_from_slice(&[0x21, 0x21, 0, 36]);
                    out.extend_from_slice(&six(from.ip()).octets());
                    out.extend_from_slice(&six(to.ip()).octets());
                }
            }
            out.extend_from_slice(&from.port().to_be_bytes());
            out.extend_from_slice(&to.port().to_be_bytes());
        }
    }
    out
}

/// The header of a question that the proxy asks for itself.
pub(crate) fn local(version: SendProxyProtocol) -> Vec<u8> {
    match version {
        SendProxyProtocol::V1 => b"PROXY UNKNOWN\r\n".to_vec(),
        SendProxyProtocol::V2 => [&SIGNATURE[..], &[0x20, 0, 0, 0]].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_strictly() {
        let good = parse(b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n");
        assert_eq!(good.unwrap(), Some("203.0.113.7:4711".parse().unwrap()));
        assert_eq!(parse(b"PROXY UNKNOWN\r\n").unwrap(), None);
        for line in [
            "PROXY TCP4 2001:db8::1 192.0.2.1 1 2\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.1 99999 443\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.1 1\r\n",
            "PROXY UDP4 203.0.113.7 192.0.2.1 1 2\r\n",
            "PROXY  TCP4 203.0.113.7 192.0.2.1 1 2\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.1 +1 2\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.1 01 2\r\n",
            "PROXY TCP4 203.0.113.7 192.0.2.1 1 2\t\r\n",
            "PROXY UNKNOWN a\nb\r\n",
        ] {
            assert!(parse(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn what_is_written_is_what_the_protocol_says() {
        let (from, to) = ("203.0.113.7:4711".parse().unwrap(), "192.0.2.1:443".parse().unwrap());
        let one = write(SendProxyProtocol::V1, from, to);
        assert_eq!(one, b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n");
        let two = write(SendProxyProtocol::V2, from, to);
        assert_eq!((&two[..12], two.len()), (&SIGNATURE[..], 28));
        assert_eq!(
            two[12..],
            [0x21, 0x11, 0, 12, 203, 0, 113, 7, 192, 0, 2, 1, 0x12, 0x67, 1, 0xbb]
        );
    }
}
