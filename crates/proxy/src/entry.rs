//! One request, for its line of the access log (`log/access`).

use std::fmt::Display;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::Instant;

/// A text of an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    /// The host that was asked for.
    Host,
    /// The method.
    Method,
    /// The target.
    Target,
    /// `Referer`
    Referer,
    /// `User-Agent`
    Agent,
    /// The user that `auth.basic` has let pass.
    User,
    /// The route's name or number; missing where none was found.
    Route,
    /// The server's address; missing where none was asked.
    Server,
    /// The rule that a refused request broke.
    Refused,
}

/// Number of the fields.
const FIELDS: usize = 9;

/// The version of HTTP that the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Protocol {
    /// The protocol version HTTP/1.0.
    Http10,
    /// The protocol version HTTP/1.1.
    #[default]
    Http11,
    /// The protocol version HTTP/2.
    Http2,
}

impl Protocol {
    /// The version as a request line has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}

/// The traffic of a request, once that is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Carried {
    /// Bytes of the answer's body, or of a tunnel to the client.
    pub(crate) sent: u64,
    /// Bytes of a tunnel from the client.
    pub(crate) received: u64,
    /// Why a tunnel ended; empty for a request, and while the tunnel is open.
    pub(crate) end: &'static str,
}

/// A request. All its texts are one: a tunnel keeps them for as long as it is open.
#[derive(Debug)]
pub(crate) struct Entry {
    /// When the head of the request had come.
    pub(crate) began: Instant,
    /// The address of the client.
    pub(crate) client: IpAddr,
    /// Whether it is a handshake.
    pub(crate) handshake: bool,
    /// The client's version of HTTP.
    pub(crate) protocol: Protocol,
    /// The status of its answer.
    pub(crate) status: u16,
    text: Vec<u8>,
    /// Where each field begins and ends; what lies beyond 64 KiB of all together is not logged.
    places: [Option<(u16, u16)>; FIELDS],
}

impl Entry {
    /// A request that came just now.
    pub(crate) fn new(client: IpAddr) -> Self {
        Self {
            began: Instant::now(),
            client,
            handshake: false,
            protocol: Protocol::default(),
            status: 0,
            text: Vec::with_capacity(256),
            places: [None; FIELDS],
        }
    }

    /// A request whose head was refused, from its first bytes. Only a request line is taken of them: header lines may
    /// hold what is secret.
    pub(crate) fn refused(client: IpAddr, bytes: &[u8], status: u16, rule: &str) -> Self {
        let mut entry = Self { status, ..Self::new(client) };
        entry.set(Field::Refused, rule);
        if let Some((method, target, protocol)) = request_line(bytes) {
            entry.protocol = protocol;
            entry.set(Field::Method, method);
            entry.set(Field::Target, target);
        }
        entry
    }

    /// The bytes of a field; `None` where the request has no such field.
    pub(crate) fn bytes(&self, field: Field) -> Option<&[u8]> {
        let (begin, end) = self.places[field as usize]?;
        Some(self.text.get(usize::from(begin)..usize::from(end)).unwrap_or_default())
    }

