//! What a site means, line by line: the same for two models that mean the same, however they are written. Every struct is
//! taken apart without `..`, so that a new field cannot be forgotten.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::config::{HostPolicy, Subprotocols, ValueMatch};
use crate::site::{
    Action, Auth, Entry, Forward, Forwarded, HeaderEdit, Listener, ListenerLimits,
    ListenerTimeouts, PathRule, PerIp, RedirectPath, Rewrite, Route, RouteId, RouteTimeouts,
    Server, Site, Upstream, WebSocket,
};

/// Fields by their names, such as `routes.chat.timeouts.tunnel_idle`.
pub type Meaning = BTreeMap<String, String>;

struct Lines {
    at: String,
    all: Meaning,
}

impl Lines {
    fn put(&mut self, name: &str, value: impl Display) {
        self.all.insert(format!("{}{name}", self.at), value.to_string());
    }

    fn maybe<T: Display>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }
}

fn list<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}

impl Site {
    /// What it means.
    pub fn meaning(&self) -> Meaning {
        let Self {
            name: _,    // for comments
            targets: _, // what an output must fit
            chain: _,   // facts about others
            heartbeat: _,
            drain,
            resolver,
            access_log,
            admin,
            listeners,
            upstreams,
            routes,
            router: _,
        } = self;
        let mut lines = Lines { at: String::new(), all: Meaning::new() };
        lines.put("drain.timeout", *drain.timeout);
        lines.put("drain.spread", *drain.spread);
        lines.put("drain.stop", *drain.stop);
        if let Some(resolver) = resolver {
            lines.put("resolver.nameservers", list(resolver.nameservers.iter().map(|n| n.value)));
            lines.put("resolver.valid", *resolver.valid);
        }
        lines.put("access_log.format", access_log.format.as_str());
        lines.put("access_log.tunnel_open", *access_log.tunnel_open);
        lines.maybe("admin.address", admin.as_ref().map(|admin| &admin.value));
        for listener in listeners {
            lines.at = format!("listeners.{}.", listener.name.value);
            lines.listener(listener);
        }
        for upstream in upstreams {
            lines.at = format!("upstreams.{}.", upstream.name.value);
            lines.upstream(upstream);
        }
        let titles: Vec<String> = routes.iter().map(title).collect();
        for (route, title) in routes.iter().zip(&titles) {
            lines.at = format!("routes.{title}.");
            lines.route(self, route);
        }
        lines.at = String::new();
        lines.put("routes", titles.join(", "));
        lines.all
    }

    /// What a route is called when two models are compared: its name, or what it is for.
    pub fn route_title(&self, id: RouteId) -> String {
        title(&self.routes[id.0])
    }
}

fn title(route: &Route) -> String {
    match &route.name {
        Some(name) => name.value.to_string(),
        None => {
            let hosts = list(route.hostnames.iter().map(|name| &name.value));
            let paths = list(route.entries.iter().map(entry));
            format!("[{hosts}{}{paths}]", if hosts.is_empty() { "" } else { " " })
        }
    }
}

fn entry(entry: &Entry) -> String {
    let Entry { span: _, path, methods, headers, query, upgrade } = entry;
    let mut text = match path {
        PathRule::Exact(path) => format!("= {path}"),
        PathRule::Prefix(path) => path.to_string(),
        PathRule::StartsWith(path) => format!("^ {path}"),
        PathRule::Regex(pattern) => format!("~ {pattern}"),
    };
    let value = |value: &ValueMatch| match value {
        ValueMatch::Present => String::new(),
        ValueMatch::Equals(value) => format!("={}", value.as_str()),
    };
    for method in methods {
        text.push_str(&format!(" {}", method.as_str()));
    }
    for (name, wanted) in headers {
        text.push_str(&format!(" {name}{}", value(wanted)));
    }
    for (name, wanted) in query {
        text.push_str(&format!(" ?{}{}", name.as_str(), value(wanted)));
    }
    if *upgrade {
        text.push_str(" websocket");
    }
    text
}

