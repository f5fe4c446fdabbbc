//! Heads of HTTP/1 messages: read, judged and typed ahead of everything else. What two servers could read in two
//! ways is refused here (RFC 9112 sections 2.2, 3, 5 and 6).

use std::mem::MaybeUninit;

use httparse::{ParserConfig, Status};
use wsgen_model::routing::Version;

use crate::body::{BadChunk, ChunkScanner, Framing};

/// Why a message is refused: the status that says so, and the reason for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// 400, 413, 414, 417, 431 or 501; 502 for a response.
    pub status: u16,
    /// What was wrong.
    pub why: &'static str,
}

/// How large a head may be (`limit/head`).
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// All fields together.
    pub fields_bytes: usize,
    /// Their number.
    pub fields: usize,
    /// The target.
    pub target: usize,
}

/// The head of a request.
#[derive(Debug)]
pub struct RequestHead {
    /// The method.
    pub method: String,
    /// The target as it was sent.
    pub target: String,
    /// The version.
    pub version: Version,
    /// Field lines in order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// How its body ends; `None` where there is none.
    pub framing: Option<Framing>,
    /// Whether another request may follow on the connection.
    pub keep_alive: bool,
}

impl RequestHead {
    /// Whether the client sends its body once it is told to (RFC 9110 section 10.1.1).
    pub(crate) fn expects_continue(&self) -> bool {
        tokens(&self.fields, "expect").any(|token| token == "100-continue")
    }
}

/// The head of a response.
#[derive(Debug)]
pub struct ResponseHead {
    /// The status.
    pub status: u16,
    /// The words behind it.
    pub reason: String,
    /// Field lines in order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// How its body ends; `None` where there is none.
    pub framing: Option<Framing>,
    /// Whether another request may follow on the connection.
    pub keep_alive: bool,
}

impl From<BadChunk> for Refusal {
    fn from(bad: BadChunk) -> Self {
        refuse(400, bad.0)
    }
}

const fn refuse(status: u16, why: &'static str) -> Refusal {
    Refusal { status, why }
}

/// Where a head ends, behind its empty line; `None` while it is not whole. Empty lines ahead of a request are
/// skipped (RFC 9112 section 2.2), so the beginning comes with it.
pub fn end(bytes: &[u8], bounds: &Bounds) -> Result<Option<(usize, usize)>, Refusal> {
    let mut begin = 0;
    while bytes[begin..].starts_with(b"\r\n") {
        begin += 2;
        if begin > 8 {
            return Err(refuse(400, "empty lines ahead of a request"));
        }
    }
    let mut line = begin;
    let mut first = None;
    while let Some(length) = bytes[line..].iter().position(|b| *b == b'\n') {
        let feed = line + length;
        if feed == 0 || bytes[feed - 1] != b'\r' {
            return Err(refuse(400, "a line feed alone"));
        }
        if feed == line + 1 {
            return Ok(Some((begin, feed + 1)));
        }
        first.get_or_insert(feed);
        line = feed + 1;
        if matches!(bytes.get(line), Some(b' ' | b'\t')) {
            return Err(refuse(400, "a folded line"));
        }
    }
    // A method, two blanks and the version stand around the target.
    let target = first.unwrap_or(bytes.len()).saturating_sub(begin);
    if target > bounds.target + 48 {
        return Err(refuse(414, "a long target"));
    }
    if bytes.len() - begin > bounds.fields_bytes + bounds.target + 48 {
        return Err(refuse(431, "long fields"));
    }
    Ok(None)
}

/// Fields that are read without asking for memory.
const FEW: usize = 128;

/// Reads a whole request head.
pub fn request(bytes: &[u8], bounds: &Bounds) -> Result<RequestHead, Refusal> {
    // On the stack and not set ahead, where the bound is the usual one.
    let (mut few, mut many) = ([const { MaybeUninit::uninit() }; FEW], Vec::new());
    let slots = match few.get_mut(..=bounds.fields) {
        Some(slots) => slots,
        None => {
            many.resize_with(bounds.fields + 1, MaybeUninit::uninit);
            &mut many
        }
    };
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(bytes, slots) {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(refuse(431, "many fields")),
        _ => return Err(refuse(400, "no head of HTTP/1")),
    }
    let target = parsed.path.unwrap_or_default().to_owned();
    let version = if parsed.version == Some(0) { Version::Http10 } else { Version::Http11 };
    let head = RequestHead {
        method: parsed.method.unwrap_or_default().to_owned(),
        fields: fields(parsed.headers),
        framing: None,
        keep_alive: false,
        target,
        version,
    };
    judge(head, bytes.len(), bounds)
}

fn fields(headers: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|field| (field.name.to_owned(), field.value.to_vec())).collect()
}

