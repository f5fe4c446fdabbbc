//! Trailer fields of chunked bodies (RFC 9110 section 6.5). They are judged as the fields of a head are: a line that is
//! no field could be the next request to a server that reads no trailers. Fields that decide about a message, which
//! everybody has judged by its head alone, do not pass behind its body.

use crate::body::BadChunk;

/// Trailers that break the rules.
pub(crate) const BAD: BadChunk = BadChunk("bad trailers");

/// The most bytes that the trailers of a body may take.
const BYTES: usize = 8192;
/// The most trailers that a body may have.
const FIELDS: usize = 64;

/// Fields that must stand in the head: they say how a message is framed, routed, judged, cached or decoded, or they
/// belong to one connection (RFC 9110 section 6.5.1).
const OF_THE_HEAD: [&str; 43] = [
    // Framing, routing and the connection.
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    // Who asks.
    "authorization",
    "cookie",
    "origin",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "referer",
    "set-cookie",
    "www-authenticate",
    // Conditions and controls of a request.
    "cache-control",
    "expect",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "pragma",
    "range",
    // Controls of a response.
    "age",
    "clear-site-data",
    "date",
    "expires",
    "location",
    "retry-after",
    "vary",
    "warning",
    // How the payload is read.
    "content-encoding",
    "content-range",
    "content-type",
    "content-security-policy",
    "strict-transport-security",
];

/// The trailers of a body: first its lines as they come, then those that pass on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trailers {
    lines: Vec<u8>,
    /// Whether all trailers are dropped.
    none: bool,
    /// Names that do not pass on, beside those of the head.
    left_out: Vec<String>,
}

impl Trailers {
    /// Lets no trailer pass on.
    pub(crate) fn drop_all(&mut self) {
        self.none = true;
    }

    /// Lets no trailer of these names pass on, however they are spelled.
    pub(crate) fn leave_out<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.left_out.extend(names.into_iter().map(str::to_owned));
    }

    /// Keeps one byte of the lines.
    pub(crate) fn put(&mut self, byte: u8) -> Result<(), BadChunk> {
        if self.lines.len() >= BYTES {
            return Err(BadChunk("long trailers"));
        }
        self.lines.push(byte);
        Ok(())
    }

    /// Judges the lines, the empty one at the end with them, and keeps those that pass on.
    pub(crate) fn judge(&mut self) -> Result<(), BadChunk> {
        if self.lines == b"\r\n" {
            self.lines.clear();
            return Ok(());
        }
        let lines = std::mem::take(&mut self.lines);
        let mut slots = [httparse::EMPTY_HEADER; FIELDS];
        let fields = match httparse::parse_headers(&lines, &mut slots) {
            Ok(httparse::Status::Complete((length, fields))) if length == lines.len() => fields,
            Err(httparse::Error::TooManyHeaders) => return Err(BadChunk("many trailers")),
            _ => return Err(BAD),
        };
        if self.none {
            return Ok(());
        }
        let mut kept = Vec::new();
        for field in fields.iter().filter(|field| self.passes(field.name)) {
            for part in [field.name.as_bytes(), b": ", field.value, b"\r\n"] {
                kept.extend_from_slice(part);
            }
        }
        self.lines = kept;
        Ok(())
    }

    /// The lines that pass on, once they were judged.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.lines
    }

    fn passes(&self, name: &str) -> bool {
        let known = OF_THE_HEAD.iter().copied().chain(self.left_out.iter().map(String::as_str));
        !known.into_iter().any(|known| wsgen_model::spelling::is_same(known, name))
    }
}
