//! What nginx's directives stand for.

use wsgen_model::clause::Clause;

use crate::annotate::Owner::{Listener, Route, Site, Upstream};
use crate::annotate::{Annotations, Comments, On, Origin, demanded, from, house};

/// Every directive of the templates.
pub(super) const ANNOTATIONS: Annotations =
    Annotations { comments: Comments::Behind, origins: ORIGINS, ends: &["}"] };

const CORE: &str = "Core functionality";
const HTTP: &str = "ngx_http_core_module";
const MAP: &str = "ngx_http_map_module";
const PROXY: &str = "ngx_http_proxy_module";
const REWRITE: &str = "ngx_http_rewrite_module";
const SSL: &str = "ngx_http_ssl_module";
const UPSTREAM: &str = "ngx_http_upstream_module";

#[rustfmt::skip]
const ORIGINS: &[Origin] = &[
    house("pid ", "stands alone", CORE),
    house("error_log ", "stands alone", CORE),
    house("worker_processes ", "one for each core, or `targets.nginx.workers`", CORE),
    house("worker_rlimit_nofile ", "every connection is a file", CORE),
    from("worker_shutdown_timeout ", Site, "drain.timeout", Clause::DRAIN_RELOAD, CORE)
        .truth("Without it old workers stay for as long as one tunnel lives."),
    house("events ", "connections", CORE),
    from("worker_connections ", Site, "", Clause::LIMIT_LISTENER, CORE)
        .truth("A tunnel has two of them: one to the client, one to the server."),
    house("http ", "the sites", HTTP),
    from("log_format ", Site, "access_log.format", Clause::LOG_ACCESS, "ngx_http_log_module"),
    from("access_log ", Site, "access_log.format", Clause::LOG_ACCESS, "ngx_http_log_module"),
    house("client_body_temp_path ", "stands alone", HTTP),
    house("proxy_temp_path ", "stands alone", PROXY),
    house("fastcgi_temp_path ", "stands alone", "ngx_http_fastcgi_module"),
    house("uwsgi_temp_path ", "stands alone", "ngx_http_uwsgi_module"),
    house("scgi_temp_path ", "stands alone", "ngx_http_scgi_module"),
    house("server_tokens ", "its version is nobody's business", HTTP),
    house("map_hash_bucket_size ", "room for long values", MAP),
    house("variables_hash_max_size ", "room for variables", HTTP),
    house("server_names_hash_bucket_size ", "room for long names", HTTP),
    from("resolver ", Site, "resolver", Clause::BALANCE_RESOLVE, HTTP),
    demanded("map \"$server_protocol", Clause::HANDSHAKE_STRICT_TOKEN, MAP).of_values()
        .truth("Passing `$http_upgrade` on as it came would open the way for h2c too."),
    demanded("geo $wsgen_dollar", Clause::VALUE_TEXT, "ngx_http_geo_module").of_values(),
    from("geo $realip", Listener, "trusted_proxies", Clause::FORWARDED_REPLACE, "ngx_http_geo_module").of_values(),
    demanded("map $request_uri", Clause::REWRITE_PREFIX, MAP).of_values(),
    demanded("map \"$http_host $http_origin", Clause::ORIGIN_CHECK, MAP).of_values(),
    demanded("map \"$request_method", Clause::ROUTE_PRECEDENCE, MAP).of_values(),
    demanded("map $http_cookie", Clause::STICKY_VISIBLE, MAP).of_values(),
    demanded("map $cookie_", Clause::STICKY_VISIBLE, MAP).of_values(),
    demanded("map \"$upstream_addr", Clause::STICKY_VISIBLE, MAP).of_values(),
    demanded("map $remote_addr", Clause::FORWARDED_REPLACE, MAP).of_values(),
    demanded("map \"$wsgen_trusted", Clause::FORWARDED_APPEND, MAP).of_values(),
    demanded("map $http_sec_websocket_protocol", Clause::HANDSHAKE_FIELDS, MAP).of_values(),
    demanded("map $uri", Clause::ROUTE_REGEX, MAP).of_values(),
    demanded("map \"\"", Clause::BALANCE_RESOLVE, MAP).of_values(),
    demanded("map ", Clause::FORWARDED_REPLACE, MAP).of_values(),
    demanded("limit_conn_zone ", Clause::LIMIT_CONNECTIONS, "ngx_http_limit_conn_module"),
    demanded("limit_req_zone ", Clause::LIMIT_CONNECTS, "ngx_http_limit_req_module"),
    from("upstream ", Upstream, "servers", Clause::BALANCE_POLICY, UPSTREAM),
    from("zone ", Upstream, "load_balancing.policy", Clause::BALANCE_POLICY, UPSTREAM)
        .truth("Without it every worker process counts and takes turns by itself."),
    from("least_conn", Upstream, "load_balancing.policy", Clause::BALANCE_POLICY, UPSTREAM),
    from("random", Upstream, "load_balancing.policy", Clause::BALANCE_POLICY, UPSTREAM),
    from("ip_hash", Upstream, "load_balancing.policy", Clause::BALANCE_POLICY, UPSTREAM),
    from("hash ", Upstream, "load_balancing.key", Clause::BALANCE_POLICY, UPSTREAM),
    from("sticky ", Upstream, "sticky.cookie", Clause::STICKY_VISIBLE, UPSTREAM),
    from("server ", Upstream, "servers", Clause::BALANCE_POLICY, UPSTREAM),
    from("keepalive ", Upstream, "servers", Clause::HANDSHAKE_CONNECTION, UPSTREAM)
        .truth("Connections for plain requests are used again; a tunnel keeps its own to the end."),
    from("server {", Listener, "name", Clause::ROUTE_LISTENER, HTTP),
    from("listen ", Listener, "address", Clause::ROUTE_LISTENER, HTTP),
    from("http2 ", Listener, "protocols", Clause::LISTENER_PROTOCOLS, "ngx_http_v2_module"),
    demanded("server_name ", Clause::ROUTE_HOST, HTTP),
    from("ssl_certificate ", Listener, "tls.certificates", Clause::TLS_CERTIFICATE, SSL),
    from("ssl_certificate_key ", Listener, "tls.certificates", Clause::TLS_CERTIFICATE, SSL),
    from("ssl_protocols ", Listener, "tls.profile", Clause::TLS_PROFILE, SSL),
    from("ssl_ciphers ", Listener, "tls.profile", Clause::TLS_PROFILE, SSL),
    from("ssl_prefer_server_ciphers ", Listener, "tls.profile", Clause::TLS_PROFILE, SSL),
    from("ssl_client_certificate ", Listener, "tls.client_auth.ca", Clause::TLS_CLIENT, SSL),
    from("ssl_verify_client ", Listener, "tls.client_auth.mode", Clause::TLS_CLIENT, SSL),
    from("set_real_ip_from ", Listener, "trusted_proxies", Clause::FORWARDED_REPLACE, "ngx_http_realip_module"),
    from("real_ip_header ", Listener, "trusted_proxies", Clause::FORWARDED_REPLACE, "ngx_http_realip_module"),
    from("real_ip_recursive ", Listener, "trusted_proxies", Clause::FORWARDED_REPLACE, "ngx_http_realip_module"),
    from("client_header_timeout ", Listener, "timeouts.request_header", Clause::TIMER_REQUEST_HEADER, HTTP),
    from("keepalive_timeout ", Listener, "timeouts.idle", Clause::TIMER_IDLE, HTTP)
        .truth("It bounds the time between requests; an open tunnel never meets it."),
    from("http2_recv_timeout ", Listener, "timeouts.request_header", Clause::TIMER_REQUEST_HEADER, HTTP),
    from("http2_idle_timeout ", Listener, "timeouts.idle", Clause::TIMER_IDLE, HTTP),
    from("client_body_timeout ", Listener, "timeouts.body_idle", Clause::TIMER_BODY_IDLE, HTTP),
    from("send_timeout ", Listener, "timeouts.body_idle", Clause::TIMER_BODY_IDLE, HTTP),
    from("large_client_header_buffers ", Listener, "limits.max_header_bytes", Clause::LIMIT_HEAD, HTTP)
        .truth("A handshake that fails only for people who are logged in has outgrown it: cookies."),
    demanded("recursive_error_pages ", Clause::ERROR_PAGE, HTTP),
    from("location ", Route, "match", Clause::ROUTE_PRECEDENCE, HTTP),
    demanded("location @nowhere", Clause::ROUTE_NONE, HTTP),
    from("location = /.wsgen/auth/", Route, "auth.forward", Clause::AUTH_FORWARD, HTTP),
    demanded("location = /.wsgen/error/", Clause::ERROR_PAGE, HTTP),
    demanded("error_page 418 ", Clause::MODE_ALLOW, HTTP)
        .truth("418 never leaves the server: it is how a request reaches a location of its own."),
    demanded("if ($wsgen_upgrade) ", Clause::MODE_ALLOW, REWRITE),
    demanded("return 418", Clause::MODE_ALLOW, REWRITE),
    from("return ", Route, "respond", Clause::RESPOND_FIXED, REWRITE),
    demanded("return 404", Clause::ROUTE_NONE, REWRITE),
    demanded("return 400", Clause::REWRITE_BYTES, REWRITE),
    demanded("return 403;", Clause::ORIGIN_CHECK, REWRITE),
    from("return 426", Route, "websocket.mode", Clause::MODE_REQUIRE, REWRITE),
    from("return 301 ", Route, "redirect", Clause::REDIRECT_PARTS, REWRITE),
    from("return 302 ", Route, "redirect", Clause::REDIRECT_PARTS, REWRITE),
    from("return 303 ", Route, "redirect", Clause::REDIRECT_PARTS, REWRITE),
    from("return 307 ", Route, "redirect", Clause::REDIRECT_PARTS, REWRITE),
    from("return 308 ", Route, "redirect", Clause::REDIRECT_PARTS, REWRITE),
    demanded("if ($wsgen_body) ", Clause::HANDSHAKE_BODY, REWRITE),
    demanded("underscores_in_headers ", Clause::FORWARDED_SPELLING, HTTP)
        .truth("Applications behind CGI, WSGI or PHP cannot tell X_Real_IP from X-Real-IP."),
    demanded("ignore_invalid_headers ", Clause::FORWARDED_SPELLING, HTTP),
    demanded("if ($wsgen_path", Clause::REWRITE_BYTES, REWRITE),
    demanded("if ($wsgen_redirect", Clause::REDIRECT_PARTS, REWRITE),
    from("if ($wsgen_origin", Route, "websocket.origins", Clause::ORIGIN_CHECK, REWRITE),
    from("default_type ", Route, "respond.headers", Clause::RESPOND_FIXED, HTTP),
    from("rewrite ", Route, "rewrite.regex", Clause::REWRITE_REGEX, REWRITE),
    from("auth_request ", Route, "auth.forward.url", Clause::AUTH_FORWARD, "ngx_http_auth_request_module"),
    from("auth_request_set ", Route, "auth.forward.copy_headers", Clause::AUTH_FORWARD, "ngx_http_auth_request_module"),
    from("auth_basic ", Route, "auth.basic.realm", Clause::AUTH_BASIC, "ngx_http_auth_basic_module"),
    from("auth_basic_user_file ", Route, "auth.basic.users_file", Clause::AUTH_BASIC, "ngx_http_auth_basic_module"),
    from("limit_conn ", Route, "limits.per_ip.connections", Clause::LIMIT_CONNECTIONS, "ngx_http_limit_conn_module"),
    from("limit_conn_status ", Route, "limits.per_ip.connections", Clause::LIMIT_CONNECTIONS, "ngx_http_limit_conn_module"),
    from("limit_req ", Route, "limits.per_ip.connects_per_minute", Clause::LIMIT_CONNECTS, "ngx_http_limit_req_module"),
    from("limit_req_status ", Route, "limits.per_ip.connects_per_minute", Clause::LIMIT_CONNECTS, "ngx_http_limit_req_module"),
    demanded("internal", Clause::AUTH_FORWARD, HTTP),
    demanded("proxy_pass_request_body ", Clause::AUTH_FORWARD, PROXY),
    from("proxy_pass ", Route, "upstream", Clause::MODE_ALLOW, PROXY),
    demanded("proxy_http_version ", Clause::HANDSHAKE_STRICT_TOKEN, PROXY)
        .truth("HTTP/1.0, the default before 1.29.7, cannot carry a handshake."),
    from("proxy_connect_timeout ", Upstream, "timeouts.connect", Clause::TIMER_CONNECT, PROXY)
        .truth("It bounds connecting alone; raising it keeps no tunnel open."),
    from("proxy_read_timeout ", Route, "timeouts.tunnel_idle", Clause::TIMER_TUNNEL_IDLE, PROXY).on(On::Tunnels)
        .truth("Traffic in either direction starts it anew. A day or more hides peers that have gone; a heartbeat below half of it does not."),
    from("proxy_read_timeout ", Route, "timeouts.response_header", Clause::TIMER_RESPONSE_HEADER, PROXY).on(On::Plain),
    from("proxy_send_timeout ", Route, "timeouts.tunnel_idle", Clause::TIMER_TUNNEL_IDLE, PROXY).on(On::Tunnels)
        .truth("It bounds a server that takes nothing; a quiet tunnel never meets it."),
    from("proxy_send_timeout ", Route, "timeouts.response_header", Clause::TIMER_BODY_IDLE, PROXY).on(On::Plain),
    from("proxy_socket_keepalive ", Upstream, "tcp_keepalive", Clause::TIMER_KEEPALIVE, PROXY),
    from("proxy_buffering ", Route, "buffering.response", Clause::BODY_BUFFERING, PROXY)
        .truth("It has no effect on tunnels; event streams and long polls on the same path need it off."),
    from("proxy_request_buffering ", Route, "buffering.request", Clause::BODY_BUFFERING, PROXY),
    demanded("proxy_buffer_size ", Clause::LIMIT_FLOOR, PROXY),
    demanded("proxy_buffers ", Clause::LIMIT_FLOOR, PROXY),
    from("client_max_body_size ", Route, "limits.max_body_bytes", Clause::LIMIT_BODY, HTTP),
    from("proxy_next_upstream ", Route, "retries.on", Clause::RETRY_SAFE, PROXY),
    from("proxy_next_upstream_tries ", Route, "retries.attempts", Clause::RETRY_SAFE, PROXY),
    from("proxy_ssl_protocols ", Upstream, "tls", Clause::TLS_UPSTREAM, PROXY),
    from("proxy_ssl_server_name ", Upstream, "tls.server_name", Clause::TLS_UPSTREAM, PROXY),
    from("proxy_ssl_name ", Upstream, "tls.server_name", Clause::TLS_UPSTREAM, PROXY),
    from("proxy_ssl_verify ", Upstream, "tls.verify", Clause::TLS_UPSTREAM, PROXY),
    from("proxy_ssl_verify_depth ", Upstream, "tls.verify", Clause::TLS_UPSTREAM, PROXY),
    from("proxy_ssl_trusted_certificate ", Upstream, "tls.ca", Clause::TLS_UPSTREAM, PROXY),
    from("gzip on", Route, "compression", Clause::BODY_COMPRESSION, "ngx_http_gzip_module"),
    demanded("gzip off", Clause::BODY_COMPRESSION, "ngx_http_gzip_module"),
    from("gzip_", Route, "compression", Clause::BODY_COMPRESSION, "ngx_http_gzip_module"),
    from("error_page ", Route, "error_pages", Clause::ERROR_PAGE, HTTP),
    from("alias ", Route, "error_pages", Clause::ERROR_PAGE, HTTP),
    from("proxy_hide_header ", Route, "response_headers", Clause::HEADERS_EDIT, PROXY),
    from("add_header ", Route, "response_headers", Clause::HEADERS_EDIT, "ngx_http_headers_module")
        .truth("With `always` it stands on every status, the 101 too."),
    from("add_header Upgrade ", Route, "websocket.mode", Clause::MODE_REQUIRE, "ngx_http_headers_module"),
    from("add_header Set-Cookie ", Upstream, "sticky.cookie", Clause::STICKY_VISIBLE, "ngx_http_headers_module"),
    from("proxy_set_header ", Route, "request_headers", Clause::HEADERS_EDIT, PROXY)
        .truth("One such line in a location drops all that it would inherit, so that each location has them all."),
    demanded("proxy_set_header Connection ", Clause::HANDSHAKE_CONNECTION, PROXY)
        .truth("`upgrade` on every request breaks plain HTTP with some servers; here plain requests have none."),
    demanded("proxy_set_header Upgrade ", Clause::HANDSHAKE_OTHER_UPGRADE, PROXY),
    from("proxy_set_header Host ", Route, "host", Clause::HOST_PRESERVE, PROXY)
        .truth("Applications compare Origin with it, port included. Forging Origin instead switches their check off."),
    from("proxy_set_header X-Forwarded-", Route, "forwarded", Clause::FORWARDED_REPLACE, PROXY),
    from("proxy_set_header X-Real-IP ", Route, "forwarded", Clause::FORWARDED_REPLACE, PROXY),
    from("proxy_set_header Forwarded ", Route, "forwarded", Clause::FORWARDED_REPLACE, PROXY),
    from("proxy_set_header Cookie ", Upstream, "sticky.cookie", Clause::STICKY_VISIBLE, PROXY),
    from("proxy_set_header Sec-WebSocket-Extensions ", Route, "websocket.compression", Clause::HANDSHAKE_FIELDS, PROXY)
        .truth("Setting Sec-WebSocket fields by hand is never needed: they pass as they came."),
    from("proxy_set_header Sec-WebSocket-Protocol ", Route, "websocket.subprotocols", Clause::HANDSHAKE_FIELDS, PROXY),
    demanded("proxy_set_header Content-Length ", Clause::AUTH_FORWARD, PROXY),
    demanded("proxy_set_header X-Original-", Clause::AUTH_FORWARD, PROXY),
];
