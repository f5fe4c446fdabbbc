//! Whether a page may open a tunnel (`origin/check`, `origin/form`, `origin/missing`).

use wsgen_model::config::AllowOrDeny;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Origin;
use wsgen_model::site::WebSocket;

/// Judges the Origin of a handshake to a host; more than one Origin is none that is listed.
pub(crate) fn is_allowed(websocket: &WebSocket, origins: &[&[u8]], host: &str) -> bool {
    let Some(listed) = &websocket.origins else { return true };
    let origin = match origins {
        [] => return *websocket.missing_origin == AllowOrDeny::Allow,
        [one] => std::str::from_utf8(one).unwrap_or("").to_ascii_lowercase(),
        _ => return false,
    };
    if origin == "null" {
        return listed.value.iter().any(|known| known.value == Origin::Null);
    }
    let Ok(Origin::Exact { scheme, host: name, port }) = Origin::parse(&origin) else {
        return false;
    };
    listed.value.iter().any(|known| match &known.value {
        Origin::Null => false,
        Origin::Same => {
            let asked = Origin::parse(&format!("{scheme}://{host}"));
            asked.is_ok_and(|asked| asked == Origin::Exact { scheme, host: name.clone(), port })
        }
        Origin::Exact { scheme: known, host, port: known_port } => {
            *known == scheme
                && *known_port == port
                && !name.is_wildcard()
                && (*host == name || host.is_wildcard() && host.matches(name.name()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wsgen_model::source::Sources;

    fn websocket(origins: &str) -> WebSocket {
        let model = format!(
            "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:1\"}}]\nupstreams: {{app: {{servers: [\"127.0.0.1:2\"]}}}}\n\
             routes: [{{upstream: app, websocket: {{origins: {origins}}}}}]\n"
        );
        let (site, findings) = wsgen_model::read(&Sources::single("m", model));
        let site = site.unwrap_or_else(|| panic!("{findings:?}"));
        site.routes[0].forward().unwrap().websocket.clone()
    }

    #[test]
    fn ports_and_wildcards_are_minded() {
        let list = websocket("[\"https://chat.test\", \"http://*.chat.test:8080\"]");
        let allows = |origin: &str| is_allowed(&list, &[origin.as_bytes()], "a.test");
        assert!(allows("https://chat.test") && allows("https://chat.test:443"));
        assert!(allows("HTTPS://CHAT.test") && allows("http://a.b.chat.test:8080"));
        for origin in [
            "http://chat.test",
            "https://chat.test:444",
            "https://chat.test.evil.test",
            "http://chat.test:8080",
            "http://*.chat.test:8080",
            "null",
            "chat.test",
            "",
        ] {
            assert!(!allows(origin), "{origin}");
        }
        assert!(is_allowed(&list, &[], "a") && !is_allowed(&list, &[b"null", b"null"], "a"));
        let same = websocket("[same_origin]");
        let allows = |origin: &str, host: &str| is_allowed(&same, &[origin.as_bytes()], host);
        assert!(allows("https://a.test", "a.test") && allows("http://a.test", "A.test"));
        assert!(allows("https://a.test:8443", "a.test:8443"));
        assert!(!allows("https://a.test", "a.test:8443") && !allows("https://b.test", "a.test"));
    }
}
