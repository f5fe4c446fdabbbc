//! PROXY headers: a header that is taken is spelled as the protocol says, nothing behind it is read, and headers that
//! are written are read back.

use std::net::{IpAddr, SocketAddr};

use wsgen_proxy::fuzzing::{self, AcceptProxyProtocol, SendProxyProtocol};

/// Checks the header at the beginning of some bytes.
pub fn check(bytes: &[u8]) {
    let all = [AcceptProxyProtocol::V1, AcceptProxyProtocol::V2, AcceptProxyProtocol::Any];
    let [one, two, any] = all.map(|accept| fuzzing::read_proxy_header(bytes, accept));
    assert!(one.is_none() || two.is_none(), "one header has one version");
    assert_eq!(any, one.or(two));
    let Some((client, taken)) = any else { return };
    if bytes.starts_with(b"PROXY ") {
        assert!(taken <= 107);
        let line = std::str::from_utf8(&bytes[..taken]).expect("a header is text");
        first(line, client);
    } else {
        let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
        assert_eq!(taken, 16 + length);
        second(&bytes[..taken], client);
    }
    let Some(client) = client else { return };
    for (version, accept) in [
        (SendProxyProtocol::V1, AcceptProxyProtocol::V1),
        (SendProxyProtocol::V2, AcceptProxyProtocol::V2),
    ] {
        let written = fuzzing::write_proxy_header(version, client, client);
        let read = fuzzing::read_proxy_header(&written, accept);
        assert_eq!(read, Some((Some(client), written.len())));
    }
}

/// Version 1, word by word.
fn first(line: &str, client: Option<SocketAddr>) {
    let line = line.strip_suffix("\r\n").expect("a line ends");
    assert!(!line.contains(['\r', '\n']), "{line:?}");
    let words: Vec<&str> = line.split(' ').collect();
    let Some(client) = client else {
        assert_eq!(words[1], "UNKNOWN");
        return;
    };
    let [_, family, from, to, port, other] = words[..] else { panic!("{line:?}") };
    assert_eq!(family, if client.is_ipv4() { "TCP4" } else { "TCP6" });
    assert_eq!(from.parse::<IpAddr>(), Ok(client.ip()));
    assert_eq!(to.parse::<IpAddr>().map(|to| to.is_ipv4()), Ok(client.is_ipv4()));
    assert_eq!(port, client.port().to_string(), "a port has one spelling");
    assert_eq!(other, other.parse::<u16>().expect("a port").to_string());
}

/// Version 2, byte by byte.
fn second(header: &[u8], client: Option<SocketAddr>) {
    assert_eq!(&header[..12], b"\r\n\r\n\0\r\nQUIT\n");
    let Some(client) = client else {
        // LOCAL, or a family without addresses that are understood.
        assert!(header[12] == 0x20 || header[13] == 0);
        return;
    };
    assert_eq!(header[12], 0x21);
    let (ip, port) = match header[13] {
        0x11 => (IpAddr::from(<[u8; 4]>::try_from(&header[16..20]).unwrap()), 24),
        0x21 => (IpAddr::from(<[u8; 16]>::try_from(&header[16..32]).unwrap()), 48),
        family => panic!("an address of family {family:#x}"),
    };
    let port = u16::from_be_bytes([header[port], header[port + 1]]);
    assert_eq!(client, SocketAddr::new(ip, port));
}
