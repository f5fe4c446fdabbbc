//! What HAProxy's directives stand for.

use wsgen_model::clause::Clause;

use crate::annotate::Owner::{Listener, Route, Site, Upstream};
use crate::annotate::{Annotations, Comments, Origin, demanded, from, house};

/// Every directive of the template and of its views.
pub(super) const ANNOTATIONS: Annotations =
    Annotations { comments: Comments::Behind, origins: ORIGINS, ends: &[] };

const GLOBAL: &str = "configuration manual, section 3";
const KEYWORDS: &str = "configuration manual, section 4.2";
const ACTIONS: &str = "configuration manual, http-request";
const FETCHES: &str = "configuration manual, section 7";
const BIND: &str = "configuration manual, section 5.1";
const SERVER: &str = "configuration manual, section 5.2";
const CHECKS: &str = "configuration manual, http-check";

#[rustfmt::skip]
const ORIGINS: &[Origin] = &[
    house("global", "the process", GLOBAL),
    house("log ", "where its log goes", GLOBAL),
    house("stats socket ", "as the package has it", GLOBAL),
    house("chroot ", "as the package has it", GLOBAL),
    house("user haproxy", "as the package has it", GLOBAL),
    house("group haproxy", "as the package has it", GLOBAL),
    from("hard-stop-after ", Site, "drain.timeout", Clause::DRAIN_RELOAD, GLOBAL)
        .truth("Without it old processes stay for as long as one tunnel lives."),
    from("close-spread-time ", Site, "drain.spread", Clause::DRAIN_RELOAD, GLOBAL)
        .truth("Clients that all come back in one instant are a storm."),
    house("nbthread ", "`targets.haproxy.threads`", GLOBAL),
    demanded("maxconn ", Clause::LIMIT_LISTENER, GLOBAL),
    house("tune.pool-low-fd-ratio ", "connections to servers are kept", GLOBAL)
        .truth("By itself HAProxy keeps none once a fifth of its descriptors are in use, and maxconn says how many those are."),
    house("tune.pool-high-fd-ratio ", "connections to servers are kept", GLOBAL),
    demanded("tune.bufsize ", Clause::LIMIT_HEAD, GLOBAL),
    demanded("tune.maxrewrite ", Clause::LIMIT_HEAD, GLOBAL),
    demanded("tune.http.maxhdr ", Clause::LIMIT_HEAD, GLOBAL),
    demanded("expose-experimental-directives", Clause::ROUTE_NORMAL_PATH, GLOBAL),
    from("h2-workaround-bogus-websocket-clients", Listener, "h2_websockets", Clause::HANDSHAKE_EXTENDED_CONNECT, GLOBAL),
    house("defaults", "every section below", "configuration manual, section 4"),
    house("mode http", "the proxy reads HTTP", KEYWORDS),
    from("log-format ", Site, "access_log.format", Clause::LOG_ACCESS, "configuration manual, section 8.2"),
    from("option logasap", Site, "access_log.tunnel_open", Clause::LOG_ACCESS, KEYWORDS),
    house("option abortonclose", "who has gone away waits for nothing", KEYWORDS),
    house("timeout queue ", "nobody waits longer for a server's place", KEYWORDS),
    from("resolvers ", Site, "resolver", Clause::BALANCE_RESOLVE, "configuration manual, section 5.3"),
    from("nameserver ", Site, "resolver.nameservers", Clause::BALANCE_RESOLVE, "configuration manual, section 5.3"),
    demanded("hold other ", Clause::BALANCE_RESOLVE, "configuration manual, section 5.3"),
    demanded("hold refused ", Clause::BALANCE_RESOLVE, "configuration manual, section 5.3"),
    demanded("hold timeout ", Clause::BALANCE_RESOLVE, "configuration manual, section 5.3"),
    from("hold valid ", Site, "resolver.valid", Clause::BALANCE_RESOLVE, "configuration manual, section 5.3"),
    demanded("backend wsgen_conn", Clause::LIMIT_CONNECTIONS, KEYWORDS),
    demanded("stick-table ", Clause::LIMIT_CLIENT_ADDRESS, KEYWORDS),
    demanded("userlist ", Clause::AUTH_BASIC, "configuration manual, section 3.4"),
    demanded("user ", Clause::AUTH_BASIC, "configuration manual, section 3.4"),
    from("frontend ", Listener, "name", Clause::ROUTE_LISTENER, "configuration manual, section 4"),
    from("bind ", Listener, "address", Clause::ROUTE_LISTENER, BIND),
    from("tcp-request connection ", Listener, "proxy_protocol", Clause::PROXY_PROTOCOL, KEYWORDS),
    from("timeout http-request ", Listener, "timeouts.request_header", Clause::TIMER_REQUEST_HEADER, KEYWORDS),
    from("timeout http-keep-alive ", Listener, "timeouts.idle", Clause::TIMER_IDLE, KEYWORDS)
        .truth("It bounds the time between requests. `option http-server-close` was never needed for WebSockets."),
    from("timeout client ", Listener, "timeouts.body_idle", Clause::TIMER_BODY_IDLE, KEYWORDS)
        .truth("An open tunnel has `timeout tunnel` in its place."),
    from("timeout client-fin ", Listener, "timeouts.half_closed", Clause::TIMER_HALF_CLOSED, KEYWORDS),
    from("option clitcpka", Upstream, "tcp_keepalive", Clause::TIMER_KEEPALIVE, KEYWORDS),
    from("option srvtcpka", Upstream, "tcp_keepalive", Clause::TIMER_KEEPALIVE, KEYWORDS),
    demanded("capture request header ", Clause::LOG_ACCESS, KEYWORDS),
    from("http-request set-var(txn.peer) ", Listener, "trusted_proxies", Clause::FORWARDED_REPLACE, ACTIONS),
    from("http-request set-src ", Listener, "trusted_proxies", Clause::FORWARDED_REPLACE, ACTIONS),
    demanded("http-request set-var(txn.query) ", Clause::ROUTE_NORMAL_PATH, ACTIONS),
    demanded("http-request set-query ", Clause::ROUTE_NORMAL_PATH, ACTIONS),
    demanded("http-request normalize-uri ", Clause::ROUTE_NORMAL_PATH, ACTIONS),
    demanded("http-request deny deny_status 400 if { path ", Clause::ROUTE_BAD_PATH, ACTIONS),
    demanded("http-request deny deny_status 400 ", Clause::HANDSHAKE_EXTENDED_CONNECT, ACTIONS),
    demanded("http-request deny deny_status 400 if { var(txn.ws)", Clause::HANDSHAKE_BODY, ACTIONS),
    demanded("http-request deny deny_status 400 if !{ req.ver 1.0 } !{ req.hdr(host)", Clause::ROUTE_HOST_FORM, ACTIONS),
    demanded("http-request set-var(txn.ws) ", Clause::HANDSHAKE_STRICT_TOKEN, FETCHES)
        .truth("Left alone, HAProxy passes any protocol that a client upgrades to, h2c too."),
    demanded("http-request del-header Upgrade", Clause::HANDSHAKE_OTHER_UPGRADE, ACTIONS),
    demanded("http-request del-header Connection", Clause::HANDSHAKE_CONNECTION, ACTIONS),
    demanded("http-request set-header Connection ", Clause::HANDSHAKE_CONNECTION, ACTIONS),
    demanded("http-request set-var(txn.host) ", Clause::ROUTE_HOST_FORM, ACTIONS),
    demanded("http-request set-var(txn.claim) ", Clause::ROUTE_HOST, ACTIONS),
    demanded("http-request set-var(txn.route) ", Clause::ROUTE_PRECEDENCE, ACTIONS),
    demanded("http-request deny deny_status 404 ", Clause::ROUTE_NONE, ACTIONS),
    demanded("http-request set-var(txn.asked_host) ", Clause::ORIGIN_FORM, ACTIONS),
    demanded("http-request set-var(txn.origin_host) ", Clause::ORIGIN_FORM, ACTIONS),
    from("http-request set-var(txn.origin) ", Route, "websocket.origins", Clause::ORIGIN_CHECK, ACTIONS),
    from("http-request deny deny_status 403 ", Route, "websocket.origins", Clause::ORIGIN_CHECK, ACTIONS),
    from("http-request deny deny_status 413 ", Route, "limits.max_body_bytes", Clause::LIMIT_BODY, ACTIONS),
    from("http-request deny deny_status 429 ", Route, "limits.per_ip", Clause::LIMIT_CONNECTIONS, ACTIONS),
    from("http-request track-sc0 ", Route, "limits.per_ip.connections", Clause::LIMIT_CONNECTIONS, ACTIONS),
    from("http-request track-sc1 ", Route, "limits.per_ip.connects_per_minute", Clause::LIMIT_CONNECTS, ACTIONS),
    from("http-request redirect ", Route, "redirect", Clause::REDIRECT_PARTS, ACTIONS),
    from("http-request return ", Route, "respond", Clause::RESPOND_FIXED, ACTIONS),
    from("http-request return status 426 hdr Upgrade websocket ", Route, "websocket.mode", Clause::MODE_REQUIRE, ACTIONS),
    from("http-request auth ", Route, "auth.basic", Clause::AUTH_BASIC, ACTIONS),
    from("http-request replace-path ", Route, "rewrite", Clause::REWRITE_PREFIX, ACTIONS),
    from("http-request set-header ", Route, "request_headers", Clause::HEADERS_EDIT, ACTIONS),
    from("http-request add-header ", Route, "request_headers", Clause::HEADERS_EDIT, ACTIONS),
    from("http-request del-header ", Route, "request_headers", Clause::HEADERS_EDIT, ACTIONS),
    from("http-request set-header Host ", Route, "host", Clause::HOST_PRESERVE, ACTIONS)
        .truth("Applications compare Origin with it, port included. Forging Origin instead switches their check off."),
    from("http-request set-header X-Forwarded-", Route, "forwarded", Clause::FORWARDED_REPLACE, ACTIONS)
        .truth("`option forwardfor` would add a line behind a forged one."),
    from("http-request add-header X-Forwarded-", Route, "forwarded", Clause::FORWARDED_APPEND, ACTIONS),
    from("http-request del-header X-Forwarded-", Route, "forwarded", Clause::FORWARDED_APPEND, ACTIONS),
    from("http-request del-header X_", Route, "forwarded", Clause::FORWARDED_SPELLING, ACTIONS),
    from("http-request del-header X-Forwarded_", Route, "forwarded", Clause::FORWARDED_SPELLING, ACTIONS),
    from("http-request del-header X-Real_", Route, "forwarded", Clause::FORWARDED_SPELLING, ACTIONS),
    from("http-request del-header \"^(x", Route, "forwarded", Clause::FORWARDED_SPELLING, ACTIONS)
        .truth("Applications behind CGI, WSGI or PHP cannot tell X_Real_IP from X-Real-IP."),
    demanded("http-request del-header \"^(content", Clause::FORWARDED_SPELLING, ACTIONS),
    demanded("http-request del-header Content_Length", Clause::FORWARDED_SPELLING, ACTIONS),
    demanded("http-request del-header Transfer_Encoding", Clause::FORWARDED_SPELLING, ACTIONS),
    from("http-request del-header X-Real", Route, "forwarded", Clause::FORWARDED_REPLACE, ACTIONS),
    from("http-request del-header Forwarded", Route, "forwarded", Clause::FORWARDED_REPLACE, ACTIONS),
    from("http-request set-header X-Real-IP ", Route, "forwarded", Clause::FORWARDED_REPLACE, ACTIONS),
    from("http-request set-header Forwarded ", Route, "forwarded", Clause::FORWARDED_REPLACE, ACTIONS),
    from("http-request add-header Forwarded ", Route, "forwarded", Clause::FORWARDED_APPEND, ACTIONS),
    from("http-request del-header Sec-WebSocket-Extensions", Route, "websocket.compression", Clause::HANDSHAKE_FIELDS, ACTIONS)
        .truth("Setting Sec-WebSocket fields by hand is never needed: they pass as they came."),
    from("http-request del-header Sec-WebSocket-Protocol", Route, "websocket.subprotocols", Clause::HANDSHAKE_FIELDS, ACTIONS),
    from("http-response ", Route, "response_headers", Clause::HEADERS_EDIT, "configuration manual, http-response"),
    from("use_backend ", Route, "upstream", Clause::ROUTE_PRECEDENCE, KEYWORDS),
    from("backend ", Upstream, "servers", Clause::BALANCE_POLICY, "configuration manual, section 4"),
    from("balance ", Upstream, "load_balancing.policy", Clause::BALANCE_POLICY, KEYWORDS),
    from("hash-type ", Upstream, "load_balancing.policy", Clause::BALANCE_POLICY, KEYWORDS),
    from("timeout connect ", Upstream, "timeouts.connect", Clause::TIMER_CONNECT, KEYWORDS)
        .truth("It bounds connecting alone; raising it keeps no tunnel open."),
    from("timeout server ", Route, "timeouts.response_header", Clause::TIMER_RESPONSE_HEADER, KEYWORDS),
    from("timeout tunnel ", Route, "timeouts.tunnel_idle", Clause::TIMER_TUNNEL_IDLE, KEYWORDS)
        .truth("Traffic in either direction starts it anew. 0 is not without end: the other timers hold then."),
    from("timeout server-fin ", Site, "", Clause::TIMER_HALF_CLOSED, KEYWORDS),
    demanded("http-request set-timeout tunnel ", Clause::TIMER_TUNNEL_IDLE, ACTIONS),
    demanded("http-request set-timeout server ", Clause::TIMER_RESPONSE_HEADER, ACTIONS),
    from("timeout check ", Upstream, "health_check.timeout", Clause::HEALTH_CHECK, KEYWORDS),
    from("retries ", Route, "retries.attempts", Clause::RETRY_SAFE, KEYWORDS),
    from("retry-on ", Route, "retries.on", Clause::RETRY_SAFE, KEYWORDS),
    from("option redispatch ", Route, "retries.attempts", Clause::RETRY_SAFE, KEYWORDS),
    from("cookie ", Upstream, "sticky.cookie", Clause::STICKY_VISIBLE, KEYWORDS),
    from("option httpchk", Upstream, "health_check.type", Clause::HEALTH_CHECK, KEYWORDS),
    from("http-check send ", Upstream, "health_check.path", Clause::HEALTH_CHECK, CHECKS),
    from("http-check expect ", Upstream, "health_check.expect_status", Clause::HEALTH_CHECK, CHECKS),
    from("compression ", Route, "compression", Clause::BODY_COMPRESSION, KEYWORDS),
    from("http-error ", Route, "error_pages", Clause::ERROR_PAGE, KEYWORDS),
    from("server ", Upstream, "servers", Clause::BALANCE_POLICY, SERVER),
];
