//! Compressing bodies on their way to the client (`body/compression`).

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use wsgen_model::config::MediaType;
use wsgen_model::routing::Version;

use crate::head::{RequestHead, ResponseHead, find, tokens};

/// Fast, as for bytes that are made anew for each client.
const LEVEL: Compression = Compression::new(4);

/// A body that becomes chunks of gzip (RFC 1952) as it passes.
pub(crate) struct Coding {
    encoder: GzEncoder<Vec<u8>>,
    /// Whether something was put in that may not have come out.
    dirty: bool,
}

impl std::fmt::Debug for Coding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coding").field("dirty", &self.dirty).finish_non_exhaustive()
    }
}

impl Coding {
    /// Decides about an answer, and makes its head that of a compressed body. A client that does not take one still
    /// makes a cache between know that others do.
    pub(crate) fn begin(
        asked: &RequestHead,
        head: &mut ResponseHead,
        types: &[MediaType],
    ) -> Option<Self> {
        let kind = find(&head.fields, "content-type")?;
        let kind = String::from_utf8_lossy(kind).split(';').next()?.trim().to_ascii_lowercase();
        let coded = find(&head.fields, "content-encoding").is_some();
        let kept = tokens(&head.fields, "cache-control").any(|token| token == "no-transform");
        // A part of a body is not the whole of a compressed one (RFC 9110 section 14).
        if coded || kept || head.status == 206 || !types.iter().any(|t| t.as_str() == kind) {
            return None;
        }
        let varies = tokens(&head.fields, "vary").any(|t| t == "accept-encoding" || t == "*");
        if !varies {
            head.fields.push(("Vary".to_owned(), b"Accept-Encoding".to_vec()));
        }
        if head.framing.is_none() || asked.version == Version::Http10 || !takes_gzip(asked) {
            return None;
        }
        let gone = ["content-length", "transfer-encoding", "accept-ranges"];
        head.fields.retain(|(name, _)| !gone.iter().any(|gone| gone.eq_ignore_ascii_case(name)));
        for (name, value) in &mut head.fields {
            // Not the same bytes, only the same meaning (RFC 9110 section 8.8.1).
            if name.eq_ignore_ascii_case("etag") && !value.starts_with(b"W/") {
                value.splice(..0, *b"W/");
            }
        }
        head.fields.push(("Content-Encoding".to_owned(), b"gzip".to_vec()));
        head.fields.push(("Transfer-Encoding".to_owned(), b"chunked".to_vec()));
        Some(Self { encoder: GzEncoder::new(Vec::new(), LEVEL), dirty: false })
    }

    /// Puts bytes of the body in, and gives what has come out, as a chunk.
    pub(crate) fn put(&mut self, payload: &[u8], ends: bool) -> Vec<u8> {
        // It writes into memory, which does not fail.
        let _ = self.encoder.write_all(payload);
        self.dirty |= !payload.is_empty();
        if ends {
            let _ = self.encoder.try_finish();
            self.dirty = false;
        }
        let mut out = self.chunk();
        if ends {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        out
    }

    /// What is still within, for a client that waits for it: an event, a line of a log.
    pub(crate) fn flush(&mut self) -> Vec<u8> {
        if !std::mem::take(&mut self.dirty) {
            return Vec::new();
        }
        let _ = self.encoder.flush();
        self.chunk()
    }

    fn chunk(&mut self) -> Vec<u8> {
        let coded = std::mem::take(self.encoder.get_mut());
        if coded.is_empty() {
            return coded;
        }
        [format!("{:x}\r\n", coded.len()).as_bytes(), &coded, b"\r\n"].concat()
    }
}

/// Whether a client takes gzip (RFC 9110 section 12.5.3).
fn takes_gzip(asked: &RequestHead) -> bool {
    let weight = |wanted: &str| {
        tokens(&asked.fields, "accept-encoding").find_map(|token| {
            let mut parts = token.split(';').map(str::trim);
            let named =
                parts.next().is_some_and(|name| name == wanted || name == format!("x-{wanted}"));
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.trim().parse::<f32>().ok());
            named.then(|| weight.unwrap_or(1.0))
        })
    };
    weight("gzip").or_else(|| weight("*")).is_some_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{self, Bounds};

    #[test]
    fn gzip_is_for_those_who_take_it() {
        let takes = |value: &str| {
            let bounds = Bounds { fields_bytes: 1000, fields: 10, target: 100 };
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {value}\r\n\r\n");
            takes_gzip(&head::request(text.as_bytes(), &bounds).unwrap())
        };
        for value in ["gzip", "br, gzip;q=0.5", "GZIP", "x-gzip", "*", "*;q=0.1, br"] {
            assert!(takes(value), "{value}");
        }
        for value in ["", "br", "gzip;q=0", "gzip; q=0.0, *", "*;q=0"] {
            assert!(!takes(value), "{value}");
        }
    }
}
