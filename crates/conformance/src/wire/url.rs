//! Where a WebSocket is.

/// A URL of a WebSocket (RFC 6455 section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether by TLS.
    pub tls: bool,
    /// The host, an IPv6 address in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path with its query.
    pub target: String,
}

impl Url {
    /// Reads one; `http` and `https` are taken for `ws` and `wss`.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let tls = match scheme {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return None,
        };
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(cut);
        let slash = if target.starts_with('/') { "" } else { "/" };
        let target = format!("{slash}{target}");
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, if tls { 443 } else { 80 }),
        };
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
        let good = !host.is_empty() && plain(host) && plain(&target);
        good.then(|| Self { tls, host: host.to_owned(), port, target })
    }

    /// Host as a client sends it.
    pub fn authority(&self) -> String {
        let own = if self.tls { 443 } else { 80 };
        if self.port == own { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// The host without brackets.
    pub fn name(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn urls_are_read() {
        for (text, tls, host, port, target, authority) in [
            ("ws://a.test/ws?x=1", false, "a.test", 80, "/ws?x=1", "a.test"),
            ("wss://a.test", true, "a.test", 443, "/", "a.test"),
            ("ws://127.0.0.1:8080?x", false, "127.0.0.1", 8080, "/?x", "127.0.0.1:8080"),
            ("ws://[::1]:81/", false, "[::1]", 81, "/", "[::1]:81"),
        ] {
            let url = Url::parse(text).unwrap();
            let (host, target) = (host.to_owned(), target.to_owned());
            assert_eq!(url, Url { tls, host, port, target }, "{text}");
            assert_eq!(url.authority(), authority);
        }
        for text in ["a.test", "ftp://a", "ws://", "ws://a:x/", "ws://a/b c", "ws://a/\r\nX: y"] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }
}