    /// A field that is a text of ours; empty where it is missing.
    pub(crate) fn get(&self, field: Field) -> &str {
        self.bytes(field).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// Sets one field of the line.
    pub(crate) fn set(&mut self, field: Field, value: &(impl AsRef<[u8]> + ?Sized)) {
        let begin = place(&self.text);
        self.text.extend_from_slice(value.as_ref());
        self.places[field as usize] = Some((begin, place(&self.text)));
    }

    /// Sets a field to a value as it is printed.
    pub(crate) fn write(&mut self, field: Field, value: &impl Display) {
        let begin = place(&self.text);
        // Writing to memory cannot fail.
        let _ = write!(self.text, "{value}");
        self.places[field as usize] = Some((begin, place(&self.text)));
    }

    /// Gives back the memory that it does not need.
    pub(crate) fn shrink(&mut self) {
        let mut text = Vec::with_capacity(self.text.len());
        for (begin, end) in self.places.iter_mut().flatten() {
            let value = self.text.get(usize::from(*begin)..usize::from(*end)).unwrap_or_default();
            *begin = place(&text);
            text.extend_from_slice(value);
            *end = place(&text);
        }
        text.shrink_to_fit();
        self.text = text;
    }
}

/// Where a text ends.
fn place(text: &[u8]) -> u16 {
    u16::try_from(text.len()).unwrap_or(u16::MAX)
}

/// Longest target of a refused request that is logged.
const LONGEST: usize = 4096;

/// The method, the target and the version of a request line (RFC 9112 section 3). A target that is cut off by the end of
/// the bytes is taken as far as it goes, of a request line that begins as one.
fn request_line(bytes: &[u8]) -> Option<(&[u8], &[u8], Protocol)> {
    let line = bytes.trim_ascii_start();
    let line = line.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (method, rest) = (&line[..space], &line[space + 1..]);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    if method.is_empty() || method.len() > 32 || !method.iter().all(is_token) {
        return None;
    }
    let end = rest.iter().rposition(|byte| *byte == b' ');
    let (target, version) = match end {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None if rest.len() == line.len() - space - 1 && bytes.len() > LONGEST => (rest, &b""[..]),
        None => return None,
    };
    let protocol = match version {
        b"HTTP/1.0" => Protocol::Http10,
        version if version.starts_with(b"HTTP/") || version.is_empty() => Protocol::Http11,
        _ => return None,
    };
    Some((method, &target[..target.len().min(LONGEST)], protocol))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn texts_are_what_they_were_set_to_last() {
        let mut entry = Entry::new(CLIENT);
        entry.set(Field::Host, b"given.example:80");
        entry.set(Field::Target, b"/chat?a=1");
        entry.set(Field::Host, b"given.example");
        entry.set(Field::Referer, b"");
        entry.write(Field::Route, &7);
        entry.shrink();
        let texts = [Field::Host, Field::Target, Field::Route, Field::Agent].map(|f| entry.get(f));
        assert_eq!(texts, ["given.example", "/chat?a=1", "7", ""]);
        assert_eq!(entry.text, b"given.example/chat?a=17");
        assert_eq!(
            (entry.bytes(Field::Referer), entry.bytes(Field::Agent)),
            (Some(&b""[..]), None)
        );
    }

    #[test]
    fn refused_heads_give_their_request_line_and_no_field() {
        let line = |bytes: &[u8]| {
            let entry = Entry::refused(CLIENT, bytes, 400, "rule");
            let text = |field| entry.bytes(field).map(<[u8]>::to_vec);
            (text(Field::Method), text(Field::Target), entry.protocol)
        };
        let of = |method: &str, target: &str, protocol| {
            (Some(method.as_bytes().to_vec()), Some(target.as_bytes().to_vec()), protocol)
        };
        let nothing = (None, None, Protocol::Http11);
        assert_eq!(line(b"\r\nGET /a b HTTP/1.0\r\nHost: x"), of("GET", "/a b", Protocol::Http10));
        assert_eq!(line(b"CONNECT a:1 HTTP/1.1\r\n"), of("CONNECT", "a:1", Protocol::Http11));
        assert_eq!(line(b"Authorization: Bearer secret\r\n"), nothing);
        assert_eq!(line(b"Cookie: a=b HTTP/1.1\r\n"), nothing);
        assert_eq!(line(b"password=1 and more\r\n"), nothing);
        assert_eq!(line(b"\x16\x03\x01\x02\x00 / HTTP/1.1"), nothing);
        let long = [b"GET /".as_slice(), &[b'a'; 10_000]].concat();
        assert_eq!(line(&long).1.map(|target| target.len()), Some(LONGEST));
    }
}
