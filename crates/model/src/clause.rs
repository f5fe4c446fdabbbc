//! The rules of the model, each stated once. `docs/semantics.md` is printed from this list; code,
//! conformance cases and reports carry the ids.

use std::fmt;

/// The stable id of a rule: `family/name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Clause(&'static str);

/// What the catalogue knows of a rule.
#[derive(Debug, Clone, Copy)]
pub struct ClauseEntry {
    /// Its id.
    pub clause: Clause,
    /// The rule, as one sentence.
    pub sentence: &'static str,
    /// Where the rule comes from.
    pub source: &'static str,
}

macro_rules! clauses {
    ($($name:ident $id:literal $sentence:literal $source:literal;)*) => {
        impl Clause {
            $(#[doc = $sentence] pub const $name: Self = Self($id);)*
        }

        /// Every rule, in the order of `docs/semantics.md`.
        pub const CLAUSES: &[ClauseEntry] = &[$(ClauseEntry {
            clause: Clause::$name,
            sentence: $sentence,
            source: $source,
        }),*];
    };
}

clauses! {
    ROUTE_LISTENER "route/listener" "A request is routed only among the routes of the listener that received it; a route that names no listener belongs to all." "Gateway API, HTTPRoute parentRefs";
    ROUTE_HOST "route/host" "The most specific hostname that any route of the listener names claims the request, exact before the longest wildcard before routes without hostnames, and a claimed request never falls through to a less specific name." "Gateway API, HTTPRoute hostnames; nginx, server_name";
    ROUTE_HOST_FORM "route/host-form" "Hostnames compare in ASCII without case, without the port and without one final dot; `*.` stands for one or more labels." "RFC 9110 section 4.2.3; RFC 5890";
    ROUTE_PRECEDENCE "route/precedence" "Among the routes of the claiming host a higher priority wins, then an exact path, then a regex in file order, then the longest `prefix` or `starts_with`, of two as long the `prefix`." "nginx, location; Gateway API, HTTPRouteMatch";
    ROUTE_TIES "route/ties" "Entries of equal path rank are decided by having methods, then by the number of header matches, then of query matches, then by `upgrade`, then by file order." "Gateway API, HTTPRouteMatch";
    ROUTE_NORMAL_PATH "route/normal-path" "Paths are compared after decoding percent-encoded unreserved characters, merging slashes and resolving dot segments; `%2F` is never a separator and case counts." "RFC 3986 sections 6.2.2 and 6.2.3";
    ROUTE_BAD_PATH "route/bad-path" "A target that has no normal form (an incomplete or non-hexadecimal percent escape, `%00`, a control character, a byte outside ASCII) gets 400." "RFC 9112 section 3.2; RFC 3986 section 2.1";
    ROUTE_NONE "route/none" "A request that no route matches gets 404." "RFC 9110 section 15.5.5";
    ROUTE_PREFIX "route/prefix" "A prefix matches whole segments: `/ws` matches `/ws`, `/ws/` and `/ws/a`, never `/wsx`." "Gateway API, PathPrefix";
    ROUTE_STARTS_WITH "route/starts-with" "`starts_with` matches every path that begins with its text, within a segment too: `/ws-` matches `/ws-` and `/ws-chat`, never `/ws`; `starts_with: /` is `prefix: /`." "nginx, location; HAProxy, path_beg";
    ROUTE_REGEX "route/regex" "A regex is matched unanchored against the normal path, and only what PCRE and RE2 both understand in the same way is accepted." "PCRE2 pattern syntax; RE2 syntax";
    SCOPE_FIELDS "scope/fields" "Every field belongs to one scope, site, listener, upstream or route, and is an error elsewhere." "the model";
    SCOPE_DEFAULTS "scope/defaults" "`defaults` gives the values of every listener, upstream and route that does not write its own, field by field." "the model";
    TARGET_SETTINGS "target/settings" "`targets` holds what an output must fit; each target judges its own keys, and the command line beats a version written there." "the model";
    TARGET_ACCEPT "target/accept" "An accepted loss names its code and a reason, and ends on its date." "the model";
    TARGET_SNIPPET "target/snippet" "A snippet is copied as it stands into one target's configuration, and is the only value that may hold a directive." "the model";
    TARGET_CHAIN "target/chain" "`chain` and `app` state facts about what is not rendered; only checks read them." "the model";
    TARGET_EXPECT "target/expect" "`expect` is tried by conformance on the route that holds it, step by step, on one connection." "the model";
    JUDGEMENT_ORDER "judgement/order" "A request is judged in this order: route, redirect or fixed response, `websocket.mode`, origins, limits, auth, upstream." "the model";
    REDIRECT_EXPLICIT "redirect/explicit" "A handshake never gets a 3xx from the proxy unless a `redirect` says so." "RFC 6455 section 4.1; WHATWG WebSockets";
    REDIRECT_PARTS "redirect/parts" "A redirect changes the parts that it names and keeps the others as asked, the query with them unless the whole path is replaced; a scheme that is named brings its own port." "Gateway API, HTTPRequestRedirectFilter";
    RESPOND_FIXED "respond/fixed" "`respond` answers every request of the route with one status, its fields and its body." "the model";
    REWRITE_PREFIX "rewrite/prefix" "`strip_prefix` keeps a leading slash and the query, and the prefix alone becomes `/`; `replace_prefix` puts another prefix in its place." "Gateway API, HTTPPathModifier";
    REWRITE_REGEX "rewrite/regex" "`rewrite.regex` replaces what its pattern matches in the normal path, with `$1` to `$9` for the groups, and keeps the query." "the model";
    REWRITE_BYTES "rewrite/bytes" "A path already in normal form reaches the upstream byte for byte; any other reaches it with the same meaning or gets 400." "RFC 3986 section 6";
    HANDSHAKE_STRICT_TOKEN "handshake/strict-token" "A WebSocket request is an HTTP/1.1 request whose `Upgrade` is the one token `websocket` in any case and whose `Connection` contains `upgrade`." "RFC 6455 section 4.2.1";
    HANDSHAKE_OTHER_UPGRADE "handshake/other-upgrade" "Every other request is plain HTTP and its `Upgrade` is not forwarded." "RFC 9110 section 7.8";
    HANDSHAKE_EXTENDED_CONNECT "handshake/extended-connect" "On HTTP/2 a WebSocket request is a CONNECT whose `:protocol` is `websocket`, and counts as a GET." "RFC 8441 section 5";
    HANDSHAKE_CONNECTION "handshake/connection" "`Connection` to the upstream is `upgrade` for a tunnel and never for a plain request, and a client's `keep-alive, Upgrade` is accepted." "RFC 9110 section 7.6.1";
    HANDSHAKE_FIELDS "handshake/fields" "`Sec-WebSocket-*` fields pass unchanged unless compression is stripped or subprotocols are listed." "RFC 6455 section 4.1";
    HANDSHAKE_REFUSED "handshake/refused" "A refused handshake reaches the client whole (status, fields, body), and the next request on that connection is routed anew as HTTP." "RFC 9110 section 7.8";
    HANDSHAKE_BODY "handshake/body" "A handshake has no body: one with a `Transfer-Encoding`, or with a `Content-Length` other than 0, gets 400, and nothing of it reaches the upstream." "RFC 9110 section 7.8; RFC 6455 section 4.1";
    HANDSHAKE_LYING_101 "handshake/lying-101" "A 101 that does not accept what was asked never opens a tunnel; the client gets 502." "RFC 9110 section 15.2.2";
    HANDSHAKE_ACCEPT "handshake/accept" "A 101 without `Sec-WebSocket-Accept` may be refused; a wrong one is not checked." "RFC 6455 section 4.1";
    MODE_ALLOW "mode/allow" "`mode: allow` carries WebSocket and plain HTTP." "the model";
    MODE_REQUIRE "mode/require" "`mode: require` answers plain HTTP with 426 and `Upgrade: websocket`." "RFC 9110 section 15.5.22";
    MODE_DENY "mode/deny" "`mode: deny` serves a handshake as plain HTTP without its `Upgrade`, and no tunnel opens." "RFC 9110 section 7.8";
    ORIGIN_CHECK "origin/check" "A handshake whose `Origin` is not listed gets 403 before the upstream is contacted; plain HTTP is not concerned." "RFC 6455 section 10.2";
    ORIGIN_FORM "origin/form" "Origins compare by scheme, host and port with default ports filled in; `*.` matches one or more labels, `same_origin` compares with Host, and `null` counts only if listed." "RFC 6454 section 4";
    ORIGIN_MISSING "origin/missing" "A handshake without `Origin` passes, or gets 403 with `missing_origin: deny`." "RFC 6455 section 10.2";
    TIMER_CONNECT "timer/connect" "`connect` bounds one attempt to establish the connection to a server, TLS included." "Envoy, connect_timeout";
    TIMER_REQUEST_HEADER "timer/request-header" "`request_header` bounds the time from the first byte to the end of a request head, and that of a PROXY header, of a TLS handshake and of the preface of HTTP/2 before it; on expiry the connection ends, with 408 or without an answer." "RFC 9110 section 15.5.9; Envoy, request_headers_timeout";
    TIMER_RESPONSE_HEADER "timer/response-header" "`response_header` bounds the time from the request sent to the response head, which neither a part of it nor an interim response puts off; on expiry the client gets 504." "RFC 9110 section 15.6.5";
    TIMER_HANDSHAKE "timer/handshake" "A handshake's response head is bounded by `response_header`, or by `tunnel_idle` where a server has one knob for both." "nginx, proxy_read_timeout";
    TIMER_IDLE "timer/idle" "`idle` bounds the time between two requests of a connection, and on HTTP/2 the time in which no stream is open." "RFC 9112 section 9.5";
    TIMER_BODY_IDLE "timer/body-idle" "A request ends when no byte of its body or of its response passes for `body_idle`, whether the sender or the reader stalls; the total is not bounded." "the model";
    TIMER_TUNNEL_IDLE "timer/tunnel-idle" "No byte in either direction for `tunnel_idle` ends both sides of a tunnel with FIN; bytes count, not frames." "HAProxy, timeout tunnel";
    TIMER_TUNNEL_MAX "timer/tunnel-max" "A tunnel older than `tunnel_max`, less up to `drain.spread` of jitter, ends whatever its traffic." "Envoy, max_stream_duration";
    TIMER_HALF_CLOSED "timer/half-closed" "A tunnel of which one side has closed lives at most `half_closed`." "RFC 9293 section 3.6";
    TIMER_KEEPALIVE "timer/keepalive" "`tcp_keepalive` is the silence after which TCP asks whether the peer is still there, on both sides of a tunnel." "RFC 9293 section 3.8.4";
    END_PROPAGATION "end/propagation" "The end of one side, FIN or RST, ends the other within 1 s, bytes in flight toward it first; half-close is not promised." "RFC 9293 section 3.6";
    DRAIN_RELOAD "drain/reload" "At a reload open tunnels live on for `drain.timeout` and then end, spread over `drain.spread`; new handshakes use the new configuration at once and no connection is refused." "HAProxy, hard-stop-after; Envoy, drain time";
    DRAIN_STOP "drain/stop" "A stop is a reload with nothing after it: open tunnels and requests get `drain.stop`, a second later the process has ended whatever is open, and a second signal ends it at once." "the model";
    FORWARDED_REPLACE "forwarded/replace" "`forwarded: replace` overwrites what the client sent with the client's address, the scheme (http or https) and the host, and takes out every other field of the forwarded family; the client is the peer, or whom a peer in `trusted_proxies` speaks for." "RFC 7239 section 8.1";
    FORWARDED_APPEND "forwarded/append" "`append` adds to what the peer sent only if the peer is in `trusted_proxies`, and else replaces." "RFC 7239 section 5.2";
    FORWARDED_SPELLING "forwarded/spelling" "A field that the proxy speaks for reaches the upstream in the proxy's spelling alone: none with `_` for `-`, in any case, passes beside the forwarded family, a copied, set or removed field, `Content-Length` or `Transfer-Encoding`." "RFC 3875 section 4.1.18; PEP 3333";
    HOST_PRESERVE "host/preserve" "`host: preserve` sends Host as received, name and port." "RFC 9110 section 7.2";
    LIMIT_CLIENT_ADDRESS "limit/client-address" "Limits count by the client address that `forwarded` reports." "the model";
    LIMIT_CONNECTIONS "limit/connections" "`per_ip.connections` counts a client's open tunnels and requests in flight of the route; one more gets 429." "RFC 6585 section 4";
    LIMIT_CONNECTS "limit/connects" "`per_ip.connects_per_minute` counts handshakes of the route; one more gets 429." "RFC 6585 section 4";
    LIMIT_IPV6 "limit/ipv6" "IPv6 clients are counted by the first `per_ip.ipv6_prefix` bits of their address: whoever has a network has one allowance." "RFC 6177; RFC 4291 section 2.5.4";
    LIMIT_BODY "limit/body" "A request body over `max_body_bytes` gets 413." "RFC 9110 section 15.5.14";
    LIMIT_LISTENER "limit/listener" "A listener holds at most `max_connections` at once; further clients wait or are refused." "Envoy, connection limit; HAProxy, maxconn";
    LIMIT_HEAD "limit/head" "A request head over the listener's limits gets 400, 414 or 431." "RFC 6585 section 5; RFC 9110 section 15.5.15";
    LIMIT_FLOOR "limit/floor" "Every target takes a URL and a field of 8000 B, fields of 15000 B together, 90 fields, and a response head of 3500 B." "measured";
    STICKY_VISIBLE "sticky/visible" "The choice of a sticky upstream is visible to the client on the first response, also when that is a 101." "RFC 6265 section 3";
    STICKY_REBALANCE "sticky/rebalance" "A choice that is unknown or whose server is down is made anew." "nginx, sticky";
    BALANCE_BACKUP "balance/backup" "A backup server takes traffic only while no other server can." "nginx, server backup";
    BALANCE_POLICY "balance/policy" "Among the servers that are up, `least_conn` takes the one with the fewest open connections and tunnels for its weight, `round_robin` the next, `random` any, `ip_hash` and `hash` the one that the key points at." "nginx, upstream; HAProxy, balance";
    BALANCE_RESOLVE "balance/resolve" "A name is resolved at start, or with `resolve: runtime` again whenever the resolver's answer has grown older than `valid`." "nginx, resolver; HAProxy, resolvers";
    HEALTH_WEBSOCKET "health/websocket" "A `websocket` health check performs a valid handshake and expects 101." "RFC 6455 section 4";
    HEALTH_CHECK "health/check" "Each server is asked every `interval`; `unhealthy_threshold` bad answers in a row take it out, `healthy_threshold` good ones bring it back." "HAProxy, check; Envoy, health checking";
    HEALTH_TUNNELS "health/tunnels" "Tunnels of a server that is taken out live on, or end at once with `on_unhealthy: close_tunnels`." "HAProxy, on-marked-down shutdown-sessions";
    RETRY_SAFE "retry/safe" "A request is tried again before its first byte reached an upstream, and once more when a connection that was kept for it turns out to be closed, if its method is safe (GET, HEAD, OPTIONS, TRACE) and it has no body; a handshake never after it was sent; `attempts` counts all tries." "RFC 9110 section 9.2.1; RFC 9112 section 9.3.1";
    HEADERS_ON_101 "headers/on-101" "`response_headers` apply to the 101 as well." "RFC 9110 section 15.2.2";
    HEADERS_HOP_BY_HOP "headers/hop-by-hop" "Fields that describe one connection or one handshake are the proxy's own and cannot be edited." "RFC 9110 section 7.6.1; RFC 6455 section 11.3";
    HEADERS_EDIT "headers/edit" "Fields are removed first, then set, then added." "Gateway API, HTTPHeaderFilter";
    AUTH_FORWARD "auth/forward" "`auth.forward` asks its URL with the request's fields and without its `Upgrade`; 2xx lets the request pass, any other answer is the client's." "nginx, auth_request; Traefik, ForwardAuth";
    AUTH_BASIC "auth/basic" "`auth.basic` asks for a name and a password of the users file; without a good one the answer is 401." "RFC 7617";
    BODY_BUFFERING "body/buffering" "Bodies pass as they come unless `buffering` holds them back; tunnels are never held back." "nginx, proxy_buffering";
    BODY_CHUNKS "body/chunks" "Chunks and trailers are judged as heads are: a request that breaks their rules gets 400 and never looks whole to the upstream, an answer ends its connection; extensions do not pass." "RFC 9112 section 7.1";
    BODY_TRAILERS "body/trailers" "Trailers of an answer pass, without those that belong into a head or that `response_headers` edits; trailers of a request pass to an upstream of HTTP/2 alone." "RFC 9110 section 6.5";
    BODY_COMPRESSION "body/compression" "Response bodies of the listed media types are compressed when the client accepts it; WebSocket messages are not concerned." "RFC 9110 section 12.5.3";
    ERROR_PAGE "error/page" "A status that the proxy itself answers with carries the page that `error_pages` names; answers of the upstream are not touched." "nginx, error_page; HAProxy, errorfile";
    LOG_ACCESS "log/access" "Each request is one line when it ends, a tunnel's line when the tunnel ends, and with `tunnel_open` another when it opens." "HAProxy, option logasap";
    ADMIN_PAGES "admin/pages" "The reference proxy serves its status at `admin.address` and nowhere else." "the model";
    FAILURE_UNREACHABLE "failure/unreachable" "An upstream that cannot be reached gives one of 502, 503 and 504." "RFC 9110 section 15.6";
    FAILURE_SILENT "failure/silent" "An upstream that stays silent gives 504." "RFC 9110 section 15.6.5";
    TLS_CERTIFICATE "tls/certificate" "A TLS listener shows the certificate whose hostnames match SNI, and the first where none does." "RFC 6066 section 3";
    TLS_PROFILE "tls/profile" "`profile` sets protocol versions and ciphers to Mozilla's level of that name." "Mozilla, Server Side TLS";
    TLS_CLIENT "tls/client" "With `client_auth` a client's certificate must be signed by `ca`; `require` refuses clients without one." "RFC 8446 section 4.3.2";
    TLS_UPSTREAM "tls/upstream" "A server's certificate must be good for `server_name`, or for the server's host, unless `verify` is false; the same name is sent as SNI." "Gateway API, BackendTLSPolicy";
    PROXY_PROTOCOL "listener/proxy-protocol" "With `proxy_protocol.accept` every connection must begin with that header, from the given ranges only." "the PROXY protocol, versions 1 and 2";
    PROXY_PROTOCOL_SEND "listener/proxy-protocol-send" "With `proxy_protocol.send` each connection to a server begins with that header, with the client's address." "the PROXY protocol, versions 1 and 2";
    LISTENER_PROTOCOLS "listener/protocols" "A listener offers its `protocols` by ALPN, in their order; without TLS it speaks HTTP/1.1." "RFC 7301; RFC 9113 section 3.2";
    MERGE_NAMES "merge/names" "Several files merge by name; the same name twice is an error, and unnamed routes append in file order." "the model";
    VALUE_UNITS "value/units" "Durations and sizes carry their units." "the model";
    VALUE_TEXT "value/text" "No value may contain a control character." "RFC 9110 section 5.5";
    VALUE_NAMES "value/names" "Names are lower-case letters, digits, `_` and `-`, begin with a letter or digit, and have at most 63 characters." "RFC 1123 section 2.1";
}

// === impl Clause ===

impl Clause {
    /// The id: `family/name`.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The part before the slash.
    pub fn family(self) -> &'static str {
        self.0.split('/').next().unwrap_or(self.0)
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The text of `docs/semantics.md`.
pub fn semantics_page() -> String {
    let mut page = String::from(
        "# What a model means\n\n\
         Every rule of the model, once. Code, conformance cases, diagnostics and reports carry these ids.\n\
         Printed from `crates/model/src/clause.rs`; `UPDATE=1 cargo test --test repository docs` rewrites it.\n",
    );
    let mut family = "";
    for entry in CLAUSES {
        if entry.clause.family() != family {
            family = entry.clause.family();
            page.push_str(&format!("\n## {family}\n\n| id | rule | source |\n|---|---|---|\n"));
        }
        page.push_str(&format!("| `{}` | {} | {} |\n", entry.clause, entry.sentence, entry.source));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_kebab_case_and_grouped() {
        let mut seen = std::collections::HashSet::new();
        let mut families: Vec<&str> = Vec::new();
        for entry in CLAUSES {
            let id = entry.clause.as_str();
            assert!(seen.insert(id), "{id} twice");
            assert!(
                id.split('/').count() == 2
                    && id.bytes().all(|b| b.is_ascii_lowercase()
                        || b.is_ascii_digit()
                        || b"-/".contains(&b)),
                "{id} is not family/name"
            );
            if families.last() != Some(&entry.clause.family()) {
                assert!(!families.contains(&entry.clause.family()), "family of {id} is split");
                families.push(entry.clause.family());
            }
            assert!(entry.sentence.ends_with('.'), "{id} is not a sentence");
        }
    }
}
