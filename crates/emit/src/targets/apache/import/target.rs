//! What URLs of workers and balancers name.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::UpstreamAddress;

/// A server or a balancer, as a URL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    /// Whether it is reached by TLS.
    pub(super) secure: bool,
    /// Whether the URL says `ws:` or `wss:`.
    pub(super) upgrades: bool,
    /// Whether it is the name of a balancer.
    pub(super) balanced: bool,
    /// An address, or the name of a balancer.
    pub(super) authority: String,
}

/// What a URL names, and the path in it. Nothing where it is computed, or for what is no proxy of HTTP.
pub(super) fn destination(url: &str) -> Option<(Destination, String)> {
    if let Some(rest) = url.strip_prefix("unix:") {
        let (socket, url) = rest.split_once('|')?;
        let (found, path) = destination(url)?;
        let authority = format!("unix:{socket}");
        UpstreamAddress::parse(&authority).ok()?;
        return Some((Destination { authority, ..found }, path));
    }
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let end = rest.find(['/', '%', '$', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // `${NAME}` and `%{NAME}` ahead of the path are computed.
    let path_follows = path.is_empty()
        || path.starts_with('/')
        || path.starts_with("%{REQUEST_URI}")
        || ["$0", "$1", "%1"].iter().any(|group| path.starts_with(group));
    if authority.is_empty() || !path_follows {
        return None;
    }
    let secure = matches!(scheme.as_str(), "https" | "wss");
    let upgrades = matches!(scheme.as_str(), "ws" | "wss");
    let balanced = scheme == "balancer";
    if !balanced && !matches!(scheme.as_str(), "http" | "https" | "ws" | "wss") {
        return None;
    }
    let authority = if balanced {
        authority.to_ascii_lowercase()
    } else {
        let port = if secure { 443 } else { 80 };
        let has_port =
            authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if has_port { authority.to_owned() } else { format!("{authority}:{port}") };
        UpstreamAddress::parse(&address).ok()?;
        address
    };
    Some((Destination { secure, upgrades, balanced, authority }, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_taken_apart() {
        let read = |url| destination(url).map(|(to, path)| (to.authority, path, to.upgrades));
        assert_eq!(read("ws://a:1/x"), Some(("a:1".into(), "/x".into(), true)));
        assert_eq!(read("https://a/"), Some(("a:443".into(), "/".into(), false)));
        assert_eq!(
            read("http://a:1%{REQUEST_URI}"),
            Some(("a:1".into(), "%{REQUEST_URI}".into(), false))
        );
        assert_eq!(read("balancer://Nodes/$1"), Some(("nodes".into(), "/$1".into(), false)));
        assert_eq!(
            read("unix:/run/a.sock|http://localhost/"),
            Some(("unix:/run/a.sock".into(), "/".into(), false))
        );
        assert_eq!(read("http://${map:%1}/"), None);
        assert_eq!(read("ajp://a:8009/"), None);
    }
}
