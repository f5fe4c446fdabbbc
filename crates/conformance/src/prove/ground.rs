//! Where both servers stand: the same applications behind them, ports of their own in front.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wsgen_emit::{Elsewhere, Pair};
use wsgen_model::site::{Auth, Site};

use crate::folder;
use crate::launch::{Place, Port};
use crate::own::host;
use crate::peer::Teller;
use crate::prove::observe::Observed;
use crate::verdict::{Trouble, Verdict};
use crate::wire::Certificate;

/// Who waits where an address leads that no route needs.
const NOBODY: &str = "127.0.0.1:9";

/// The one user, `wsgen` with the password `secret` (SHA-256 crypt, which all servers read).
const USERS: &str = "wsgen:$5$wsgen$C/0dmOHlvdk33sTRY7lcX/nqwhMci8fUrmK.EDuacLB\n";

/// Applications, certificates, and ports for one server.
#[derive(Debug)]
pub(super) struct Ground {
    folder: PathBuf,
    certificate: Pair,
    /// The same, with who signed it: for applications and for clients.
    made: Arc<Certificate>,
    tellers: BTreeMap<String, Teller>,
    ports: BTreeMap<String, Port>,
    /// What was put in another's place.
    pub(super) changes: Vec<String>,
    /// Whether a file of users was made up.
    pub(super) has_users: bool,
}

impl Ground {
    /// Applications for every server of a model.
    pub(super) async fn of(site: &Site, folder: &Path, place: &Place) -> Verdict<Self> {
        let mut tellers = BTreeMap::new();
        let servers = site.upstreams.iter().flat_map(|upstream| &upstream.servers);
        let mut addresses: Vec<String> =
            servers.map(|server| server.address.value.to_string()).collect();
        let forwards = site.routes.iter().filter_map(|route| route.forward());
        addresses.extend(forwards.filter_map(|forward| match &forward.auth.as_ref()?.value {
            Auth::Forward { url, .. } => Some(url.value.address.to_string()),
            Auth::Basic { .. } => None,
        }));
        let mut names = vec!["wsgen.test".to_owned()];
        names.extend(
            site.routes.iter().flat_map(|route| &route.hostnames).map(|name| host(&name.value)),
        );
        // What upstreams are called in TLS.
        let secure = site.upstreams.iter().filter(|upstream| upstream.tls.is_some());
        for upstream in secure {
            let name = upstream.tls.as_ref().and_then(|tls| tls.server_name.as_ref());
            names.extend(name.map(|name| host(&name.value)));
            names.extend(upstream.servers.iter().filter_map(|server| {
                let address = server.address.value.to_string();
                let name = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
                Some(name.trim_matches(['[', ']']).to_owned()).filter(|name| !name.is_empty())
            }));
        }
        names.push("127.0.0.1".to_owned());
        names.sort();
        names.dedup();
        let made = Certificate::new(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
        for address in addresses {
            let teller = Teller::bind_with(&address, &made).await?;
            tellers.entry(address).or_insert(teller);
        }
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            folder::write(&path, text.as_bytes(), place).map_err(Trouble::broken)?;
            Ok(path.display().to_string())
        };
        let certificate = Pair {
            certificate: write("certificate.pem", &made.chain)?,
            key: write("certificate.key", &made.key)?,
            both: write("both.pem", &format!("{}{}", made.chain, made.key))?,
        };
        let changes = Vec::new();
        Ok(Self {
            folder: folder.to_owned(),
            certificate,
            made: Arc::new(made),
            tellers,
            ports: BTreeMap::new(),
            changes,
            has_users: false,
        })
    }

    /// What clients show to listeners that want a certificate.
    pub(super) fn client(&self) -> Arc<Certificate> {
        self.made.clone()
    }

    /// Fresh ports for another server.
    pub(super) fn forget_ports(&mut self) -> BTreeMap<String, Port> {
        std::mem::take(&mut self.ports)
    }

    /// The port for an address; a model's listeners and those of its source have the same.
    pub(super) fn port(&mut self, address: &str) -> Verdict<SocketAddr> {
        if let Some(port) = self.ports.get(address) {
            return Ok(port.address());
        }
        let port = Port::reserve().map_err(Trouble::broken)?;
        let at = port.address();
        self.ports.insert(address.to_owned(), port);
        Ok(at)
    }

    /// Observations without what differs by chance: which server of an upstream had its turn, and where it stands here.
    pub(super) fn unified(
        &self,
        site: &Site,
        ports: &[(String, u16)],
        one: &mut Observed,
        other: &mut Observed,
    ) {
        let turns = site.upstreams.iter().any(|upstream| {
            let has = |by: &str| upstream.servers.iter().any(|s| s.address.value.to_string() == by);
            has(&one.by) && has(&other.by)
        });
        if turns {
            other.by.clone_from(&one.by);
        }
        let cookies = site.upstreams.iter().filter_map(|upstream| upstream.sticky.as_ref());
        let cookies: Vec<String> =
            cookies.map(|cookie| format!("{}=", cookie.value.name.as_str())).collect();
        for observed in [one, other] {
            // The values of a cookie that sticks are each server's own.
            if let Some(set) = observed.answer.get_mut("set-cookie")
                && let Some(cookie) = cookies.iter().find(|cookie| set.starts_with(cookie.as_str()))
            {
                set.clone_from(cookie);
            }
            for (address, port) in ports {
                let (was, is) =
                    (address.rsplit_once(':').map_or("", |(_, port)| port), port.to_string());
                for value in observed.fields.values_mut().filter(|value| **value == is) {
                    was.clone_into(value);
                }
            }
            for (address, teller) in &self.tellers {
                let at = teller.address().to_string();
                for value in observed.fields.values_mut().filter(|value| value.contains(&at)) {
                    *value =
                        value.replace(&at, if turns { "its server" } else { address.as_str() });
                }
            }
            if observed.by.is_empty() {
                // What servers say of their own answers is theirs.
                observed.answer.remove("cache-control");
            }
        }
    }

    fn say(&mut self, change: String) {
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }
}

impl Elsewhere for Ground {
    fn listener(&mut self, address: &str) -> String {
        self.port(address).map_or_else(|_| NOBODY.to_owned(), |port| port.to_string())
    }

    fn server(&mut self, address: &str) -> String {
        match self.tellers.get(address) {
            Some(teller) => teller.address().to_string(),
            None => {
                self.say(format!(
                    "nobody waits for `{address}`: no route of the model leads there"
                ));
                NOBODY.to_owned()
            }
        }
    }

    fn certificate(&mut self) -> Pair {
        self.say("certificates are generated ones".to_owned());
        self.certificate.clone()
    }

    fn file(&mut self, name: &str) -> String {
        let users = !["pem", "crt", "cer", "ca"].iter().any(|end| name.ends_with(end));
        self.has_users |= users;
        let path = self.folder.join(if users { "users" } else { "authorities.pem" });
        let text = if users { USERS.to_owned() } else { self.made.authority.clone() };
        self.say(format!("`{name}` is a file that was made up"));
        // Who cannot write here has failed before.
        let _ = std::fs::write(&path, text);
        path.display().to_string()
    }
}
