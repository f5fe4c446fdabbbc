//! The steps of an exchange with a server. An error keeps the step at which it occurred.

use std::fmt;
use std::io;

/// A step of an exchange with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// A server is chosen.
    Choose,
    /// The server's name is resolved.
    Resolve,
    /// TCP, or the Unix socket.
    Connect,
    /// The PROXY header is written.
    ProxyHeader,
    /// The TLS handshake with a server.
    Tls,
    /// The handshake of HTTP/2.
    Http2,
    /// The head of the response is awaited.
    ResponseHead,
    /// The body of the response is read.
    Body,
}

/// An error with its step.
#[derive(Debug)]
struct Staged {
    stage: Stage,
    cause: io::Error,
}

impl fmt::Display for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl std::error::Error for Staged {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl Stage {
    /// The step's word in logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Choose => "choose",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::ProxyHeader => "proxy_header",
            Self::Tls => "tls",
            Self::Http2 => "http2",
            Self::ResponseHead => "response_head",
            Self::Body => "body",
        }
    }

    /// Marks an error with this step; its kind and its text stay.
    pub(crate) fn of(self, cause: io::Error) -> io::Error {
        io::Error::new(cause.kind(), Staged { stage: self, cause })
    }

    /// The step that an error was marked with.
    pub(crate) fn find(error: &io::Error) -> Option<Self> {
        Some(error.get_ref()?.downcast_ref::<Staged>()?.stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_error_keeps_its_kind_and_its_text() {
        let plain = io::Error::from(io::ErrorKind::ConnectionRefused);
        let (kind, text) = (plain.kind(), plain.to_string());
        let marked = Stage::Tls.of(plain);
        assert_eq!((marked.kind(), marked.to_string()), (kind, text));
        assert_eq!(Stage::find(&marked), Some(Stage::Tls));
        assert_eq!(Stage::find(&io::Error::other("x")), None);
    }
}