fn judge(mut head: RequestHead, bytes: usize, bounds: &Bounds) -> Result<RequestHead, Refusal> {
    if head.target.len() > bounds.target {
        return Err(refuse(414, "a long target"));
    }
    if head.fields.len() > bounds.fields {
        return Err(refuse(431, "many fields"));
    }
    if bytes - head.target.len() > bounds.fields_bytes + 48 {
        return Err(refuse(431, "long fields"));
    }
    let hosts = count(&head.fields, "host");
    if hosts > 1 || hosts == 0 && head.version == Version::Http11 {
        return Err(refuse(400, "not one Host"));
    }
    let odd = |b: &u8| !b.is_ascii_graphic() || b"/?#@\\<>\"".contains(b);
    if find(&head.fields, "host").is_some_and(|host| host.iter().any(odd)) {
        return Err(refuse(400, "a Host that is no host"));
    }
    if head.method == "CONNECT" {
        return Err(refuse(400, "CONNECT"));
    }
    let slash = head.target.starts_with('/');
    let rest = ["http://", "https://"].iter().find_map(|scheme| head.target.strip_prefix(scheme));
    let host = rest.map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    if !slash && host.is_none_or(|host| host.is_empty() || host.bytes().any(|b| odd(&b))) {
        return Err(refuse(400, "a target of another form"));
    }
    if !head.target.is_ascii() || head.target.contains('#') {
        return Err(refuse(400, "a target with other bytes"));
    }
    let old = head.version == Version::Http10;
    if old && find(&head.fields, "upgrade").is_some() {
        return Err(refuse(400, "an upgrade of HTTP/1.0"));
    }
    match find(&head.fields, "expect") {
        Some(value) if !value.eq_ignore_ascii_case(b"100-continue") => {
            return Err(refuse(417, "another expectation"));
        }
        _ => {}
    }
    head.framing = match (length(&head.fields)?, coding(&head.fields)?) {
        (Some(_), true) => return Err(refuse(400, "a length and a coding")),
        (None, true) if old => return Err(refuse(400, "a coding in HTTP/1.0")),
        (None, true) => Some(Framing::Chunked(ChunkScanner::default())),
        (Some(0) | None, false) => None,
        (Some(length), false) => Some(Framing::Length(length)),
    };
    head.keep_alive = keeps(&head.fields, old);
    Ok(head)
}

/// Reads a response head; `None` while it is not whole. `method` is that of the request.
pub fn response(bytes: &[u8], method: &str) -> Result<Option<(usize, ResponseHead)>, Refusal> {
    let bad = refuse(502, "no head of HTTP/1");
    let mut slots = [const { MaybeUninit::uninit() }; FEW];
    let mut parsed = httparse::Response::new(&mut []);
    let parsing =
        ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut slots);
    let length = match parsing.map_err(|_| bad)? {
        Status::Complete(length) => length,
        Status::Partial if bytes.len() > 65_536 => return Err(refuse(502, "a long head")),
        Status::Partial => return Ok(None),
    };
    let status = parsed.code.unwrap_or_default();
    if !(100..1000).contains(&status) {
        return Err(bad);
    }
    let old = parsed.version == Some(0);
    let reason = parsed.reason.unwrap_or_default().to_owned();
    let fields = fields(parsed.headers);
    let bodiless = status < 200 || matches!(status, 204 | 304) || method == "HEAD";
    let sent = self::length(&fields).map_err(|_| bad)?;
    let chunked = coding(&fields).map_err(|_| bad)?;
    if old && chunked {
        // Its framing is faulty by definition (RFC 9112 section 6.1).
        return Err(refuse(502, "a coding in HTTP/1.0"));
    }
    let framing = match (bodiless, chunked, sent) {
        (true, ..) | (false, false, Some(0)) => None,
        (false, true, Some(_)) => return Err(refuse(502, "a length and a coding")),
        (false, true, None) => Some(Framing::Chunked(ChunkScanner::default())),
        (false, false, Some(length)) => Some(Framing::Length(length)),
        (false, false, None) => Some(Framing::Close),
    };
    let keep_alive = keeps(&fields, old) && !matches!(framing, Some(Framing::Close));
    Ok(Some((length, ResponseHead { status, reason, fields, framing, keep_alive })))
}

/// The value of a field's first line.
pub fn find<'f>(fields: &'f [(String, Vec<u8>)], name: &str) -> Option<&'f [u8]> {
    fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_slice())
}

fn count(fields: &[(String, Vec<u8>)], name: &str) -> usize {
    fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).count()
}

/// The tokens of a list field, of all its lines, in lower case.
pub fn tokens<'f>(
    fields: &'f [(String, Vec<u8>)],
    name: &'f str,
) -> impl Iterator<Item = String> + 'f {
    let lines = fields.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
    lines
        .flat_map(|(_, value)| value.split(|b| *b == b','))
        .map(|token| String::from_utf8_lossy(token).trim().to_ascii_lowercase())
        .filter(|token| !token.is_empty())
}

