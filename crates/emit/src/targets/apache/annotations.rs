//! What Apache's directives stand for.

use wsgen_model::clause::Clause;

use crate::annotate::Owner::{Listener, Route, Site, Upstream};
use crate::annotate::{Annotations, Comments, On, Origin, demanded, from, house};

/// Every directive of the templates and of their views. Apache reads no comment behind a directive.
pub(super) const ANNOTATIONS: Annotations =
    Annotations { comments: Comments::Above, origins: ORIGINS, ends: &["</"] };

const ALIAS: &str = "mod_alias";
const CORE: &str = "Apache Core Features";
const HEADERS: &str = "mod_headers";
const HTTP2: &str = "mod_http2";
const PROXY: &str = "mod_proxy";
const REMOTE: &str = "mod_remoteip";
const REWRITE: &str = "mod_rewrite";
const SSL: &str = "mod_ssl";
const WORKERS: &str = "Multi-Processing Modules";

#[rustfmt::skip]
const ORIGINS: &[Origin] = &[
    house("<IfDefine ", "where modules lie", CORE),
    house("<IfFile ", "where modules lie", CORE),
    house("<IfModule ", "some servers have it built in", CORE),
    house("Define wsgen_modules", "where modules lie", CORE),
    demanded("Define wsgen_dollar", Clause::VALUE_TEXT, CORE),
    house("LoadModule ", "only what is used", "mod_so"),
    house("ServerName wsgen.invalid", "it asks for a name", CORE),
    house("PidFile ", "stands alone", WORKERS),
    house("DefaultRuntimeDir ", "stands alone", CORE),
    house("ErrorLog ", "where its log goes", CORE),
    from("LogFormat ", Site, "access_log.format", Clause::LOG_ACCESS, "mod_log_config"),
    from("CustomLog ", Site, "access_log.format", Clause::LOG_ACCESS, "mod_log_config"),
    house("ServerTokens ", "its version is nobody's business", CORE),
    house("TraceEnable ", "TRACE shows what proxies added", CORE),
    demanded("AcceptFilter ", Clause::TIMER_REQUEST_HEADER, CORE),
    demanded("KeepAlive ", Clause::TIMER_IDLE, CORE),
    from("GracefulShutdownTimeout ", Site, "drain.stop", Clause::DRAIN_STOP, WORKERS),
    demanded("ThreadLimit ", Clause::LIMIT_LISTENER, WORKERS),
    demanded("ThreadsPerChild ", Clause::LIMIT_LISTENER, WORKERS),
    demanded("ServerLimit ", Clause::LIMIT_LISTENER, WORKERS),
    demanded("MaxRequestWorkers ", Clause::LIMIT_LISTENER, WORKERS)
        .truth("A tunnel holds a worker for as long as it lives: 256 of the package are 256 tunnels."),
    house("SSLSessionCache ", "clients come back sooner", SSL),
    from("Listen ", Listener, "address", Clause::ROUTE_LISTENER, WORKERS),
    from("ProxyHCExpr ", Upstream, "health_check.expect_status", Clause::HEALTH_CHECK, "mod_proxy_hcheck"),
    from("<Proxy ", Upstream, "servers", Clause::BALANCE_POLICY, PROXY),
    from("BalancerMember ", Upstream, "servers", Clause::BALANCE_POLICY, PROXY).on(On::Plain),
    from("BalancerMember ", Upstream, "servers", Clause::TIMER_TUNNEL_IDLE, PROXY).on(On::Tunnels)
        .truth("`timeout=` is the tunnel's, `upgrade=websocket` lets nothing else through: `upgrade=ANY` would open the way for h2c."),
    from("ProxySet lbmethod=", Upstream, "load_balancing.policy", Clause::BALANCE_POLICY, PROXY),
    from("ProxySet stickysession=", Upstream, "sticky.cookie", Clause::STICKY_VISIBLE, PROXY),
    from("SSLProxy", Upstream, "tls", Clause::TLS_UPSTREAM, SSL),
    from("<VirtualHost ", Listener, "address", Clause::ROUTE_LISTENER, CORE),
    demanded("ServerName ", Clause::ROUTE_HOST, CORE),
    demanded("ServerAlias ", Clause::ROUTE_HOST, CORE),
    from("Protocols ", Listener, "protocols", Clause::LISTENER_PROTOCOLS, CORE),
    from("H2WebSockets ", Listener, "h2_websockets", Clause::HANDSHAKE_EXTENDED_CONNECT, HTTP2),
    from("SSLEngine ", Listener, "tls", Clause::TLS_CERTIFICATE, SSL),
    from("SSLCertificate", Listener, "tls.certificates", Clause::TLS_CERTIFICATE, SSL),
    from("SSLProtocol ", Listener, "tls.profile", Clause::TLS_PROFILE, SSL),
    from("SSLCipherSuite ", Listener, "tls.profile", Clause::TLS_PROFILE, SSL),
    from("SSLHonorCipherOrder ", Listener, "tls.profile", Clause::TLS_PROFILE, SSL),
    from("SSLSessionTickets ", Listener, "tls.profile", Clause::TLS_PROFILE, SSL),
    from("SSLVerify", Listener, "tls.client_auth.mode", Clause::TLS_CLIENT, SSL),
    from("SSLCACertificateFile ", Listener, "tls.client_auth.ca", Clause::TLS_CLIENT, SSL),
    from("RequestReadTimeout ", Listener, "timeouts.request_header", Clause::TIMER_REQUEST_HEADER, "mod_reqtimeout"),
    from("Timeout ", Listener, "timeouts.body_idle", Clause::TIMER_BODY_IDLE, CORE)
        .truth("A tunnel ends after the longer of this and its worker's `timeout=`, so that this one gives way."),
    from("KeepAliveTimeout ", Listener, "timeouts.idle", Clause::TIMER_IDLE, CORE)
        .truth("It bounds the time between requests; an open tunnel never meets it."),
    demanded("MaxKeepAliveRequests ", Clause::TIMER_IDLE, CORE),
    from("LimitRequestLine ", Listener, "limits.max_url_bytes", Clause::LIMIT_HEAD, CORE),
    from("LimitRequestFieldSize ", Listener, "limits.max_header_bytes", Clause::LIMIT_HEAD, CORE)
        .truth("A handshake that fails only for people who are logged in has outgrown it: cookies."),
    from("LimitRequestFields ", Listener, "limits.max_headers", Clause::LIMIT_HEAD, CORE),
    from("RemoteIPProxyProtocol ", Listener, "proxy_protocol", Clause::PROXY_PROTOCOL, REMOTE),
    from("RemoteIP", Listener, "trusted_proxies", Clause::FORWARDED_REPLACE, REMOTE),
    from("RequestHeader set X-Wsgen-", Listener, "trusted_proxies", Clause::FORWARDED_REPLACE, HEADERS),
    from("RequestHeader unset X-Wsgen-", Listener, "trusted_proxies", Clause::FORWARDED_REPLACE, HEADERS),
    demanded("AllowEncodedSlashes ", Clause::ROUTE_NORMAL_PATH, CORE)
        .truth("Without it `%2F` in a path is 404, as in Jupyter and GitLab."),
    demanded("ProxyAddHeaders ", Clause::FORWARDED_REPLACE, PROXY),
    from("ProxyPreserveHost ", Route, "host", Clause::HOST_PRESERVE, PROXY)
        .truth("Applications compare Origin with Host, port included."),
    from("RequestHeader ", Route, "request_headers", Clause::HEADERS_EDIT, HEADERS),
    from("RequestHeader unset X_", Route, "forwarded", Clause::FORWARDED_SPELLING, HEADERS)
        .truth("Applications behind CGI, WSGI or PHP cannot tell X_Real_IP from X-Real-IP."),
    from("RequestHeader unset X-Forwarded_", Route, "forwarded", Clause::FORWARDED_SPELLING, HEADERS),
    from("RequestHeader unset X-Real_", Route, "forwarded", Clause::FORWARDED_SPELLING, HEADERS),
    demanded("RequestHeader edit* Connection ", Clause::HEADERS_HOP_BY_HOP, HEADERS)
        .truth("mod_proxy takes out what Connection names, the proxy's own fields too."),
    demanded("RequestHeader unset Content_Length", Clause::FORWARDED_SPELLING, HEADERS),
    demanded("RequestHeader unset Transfer_Encoding", Clause::FORWARDED_SPELLING, HEADERS),
    from("RequestHeader unset X-Forwarded", Route, "forwarded", Clause::FORWARDED_REPLACE, HEADERS),
    from("RequestHeader unset X-Real", Route, "forwarded", Clause::FORWARDED_REPLACE, HEADERS),
    from("RequestHeader unset Forwarded", Route, "forwarded", Clause::FORWARDED_REPLACE, HEADERS),
    from("RequestHeader set Host ", Route, "host", Clause::HOST_PRESERVE, HEADERS),
    from("RequestHeader set X-Forwarded-", Route, "forwarded", Clause::FORWARDED_REPLACE, HEADERS),
    from("RequestHeader set X-Real-IP ", Route, "forwarded", Clause::FORWARDED_REPLACE, HEADERS),
    from("RequestHeader set Forwarded ", Route, "forwarded", Clause::FORWARDED_REPLACE, HEADERS),
    from("RequestHeader unset Sec-WebSocket-Extensions", Route, "websocket.compression", Clause::HANDSHAKE_FIELDS, HEADERS),
    from("RequestHeader unset Sec-WebSocket-Protocol", Route, "websocket.subprotocols", Clause::HANDSHAKE_FIELDS, HEADERS),
    from("RequestHeader set Sec-WebSocket-Protocol", Route, "websocket.subprotocols", Clause::HANDSHAKE_FIELDS, HEADERS),
    from("Header ", Route, "response_headers", Clause::HEADERS_EDIT, HEADERS)
        .truth("mod_headers does not touch a 101."),
    from("Header always set Upgrade websocket", Route, "websocket.mode", Clause::MODE_REQUIRE, HEADERS),
    from("Header add Set-Cookie ", Upstream, "sticky.cookie", Clause::STICKY_VISIBLE, HEADERS)
        .truth("A 101 never carries it: a client that only opens WebSockets is not known again."),
    from("Alias ", Route, "error_pages", Clause::ERROR_PAGE, ALIAS),
    demanded("<Location \"/.wsgen/error/\">", Clause::ERROR_PAGE, CORE),
    demanded("ForceType ", Clause::ERROR_PAGE, CORE),
    demanded("Require all granted", Clause::ERROR_PAGE, "mod_authz_core"),
    demanded("<Location ", Clause::AUTH_BASIC, CORE),
    house("RewriteEngine ", "rules choose the route", REWRITE),
    from("RewriteCond ", Route, "match", Clause::ROUTE_PRECEDENCE, REWRITE),
    from("RewriteRule ", Route, "match", Clause::ROUTE_PRECEDENCE, REWRITE),
    demanded("RewriteCond %{REQUEST_METHOD} =CONNECT", Clause::HANDSHAKE_EXTENDED_CONNECT, REWRITE),
    demanded("RewriteCond %{ENV:REDIRECT_STATUS}", Clause::ERROR_PAGE, REWRITE),
    demanded("RewriteRule ^/\\.wsgen/error/", Clause::ERROR_PAGE, REWRITE),
    demanded("RewriteCond %{THE_REQUEST}", Clause::REWRITE_BYTES, REWRITE),
    demanded("RewriteRule ^ - [E=wsgen_path:", Clause::REWRITE_BYTES, REWRITE),
    demanded("RewriteCond %{SERVER_PROTOCOL} ", Clause::HANDSHAKE_STRICT_TOKEN, REWRITE),
    demanded("RewriteCond %{HTTP:Upgrade} ", Clause::HANDSHAKE_STRICT_TOKEN, REWRITE),
    demanded("RewriteCond %{HTTP:Connection} ", Clause::HANDSHAKE_STRICT_TOKEN, REWRITE),
    demanded("RewriteRule ^ - [E=wsgen_websocket:", Clause::HANDSHAKE_STRICT_TOKEN, REWRITE),
    demanded("RewriteRule ^ - [R=404,L]", Clause::ROUTE_NONE, REWRITE),
    demanded("RewriteRule ^ - [R=400,L]", Clause::REWRITE_BYTES, REWRITE),
    demanded("RewriteRule ^ - [L,R=400]", Clause::HANDSHAKE_BODY, REWRITE),
    from("RewriteRule ^ - [E=wsgen_upgrade_required:", Route, "websocket.mode", Clause::MODE_REQUIRE, REWRITE),
    from("RewriteRule ^ - [R=413,", Route, "limits.max_body_bytes", Clause::LIMIT_BODY, REWRITE),
    from("RewriteCond expr ", Route, "limits.max_body_bytes", Clause::LIMIT_BODY, REWRITE),
    from("RewriteCond \"%{HTTP_HOST} %{HTTP:Origin}\"", Route, "websocket.origins", Clause::ORIGIN_CHECK, REWRITE),
    from("RewriteRule ^ - [F]", Route, "websocket.origins", Clause::ORIGIN_CHECK, REWRITE),
    from("RewriteCond %{HTTP:Sec-WebSocket-Protocol}", Route, "websocket.subprotocols", Clause::HANDSHAKE_FIELDS, REWRITE),
    from("RewriteRule ^ - [E=wsgen_subprotocol:", Route, "websocket.subprotocols", Clause::HANDSHAKE_FIELDS, REWRITE),
    from("RewriteCond %{ENV:wsgen_path} ", Route, "rewrite", Clause::REWRITE_PREFIX, REWRITE),
    from("RewriteRule ^ \"balancer://", Route, "upstream", Clause::MODE_ALLOW, REWRITE),
    from("RewriteRule ^ \"http", Route, "redirect", Clause::REDIRECT_PARTS, REWRITE),
    from("RewriteRule ^ \"%{REQUEST_SCHEME}", Route, "redirect", Clause::REDIRECT_PARTS, REWRITE),
    from("<If ", Route, "match", Clause::ROUTE_PRECEDENCE, CORE),
    from("Redirect ", Route, "respond.status", Clause::RESPOND_FIXED, ALIAS),
    from("ErrorDocument ", Route, "respond.body", Clause::RESPOND_FIXED, CORE),
    from("AddOutputFilterByType ", Route, "compression", Clause::BODY_COMPRESSION, "mod_filter"),
    from("Auth", Route, "auth.basic", Clause::AUTH_BASIC, "mod_auth_basic"),
    from("Require valid-user", Route, "auth.basic", Clause::AUTH_BASIC, "mod_authz_user"),
];
