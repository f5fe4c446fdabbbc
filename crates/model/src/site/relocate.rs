//! Moving a model onto other addresses: fixtures, conformance and proofs run it on loopback.

use std::collections::HashMap;

use crate::config::{NameServer, Resolve};
use crate::located::Located;
use crate::scalar::{FilePath, HttpUrl, ListenAddress, UpstreamAddress};
use crate::site::{Action, Auth, Setting, Site};

/// New places by old ones. What is not listed stays where it is.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// Where listeners and `admin` wait.
    pub listeners: HashMap<ListenAddress, ListenAddress>,
    /// Where servers and the services of `auth.forward` wait.
    pub servers: HashMap<UpstreamAddress, UpstreamAddress>,
    /// Where name servers wait.
    pub nameservers: HashMap<NameServer, NameServer>,
    /// Certificates, keys, authorities, users and error pages.
    pub files: HashMap<FilePath, FilePath>,
}

impl Site {
    /// The same site at other addresses. Hostnames of routes stay, because clients send them; a server that
    /// moves keeps the name that TLS knows it by, and one that gets an address needs no resolving.
    pub fn relocated(&self, addresses: &Addresses) -> Self {
        let mut site = self.clone();
        let listen = |address: &mut ListenAddress| {
            if let Some(new) = addresses.listeners.get(address) {
                *address = new.clone();
            }
        };
        for listener in &mut site.listeners {
            listen(&mut listener.address.value);
        }
        if let Some(admin) = &mut site.admin {
            listen(&mut admin.value);
        }
        for nameserver in site.resolver.iter_mut().flat_map(|resolver| &mut resolver.nameservers) {
            if let Some(new) = addresses.nameservers.get(&nameserver.value) {
                nameserver.value = *new;
            }
        }
        for upstream in &mut site.upstreams {
            for server in &mut upstream.servers {
                let Some(new) = addresses.servers.get(&server.address.value) else {
                    continue;
                };
                if let Some(tls) = upstream.tls.as_mut().filter(|tls| tls.server_name.is_none())
                    && let UpstreamAddress::Name(name, _) = &server.address.value
                {
                    let span = server.address.span;
                    tls.server_name = Some(Located::new(name.clone(), span));
                }
                if !new.is_name() {
                    server.resolve = Setting::built_in(Resolve::Startup);
                }
                server.address.value = new.clone();
            }
        }
        for route in &mut site.routes {
            let Action::Forward(forward) = &mut route.action else {
                continue;
            };
            if let Some(Auth::Forward { url, .. }) =
                forward.auth.as_mut().map(|auth| &mut auth.value)
            {
                relocate_url(&mut url.value, addresses);
            }
        }
        for file in site.files_mut() {
            if let Some(new) = addresses.files.get(&file.value) {
                file.value = new.clone();
            }
        }
        site
    }

    /// Every file that the site names: certificates, keys, authorities, users and error pages.
    pub fn files_mut(&mut self) -> Vec<&mut Located<FilePath>> {
        let mut files = Vec::new();
        for tls in self.listeners.iter_mut().filter_map(|listener| listener.tls.as_mut()) {
            for certificate in &mut tls.certificates {
                files.extend([&mut certificate.certificate, &mut certificate.key]);
            }
            files.extend(tls.client_auth.as_mut().map(|auth| &mut auth.ca));
        }
        for tls in self.upstreams.iter_mut().filter_map(|upstream| upstream.tls.as_mut()) {
            files.extend(tls.ca.as_mut());
        }
        for route in &mut self.routes {
            let Action::Forward(forward) = &mut route.action else { continue };
            files.extend(forward.error_pages.iter_mut().map(|(_, page)| page));
            if let Some(Auth::Basic { users_file, .. }) =
                forward.auth.as_mut().map(|auth| &mut auth.value)
            {
                files.push(users_file);
            }
        }
        files
    }
}

fn relocate_url(url: &mut HttpUrl, addresses: &Addresses) {
    if let Some(new) = addresses.servers.get(&url.address) {
        url.address = new.clone();
    }
}

impl Addresses {
    /// Moves every listener and every server of a site to ports of 127.0.0.1 that the caller hands out, one
    /// for each different address.
    pub fn loopback(site: &Site, mut port: impl FnMut() -> u16) -> Self {
        let mut addresses = Self::default();
        let admin = site.admin.iter().map(|admin| &admin.value);
        for address in site.listeners.iter().map(|listener| &listener.address.value).chain(admin) {
            addresses
                .listeners
                .entry(address.clone())
                .or_insert_with(|| ListenAddress::Socket(([127, 0, 0, 1], port()).into()));
        }
        let services =
            site.routes.iter().filter_map(|route| match &route.forward()?.auth.as_ref()?.value {
                Auth::Forward { url, .. } => Some(&url.value.address),
                Auth::Basic { .. } => None,
            });
        let servers = site.upstreams.iter().flat_map(|upstream| &upstream.servers);
        for address in servers.map(|server| &server.address.value).chain(services) {
            addresses
                .servers
                .entry(address.clone())
                .or_insert_with(|| UpstreamAddress::Socket(([127, 0, 0, 1], port()).into()));
        }
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Scalar;
    use crate::source::Sources;

    const MODEL: &str = r#"
version: 1
listeners:
  - {name: web, address: "0.0.0.0:443", tls: {certificates: [{certificate: a.pem, key: a.key}]}}
resolver: {nameservers: ["10.0.0.2:53"]}
upstreams:
  app:
    protocol: https
    servers: [{address: "app.internal:8443", resolve: runtime}]
routes:
  - {upstream: app, auth: {forward: {url: "http://auth.internal/check"}}, websocket: {origins: [same_origin]}}
"#;

    #[test]
    fn everything_moves_and_means_the_same() {
        let (site, findings) = crate::read(&Sources::single("model.yaml", MODEL));
        let site = site.unwrap_or_else(|| panic!("{findings:?}"));
        let mut next = 9000;
        let mut addresses = Addresses::loopback(&site, || {
            next += 1;
            next
        });
        let path = |text| FilePath::parse(text).unwrap();
        addresses.files.insert(path("a.pem"), path("/tmp/test.pem"));
        let moved = site.relocated(&addresses);
        assert_eq!(moved.listeners[0].address.to_string(), "127.0.0.1:9001");
        let upstream = &moved.upstreams[0];
        assert_eq!(upstream.servers[0].address.to_string(), "127.0.0.1:9002");
        assert_eq!(*upstream.servers[0].resolve, Resolve::Startup);
        let name = upstream.tls.as_ref().and_then(|tls| tls.server_name.as_ref());
        assert_eq!(name.map(|name| name.to_string()).as_deref(), Some("app.internal"));
        let certificate = &moved.listeners[0].tls.as_ref().unwrap().certificates[0];
        assert_eq!(certificate.certificate.as_str(), "/tmp/test.pem");
        assert_eq!(certificate.key.as_str(), "a.key");
        let auth = moved.routes[0].forward().and_then(|forward| forward.auth.clone()).unwrap();
        assert!(
            matches!(auth.value, Auth::Forward { url, .. } if url.to_string() == "http://127.0.0.1:9003/check")
        );
    }
}