/// One Content-Length of digits alone, or none; two are refused even where they agree.
fn length(fields: &[(String, Vec<u8>)]) -> Result<Option<u64>, Refusal> {
    let bad = refuse(400, "a bad Content-Length");
    if count(fields, "content-length") > 1 {
        return Err(bad);
    }
    let Some(value) = find(fields, "content-length") else { return Ok(None) };
    let digits = !value.is_empty() && value.len() < 19 && value.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|v| v.parse().ok());
    number.map(Some).ok_or(bad)
}

/// Whether the body is chunked; no other coding is known.
fn coding(fields: &[(String, Vec<u8>)]) -> Result<bool, Refusal> {
    match count(fields, "transfer-encoding") {
        0 => Ok(false),
        1 if find(fields, "transfer-encoding")
            .is_some_and(|v| v.eq_ignore_ascii_case(b"chunked")) =>
        {
            Ok(true)
        }
        _ => Err(refuse(501, "an unknown Transfer-Encoding")),
    }
}

fn keeps(fields: &[(String, Vec<u8>)], old: bool) -> bool {
    let says = |word: &str| tokens(fields, "connection").any(|token| token == word);
    if old { says("keep-alive") } else { !says("close") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { fields_bytes: 400, fields: 5, target: 40 };

    fn judge(text: &str) -> Result<RequestHead, u16> {
        let text = text.replace('\n', "\r\n");
        let bytes = text.as_bytes();
        let (begin, end) = end(bytes, &BOUNDS).map_err(|r| r.status)?.ok_or(0_u16)?;
        request(&bytes[begin..end], &BOUNDS).map_err(|r| r.status)
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let head = |fields: &str| judge(&format!("POST /a HTTP/1.1\nHost: a\n{fields}\n"));
        for (fields, status) in [
            ("Content-Length: 1\nTransfer-Encoding: chunked\n", 400),
            ("Content-Length: 1\nContent-Length: 1\n", 400),
            ("Content-Length: +1\n", 400),
            ("Content-Length: 1, 1\n", 400),
            ("Transfer-Encoding: gzip, chunked\n", 501),
            ("Transfer-Encoding: xchunked\n", 501),
            ("Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", 501),
            ("X-A: 1\n folded\n", 400),
            ("X-A : 1\n", 400),
            ("Host: b\n", 400),
            ("Expect: \n", 417),
            ("X: y\nX: y\nX: y\nX: y\nX: y\n", 431),
            ("Expect: tea\n", 417),
        ] {
            assert_eq!(head(fields).err(), Some(status), "{fields}");
        }
        assert_eq!(judge("GET /a HTTP/1.1\n\n").err(), Some(400));
        for target in ["http:///a", "http://a@b/", "ftp://a/", "*", "a:1", "//"] {
            let judged = judge(&format!("GET {target} HTTP/1.1\nHost: a\n\n"));
            assert_eq!(judged.err(), (target != "//").then_some(400), "{target}");
        }
        for host in ["a b", "a/b", "a@b", "a?b", "a\\b"] {
            assert_eq!(judge(&format!("GET /a HTTP/1.1\nHost: {host}\n\n")).err(), Some(400));
        }
        assert_eq!(judge("CONNECT a:1 HTTP/1.1\nHost: a\n\n").err(), Some(400));
        assert_eq!(judge("GET /a HTTP/1.0\nUpgrade: websocket\n\n").err(), Some(400));
        assert_eq!(
            judge(&format!("GET /{} HTTP/1.1\nHost: a\n\n", "a".repeat(40))).err(),
            Some(414)
        );
        let fields = format!("X: {}\n", "a".repeat(460));
        assert_eq!(head(&fields).err(), Some(431));
        let bare = b"GET /a HTTP/1.1\r\nHost: a\nX: b\r\n\r\n";
        assert_eq!(end(bare, &BOUNDS).map_err(|r| r.status), Err(400));
    }

    #[test]
    fn good_heads_are_typed() {
        let head = judge("\nPOST /a?b HTTP/1.1\nHost: a\nContent-Length: 12\n\n").unwrap();
        assert_eq!((head.method.as_str(), head.target.as_str()), ("POST", "/a?b"));
        assert!(matches!(head.framing, Some(Framing::Length(12))) && head.keep_alive);
        let head = judge("GET / HTTP/1.1\nHost: a\nConnection: x, Close\n\n").unwrap();
        assert!(head.framing.is_none() && !head.keep_alive);
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        let (length, head) = response(bytes, "GET").unwrap().unwrap();
        assert_eq!((&bytes[length..], head.status), (&b"abc"[..], 200));
        assert!(response(bytes, "HEAD").unwrap().unwrap().1.framing.is_none());
        let both = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(response(both, "GET").is_err());
        let old = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(response(old, "GET").is_err());
    }
}