impl Lines {
    fn listener(&mut self, listener: &Listener) {
        let Listener {
            name: _,
            address,
            protocols,
            h2_websockets,
            tls,
            proxy_protocol,
            trusted_proxies,
            timeouts: ListenerTimeouts { request_header, idle, body_idle, half_closed },
            limits:
                ListenerLimits {
                    max_connections,
                    max_header_bytes,
                    max_headers,
                    max_url_bytes,
                    max_body_bytes,
                },
        } = listener;
        self.put("address", &address.value);
        self.put("protocols", list(protocols.iter().map(|protocol| protocol.as_str())));
        self.put("h2_websockets", h2_websockets.as_str());
        if let Some(tls) = tls {
            self.put("tls.profile", tls.profile.as_str());
            for certificate in &tls.certificates {
                let names = list(certificate.hostnames.iter().map(|name| &name.value));
                let text = format!("{} for {names}", certificate.key.as_str());
                self.put(&format!("tls.certificates.{}", certificate.certificate.as_str()), text);
            }
            if let Some(auth) = &tls.client_auth {
                self.put("tls.client_auth.mode", auth.mode.value.as_str());
                self.put("tls.client_auth.ca", auth.ca.as_str());
            }
        }
        if let Some(proxy) = proxy_protocol {
            self.put("proxy_protocol.accept", proxy.accept.value.as_str());
            self.put("proxy_protocol.from", list(proxy.from.iter().map(|range| &range.value)));
        }
        self.put("trusted_proxies", list(trusted_proxies.iter()));
        self.put("timeouts.request_header", **request_header);
        self.put("timeouts.idle", **idle);
        self.put("timeouts.body_idle", **body_idle);
        self.put("timeouts.half_closed", **half_closed);
        self.maybe("limits.max_connections", max_connections.map(|most| most.value.get()));
        self.put("limits.max_header_bytes", **max_header_bytes);
        self.put("limits.max_headers", max_headers.get());
        self.put("limits.max_url_bytes", **max_url_bytes);
        self.maybe("limits.max_body_bytes", max_body_bytes.map(|most| most.value));
    }

    fn upstream(&mut self, upstream: &Upstream) {
        let Upstream {
            name: _,
            protocol,
            servers,
            load_balancing,
            sticky,
            health_check,
            on_unhealthy,
            tls,
            proxy_protocol,
            connect,
            tcp_keepalive,
        } = upstream;
        self.put("protocol", protocol.as_str());
        for server in servers {
            let Server { address, weight, resolve, backup } = server;
            let backup = if **backup { ", backup" } else { "" };
            let text = format!("weight {}, resolve {}{backup}", weight.get(), resolve.as_str());
            self.put(&format!("servers.{}", address.value), text);
        }
        self.put("load_balancing.policy", load_balancing.policy.as_str());
        self.maybe("load_balancing.key", load_balancing.key.as_ref().map(|key| &key.value));
        if let Some(cookie) = sticky {
            let same_site = cookie.same_site.as_ref().map_or("", |site| site.value.as_str());
            let flags = [(cookie.http_only, "http_only"), (cookie.secure, "secure")];
            let flags = list(flags.iter().filter(|(on, _)| *on).map(|(_, flag)| flag));
            self.put("sticky.cookie", format!("{} {flags} {same_site}", cookie.name).trim());
        }
        if let Some(check) = health_check {
            let check = &check.value;
            self.put("health_check.type", check.kind.value.as_str());
            self.put("health_check.path", &*check.path);
            self.put("health_check.interval", *check.interval);
            self.put("health_check.timeout", *check.timeout);
            self.put("health_check.healthy_threshold", check.healthy_threshold.get());
            self.put("health_check.unhealthy_threshold", check.unhealthy_threshold.get());
            self.put("health_check.expect_status", list(check.expect_status.iter()));
        }
        self.put("on_unhealthy", on_unhealthy.as_str());
        if let Some(tls) = tls {
            self.maybe("tls.server_name", tls.server_name.as_ref().map(|name| &name.value));
            self.maybe("tls.ca", tls.ca.as_ref().map(|ca| ca.as_str()));
            self.put("tls.verify", *tls.verify);
        }
        self.maybe("proxy_protocol.send", proxy_protocol.as_ref().map(|send| send.value.as_str()));
        self.put("timeouts.connect", **connect);
        self.maybe("tcp_keepalive", tcp_keepalive.map(|time| time.value));
    }

    fn route(&mut self, site: &Site, route: &Route) {
        let Route {
            name: _,
            span: _,
            listeners,
            hostnames,
            entries,
            priority,
            action,
            snippets,
            expect: _, // what is tried
        } = route;
        let names = listeners.iter().map(|id| &site.listener(*id).name.value);
        self.put("listeners", list(names));
        self.put("hostnames", list(hostnames.iter().map(|name| &name.value)));
        self.put("match", list(entries.iter().map(entry)));
        self.put("priority", **priority);
        for (number, snippet) in snippets.iter().enumerate() {
            let text = snippet.value.text.as_ref().map_or("", |text| text.value.as_str());
            self.put(&format!("snippets.{number}"), text.trim());
        }
        match action {
            Action::Forward(forward) => self.forward(site, forward),
            Action::Redirect(redirect) => {
                self.maybe("redirect.scheme", redirect.scheme.as_ref().map(|s| s.value.as_str()));
                self.maybe("redirect.hostname", redirect.hostname.as_ref().map(|name| &name.value));
                self.maybe("redirect.port", redirect.port.as_ref().map(|port| port.value));
                match &redirect.path {
                    RedirectPath::Keep => {}
                    RedirectPath::Whole(path) => self.put("redirect.path", &path.value),
                    RedirectPath::Prefix { from, to } => {
                        self.put("redirect.prefix", format!("{from} becomes {to}"));
                    }
                }
                self.put("redirect.status", *redirect.status);
            }
            Action::Respond(respond) => {
                self.put("respond.status", respond.status);
                for (name, value) in &respond.headers {
                    self.put(&format!("respond.headers.{}", name.value), value.value.as_str());
                }
                self.maybe("respond.body", respond.body.as_ref().map(|body| body.value.as_str()));
            }
        }
    }

