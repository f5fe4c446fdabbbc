//! The catalogue of diagnostic codes. Each has a page in `codes/`, printed by `wsgen explain`;
//! the page's examples are fixtures that the tests run.
//!
//! Ranges: 01xx reading the YAML, 02xx the model, 03xx loss, 04xx import, 05xx running. A code never
//! changes its meaning and is never given twice.

use std::fmt;

use crate::diagnostic::Severity;

/// A diagnostic code such as `WSG0204`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(&'static str);

/// What the catalogue knows of a code.
#[derive(Debug, Clone, Copy)]
pub struct CodeEntry {
    /// The code.
    pub code: Code,
    /// One line: what it is about.
    pub title: &'static str,
    /// How much it weighs by itself.
    pub severity: Severity,
    /// Its page, in Markdown: what, why it hurts, example, fix, sources.
    pub page: &'static str,
}

macro_rules! codes {
    ($($id:ident $name:ident $severity:ident $title:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Self = Self(stringify!($id));)*
        }

        /// Every code, in order.
        pub const CODES: &[CodeEntry] = &[$(CodeEntry {
            code: Code::$name,
            title: $title,
            severity: Severity::$severity,
            page: include_str!(concat!("codes/", stringify!($id), ".md")),
        }),*];
    };
}

codes! {
    WSG0101 SYNTAX Error "the text is not YAML";
    WSG0102 TAB_INDENTATION Error "a tab where YAML wants spaces";
    WSG0103 DUPLICATE_KEY Error "the same key twice in one mapping";
    WSG0104 ALIAS_LIMIT Error "too many aliases";
    WSG0105 NESTING_LIMIT Error "nested too deep";
    WSG0106 FILE_SIZE Error "the file is too large";
    WSG0107 NOT_UTF8 Error "the file is not UTF-8";
    WSG0108 EMPTY_FILE Error "the file holds nothing";
    WSG0109 UNSUPPORTED_YAML Error "a part of YAML that the model does not use";
    WSG0110 WRONG_TYPE Error "a value of the wrong type";
    WSG0111 UNKNOWN_KEY Error "a key that the model does not know";
    WSG0112 MISSING_FIELD Error "a field that must be there is missing";
    WSG0113 UNKNOWN_ALIAS Error "an alias without its anchor";
    WSG0114 NODE_LIMIT Error "more values than the reader takes";
    WSG0120 BAD_DURATION Error "not a duration";
    WSG0121 BAD_BYTES Error "not a size in bytes";
    WSG0122 BAD_ADDRESS Error "not an address";
    WSG0123 BAD_HOSTNAME Error "not a hostname";
    WSG0124 BAD_HEADER Error "not a header name or value";
    WSG0125 BAD_PATH Error "not a path in normal form";
    WSG0126 BAD_REGEX Error "a regular expression outside the common subset";
    WSG0127 BAD_ORIGIN Error "not an origin";
    WSG0128 BAD_CIDR Error "not an address range";
    WSG0129 BAD_CHOICE Error "not one of the allowed words";
    WSG0130 OUT_OF_RANGE Error "a number outside its bounds";
    WSG0131 BAD_NAME Error "not a name";
    WSG0132 BAD_TEXT Error "text that cannot be written into a configuration";
    WSG0133 BAD_URL Error "not an http or https URL";
    WSG0134 BAD_DATE Error "not a date";
    WSG0201 UNKNOWN_REFERENCE Error "a name that nothing bears";
    WSG0202 DUPLICATE_NAME Error "two things of one name";
    WSG0203 WRONG_SCOPE Error "a field in another scope's place";
    WSG0204 DUPLICATE_ROUTE Error "two routes that match the same requests";
    WSG0205 UNREACHABLE_ROUTE Warning "a route that no request reaches";
    WSG0206 SHADOWED_BY_HOST Warning "a hostname hides a route without hostnames";
    WSG0207 HANDSHAKE_REDIRECT Warning "a handshake meets a redirect";
    WSG0208 REQUIRE_WITH_UPGRADE Warning "`mode: require` beside `match.upgrade` never answers 426";
    WSG0209 HEARTBEAT Warning "the heartbeat is too slow for a timer";
    WSG0210 TLS_WITHOUT_CERTIFICATE Error "a TLS listener without a certificate";
    WSG0211 STICKY_SINGLE_SERVER Warning "stickiness with a single server";
    WSG0212 SOCKETIO_WITHOUT_STICKY Warning "Socket.IO over several servers without stickiness";
    WSG0213 APPEND_WITHOUT_TRUST Warning "`forwarded: append` trusts nobody";
    WSG0214 IDLE_WITHOUT_KEEPALIVE Warning "a long or unlimited idle time without TCP keepalive";
    WSG0215 RUNTIME_WITHOUT_RESOLVER Error "`resolve: runtime` without a resolver";
    WSG0216 EXACTLY_ONE Error "one of several fields, and only one";
    WSG0217 VERSION Error "the model's version";
    WSG0218 SPLIT_SINGLETON Error "a block that may stand in one file only";
    WSG0219 HOP_BY_HOP Error "a header that the proxy itself manages";
    WSG0220 CREDENTIALS_FROM_ANY_ORIGIN Warning "any web page may open this socket";
    WSG0221 HOP_CUTS_IDLE Warning "another hop ends idle tunnels first";
    WSG0222 HOP_CUTS_BUSY Warning "another hop ends busy tunnels";
    WSG0223 DRAIN_TOO_LONG Warning "old processes live on for very long";
    WSG0224 POLICY_FOR_TUNNELS Note "a balancing policy that suits tunnels badly";
    WSG0225 CAPACITY Warning "limits that do not fit together";
    WSG0226 NO_EFFECT Error "a field that can have no effect here";
    WSG0227 ADDRESS_IN_USE Error "two listeners on one address";
    WSG0228 UNUSED Warning "something that nothing uses";
    WSG0229 NO_SERVER Error "an upstream without a server that takes traffic";
    WSG0230 CHECK_WITHOUT_UPGRADE Error "an HTTP health check that waits for a 101";
    WSG0300 LOSS_OF_DEFAULTS Note "built-in values that a target keeps only in part";
    WSG0301 LOSS_DRAIN_TIMEOUT Warning "loss of `drain.timeout`";
    WSG0302 LOSS_DRAIN_SPREAD Warning "loss of `drain.spread`";
    WSG0303 LOSS_DRAIN_STOP Warning "loss of `drain.stop`";
    WSG0304 LOSS_ACCESS_LOG_FORMAT Warning "loss of `access_log.format`";
    WSG0305 LOSS_TUNNEL_OPEN_LOG Warning "loss of `access_log.tunnel_open`";
    WSG0306 LOSS_UNIX_LISTENER Warning "loss of `listeners[].address: unix`";
    WSG0307 LOSS_HTTP2 Warning "loss of `protocols: h2`";
    WSG0308 LOSS_H2_WEB_SOCKETS_OFF Warning "loss of `h2_websockets: off`";
    WSG0309 LOSS_LISTENER_TLS Warning "loss of `tls.certificates`";
    WSG0310 LOSS_TLS_PROFILE Warning "loss of `tls.profile`";
    WSG0311 LOSS_CLIENT_AUTH Warning "loss of `tls.client_auth`";
    WSG0312 LOSS_ACCEPT_PROXY_PROTOCOL Warning "loss of `proxy_protocol.accept`";
    WSG0313 LOSS_PROXY_PROTOCOL_FROM Warning "loss of `proxy_protocol.from`";
    WSG0314 LOSS_TRUSTED_PROXIES Warning "loss of `trusted_proxies`";
    WSG0315 LOSS_REQUEST_HEADER_TIMEOUT Warning "loss of `timeouts.request_header`";
    WSG0316 LOSS_IDLE_TIMEOUT Warning "loss of `timeouts.idle`";
    WSG0317 LOSS_PER_IP_CONNECTIONS Warning "loss of `limits.per_ip.connections`";
    WSG0318 LOSS_PER_IP_CONNECTS Warning "loss of `limits.per_ip.connects_per_minute`";
    WSG0319 LOSS_BODY_IDLE_TIMEOUT Warning "loss of `timeouts.body_idle`";
    WSG0320 LOSS_HALF_CLOSED_TIMEOUT Warning "loss of `timeouts.half_closed`";
    WSG0321 LOSS_MAX_CONNECTIONS Warning "loss of `limits.max_connections`";
    WSG0322 LOSS_MAX_HEADER_BYTES Warning "loss of `limits.max_header_bytes`";
    WSG0323 LOSS_MAX_HEADERS Warning "loss of `limits.max_headers`";
    WSG0324 LOSS_MAX_URL_BYTES Warning "loss of `limits.max_url_bytes`";
    WSG0325 LOSS_MAX_BODY_BYTES Warning "loss of `limits.max_body_bytes`";
    WSG0326 LOSS_UPSTREAM_TLS Warning "loss of `protocol: https`";
    WSG0327 LOSS_UPSTREAM_HTTP2 Warning "loss of `protocol: h2 or h2c`";
    WSG0328 LOSS_WEIGHT Warning "loss of `servers[].weight`";
    WSG0329 LOSS_BACKUP Warning "loss of `servers[].backup`";
    WSG0330 LOSS_RESOLVE_RUNTIME Warning "loss of `servers[].resolve: runtime`";
    WSG0331 LOSS_BALANCE_LEAST_CONN Warning "loss of `load_balancing.policy: least_conn`";
    WSG0332 LOSS_BALANCE_ROUND_ROBIN Warning "loss of `load_balancing.policy: round_robin`";
    WSG0333 LOSS_BALANCE_RANDOM Warning "loss of `load_balancing.policy: random`";
    WSG0334 LOSS_BALANCE_IP_HASH Warning "loss of `load_balancing.policy: ip_hash`";
    WSG0335 LOSS_BALANCE_HASH Warning "loss of `load_balancing.policy: hash`";
    WSG0336 LOSS_STICKY Warning "loss of `sticky.cookie`";
    WSG0337 LOSS_HEALTH_TCP Warning "loss of `health_check.type: tcp`";
    WSG0338 LOSS_HEALTH_HTTP Warning "loss of `health_check.type: http`";
    WSG0339 LOSS_HEALTH_WEB_SOCKET Warning "loss of `health_check.type: websocket`";
    WSG0340 LOSS_CLOSE_TUNNELS Warning "loss of `on_unhealthy: close_tunnels`";
    WSG0341 LOSS_SEND_PROXY_PROTOCOL Warning "loss of `proxy_protocol.send`";
    WSG0342 LOSS_CONNECT_TIMEOUT Warning "loss of `timeouts.connect`";
    WSG0343 LOSS_TCP_KEEPALIVE Warning "loss of `tcp_keepalive`";
    WSG0344 LOSS_REGEX_PATH Warning "loss of `match.path.regex`";
    WSG0345 LOSS_MATCH_METHODS Warning "loss of `match.methods`";
    WSG0346 LOSS_MATCH_HEADERS Warning "loss of `match.headers`";
    WSG0347 LOSS_MATCH_QUERY Warning "loss of `match.query`";
    WSG0348 LOSS_MATCH_UPGRADE Warning "loss of `match.upgrade`";
    WSG0349 LOSS_PRIORITY Warning "loss of `priority`";
    WSG0350 LOSS_REDIRECT Warning "loss of `redirect`";
    WSG0351 LOSS_RESPOND Warning "loss of `respond`";
    WSG0352 LOSS_REWRITE_PREFIX Warning "loss of `rewrite.strip_prefix and replace_prefix`";
    WSG0353 LOSS_REWRITE_REGEX Warning "loss of `rewrite.regex`";
    WSG0354 LOSS_MODE_REQUIRE Warning "loss of `websocket.mode: require`";
    WSG0355 LOSS_MODE_DENY Warning "loss of `websocket.mode: deny`";
    WSG0356 LOSS_ORIGINS Warning "loss of `websocket.origins`";
    WSG0357 LOSS_MISSING_ORIGIN Warning "loss of `websocket.missing_origin`";
    WSG0358 LOSS_SUBPROTOCOLS Warning "loss of `websocket.subprotocols`";
    WSG0359 LOSS_COMPRESSION_STRIP Warning "loss of `websocket.compression: strip`";
    WSG0360 LOSS_UPSTREAM_H2 Warning "loss of `websocket.upstream_h2`";
    WSG0361 LOSS_HOST_UPSTREAM Warning "loss of `host: upstream`";
    WSG0362 LOSS_HOST_LITERAL Warning "loss of `host: NAME`";
    WSG0363 LOSS_FORWARDED_REPLACE Warning "loss of `forwarded.mode: replace`";
    WSG0364 LOSS_FORWARDED_APPEND Warning "loss of `forwarded.mode: append`";
    WSG0365 LOSS_FORWARDED_OFF Warning "loss of `forwarded.mode: off`";
    WSG0366 LOSS_FORWARDED_STYLE Warning "loss of `forwarded.style`";
    WSG0367 LOSS_REQUEST_HEADERS_SET Warning "loss of `request_headers.set`";
    WSG0368 LOSS_REQUEST_HEADERS_ADD Warning "loss of `request_headers.add`";
    WSG0369 LOSS_REQUEST_HEADERS_REMOVE Warning "loss of `request_headers.remove`";
    WSG0370 LOSS_RESPONSE_HEADERS_SET Warning "loss of `response_headers.set`";
    WSG0371 LOSS_RESPONSE_HEADERS_ADD Warning "loss of `response_headers.add`";
    WSG0372 LOSS_RESPONSE_HEADERS_REMOVE Warning "loss of `response_headers.remove`";
    WSG0373 LOSS_RESPONSE_HEADER_TIMEOUT Warning "loss of `timeouts.response_header`";
    WSG0374 LOSS_HANDSHAKE_TIMEOUT Warning "loss of `timeouts.response_header of a handshake`";
    WSG0375 LOSS_TUNNEL_IDLE Warning "loss of `timeouts.tunnel_idle`";
    WSG0376 LOSS_TUNNEL_UNLIMITED Warning "loss of `timeouts.tunnel_idle: unlimited`";
    WSG0377 LOSS_TUNNEL_MAX Warning "loss of `timeouts.tunnel_max`";
    WSG0378 LOSS_AUTH_FORWARD Warning "loss of `auth.forward`";
    WSG0379 LOSS_AUTH_BASIC Warning "loss of `auth.basic`";
    WSG0380 LOSS_RETRIES Warning "loss of `retries`";
    WSG0381 LOSS_BUFFER_REQUEST Warning "loss of `buffering.request`";
    WSG0382 LOSS_BUFFER_RESPONSE Warning "loss of `buffering.response`";
    WSG0383 LOSS_COMPRESSION Warning "loss of `compression`";
    WSG0384 LOSS_ERROR_PAGES Warning "loss of `error_pages`";
    WSG0385 LOSS_LYING_UPGRADE Warning "loss of `a 101 that was not asked for`";
    WSG0386 LOSS_ACCEPT_PROXY_VERSION Warning "loss of `proxy_protocol.accept: v1 or v2`";
    WSG0387 LOSS_REFUSED_HANDSHAKE Warning "loss of `a refused handshake`";
    WSG0388 LOSS_ENCODED_SLASH Warning "loss of `an encoded slash`";
    WSG0389 LOSS_HANDSHAKE_WITHOUT_KEY Warning "loss of `a handshake without a key`";
    WSG0390 LOSS_H2_WEB_SOCKETS Warning "loss of `h2_websockets: auto`";
    WSG0391 LOSS_UNBOUNDED_CONNECTIONS Warning "loss of `no limits.max_connections`";
    WSG0401 IMPORT_SYNTAX Warning "a server would not read this";
    WSG0402 IMPORT_MISSING Note "something that lies elsewhere";
    WSG0403 IMPORT_LOST Warning "a directive that has no place in the model";
    WSG0404 IMPORT_OPENS Error "a loss that opens what was guarded";
    WSG0405 IMPORT_KEPT Note "a directive that only its own server understands";
    WSG0406 IMPORT_BROKEN Warning "WebSockets cannot pass in what was read";
    WSG0407 IMPORT_DIFFERS Note "taken with a difference";
    WSG0408 IMPORT_BESIDE Note "served beside the proxy";
    WSG0409 IMPORT_OUTSIDE Warning "an included file outside of the configuration's folder";
    WSG0410 IMPORT_LIMIT Error "a configuration that grows beyond all bounds";
    WSG0411 IMPORT_REFUSES Warning "a site that answers nothing but 502";
    WSG0501 UNREADABLE Error "the input could not be read";
    WSG0502 NOT_RENDERED Error "something that cannot be written for this target";
    WSG0503 REFUSED_BY_SERVER Error "a configuration that the server's own checker refuses";
    WSG0504 UNTRIED_VERSION Note "a version that wsgen was never tried with";
}

// === impl Code ===

impl Code {
    /// The code that a person typed, in any case; `None` if there is no such code.
    pub fn parse(text: &str) -> Option<Self> {
        CODES.iter().map(|entry| entry.code).find(|code| code.0.eq_ignore_ascii_case(text.trim()))
    }

    /// As printed: `WSG0204`.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// What the catalogue knows of it.
    pub fn entry(self) -> &'static CodeEntry {
        // Both come from one macro, so the search cannot fail; the first entry keeps this total.
        CODES.iter().find(|entry| entry.code == self).unwrap_or(&CODES[0])
    }

    /// How much it weighs by itself.
    pub fn severity(self) -> Severity {
        self.entry().severity
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn a_code_is_found_in_any_case() {
        assert_eq!(Code::parse(" wsg0204 "), Some(Code::DUPLICATE_ROUTE));
        assert_eq!(Code::parse("WSG9999"), None);
    }

    /// Every page has the same five parts, so that a reader knows where to look.
    #[test]
    fn pages_have_their_parts() {
        for entry in CODES {
            let parts: Vec<_> = entry.page.lines().filter(|line| line.starts_with("## ")).collect();
            assert_eq!(
                parts,
                ["## What", "## Why it hurts", "## Example", "## Fix", "## Sources"],
                "page of {}",
                entry.code
            );
            let heading = format!("# {}: {}", entry.code, entry.title);
            assert_eq!(entry.page.lines().next(), Some(heading.as_str()));
        }
    }
}