    fn forward(&mut self, site: &Site, forward: &Forward) {
        let Forward {
            upstream,
            upstream_span: _,
            rewrite,
            websocket,
            host,
            forwarded: Forwarded { mode, headers, style },
            request_headers,
            response_headers,
            timeouts: RouteTimeouts { response_header, tunnel_idle, tunnel_max },
            per_ip: PerIp { connections, connects_per_minute, ipv6_prefix },
            max_body_bytes,
            auth,
            attempts,
            buffer_request,
            buffer_response,
            compression,
            error_pages,
        } = forward;
        self.put("upstream", &site.upstream(*upstream).name.value);
        match rewrite.as_ref().map(|rewrite| &rewrite.value) {
            Some(Rewrite::Prefix { from, to }) => {
                self.put("rewrite", format!("{from} becomes {to}"));
            }
            Some(Rewrite::Regex { pattern, to }) => {
                self.put("rewrite", format!("~ {pattern} becomes {to}"));
            }
            None => {}
        }
        self.websocket(websocket);
        match &**host {
            HostPolicy::Preserve => self.put("host", "preserve"),
            HostPolicy::Upstream => self.put("host", "upstream"),
            HostPolicy::Literal(name) => self.put("host", name),
        }
        self.put("forwarded.mode", mode.as_str());
        self.put("forwarded.headers", list(headers.iter().map(|header| header.as_str())));
        self.put("forwarded.style", style.as_str());
        self.edits("request_headers", request_headers);
        self.edits("response_headers", response_headers);
        self.put("timeouts.response_header", **response_header);
        self.put("timeouts.tunnel_idle", **tunnel_idle);
        self.maybe("timeouts.tunnel_max", tunnel_max.map(|max| max.value));
        self.maybe("limits.per_ip.connections", connections.map(|most| most.value.get()));
        let connects = connects_per_minute.map(|most| most.value.get());
        self.maybe("limits.per_ip.connects_per_minute", connects);
        let limited = connections.is_some() || connects.is_some();
        self.maybe("limits.per_ip.ipv6_prefix", limited.then_some(**ipv6_prefix));
        self.maybe("limits.max_body_bytes", max_body_bytes.map(|most| most.value));
        match auth.as_ref().map(|auth| &auth.value) {
            Some(Auth::Forward { url, copy_headers }) => {
                self.put("auth.forward.url", &url.value);
                self.put("auth.forward.copy_headers", list(copy_headers.iter().map(|n| &n.value)));
            }
            Some(Auth::Basic { users_file, realm }) => {
                self.put("auth.basic.users_file", users_file.as_str());
                self.put("auth.basic.realm", realm.as_str());
            }
            None => {}
        }
        self.put("retries.attempts", **attempts);
        self.put("buffering.request", **buffer_request);
        self.put("buffering.response", **buffer_response);
        let types = compression
            .as_ref()
            .map(|types| list(types.value.iter().map(crate::config::MediaType::as_str)));
        self.maybe("compression.types", types);
        for (status, page) in error_pages {
            self.put(&format!("error_pages.{}", status.value), page.as_str());
        }
    }

    fn websocket(&mut self, websocket: &WebSocket) {
        let WebSocket { mode, origins, missing_origin, subprotocols, compression, upstream_h2 } =
            websocket;
        self.put("websocket.mode", mode.as_str());
        let origins =
            origins.as_ref().map(|all| list(all.value.iter().map(|origin| &origin.value)));
        self.maybe("websocket.origins", origins);
        self.put("websocket.missing_origin", missing_origin.as_str());
        if let Subprotocols::Only(names) = &**subprotocols {
            let names = names.iter().map(|name| name.as_str());
            self.put("websocket.subprotocols", list(names));
        }
        self.put("websocket.compression", compression.as_str());
        self.put("websocket.upstream_h2", **upstream_h2);
    }

    fn edits(&mut self, name: &str, edit: &HeaderEdit) {
        let HeaderEdit { set, add, remove } = edit;
        for (kind, pairs) in [("set", set), ("add", add)] {
            for (field, value) in pairs {
                self.put(&format!("{name}.{kind}.{}", field.value), value.value.as_str());
            }
        }
        if !remove.is_empty() {
            self.put(&format!("{name}.remove"), list(remove.iter().map(|field| &field.value)));
        }
    }
}
