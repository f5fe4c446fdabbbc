//! `server_name`: which hosts a server takes (`ngx_http_core_module`, "`server_name`"): its names, then the longest wildcard ahead
//! of a domain, then the longest behind one, then regexes in the order of the file.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Hostname;

use super::scope::Importer;
use super::server::Server;
use crate::import::hostnames::{covers_host, written_out};
use crate::import::ledger::Id;
use crate::targets::nginx::syntax::{ServerName, Statement};

/// The names of a server, in the model's form.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// Names and wildcards ahead of a domain; `.example.test` is both.
    pub(super) said: Vec<String>,
    /// Names that a regex was written out to: they give way to all of the above.
    pub(super) of_regexes: Vec<String>,
    /// What hosts begin with: `www.example` of `www.example.*`.
    pub(super) starts: Vec<String>,
    /// Directives with names that the model cannot say.
    pub(super) unsaid: Vec<Id>,
}

impl Importer<'_> {
    /// The names that a block has.
    pub(super) fn names(&mut self, list: &[Id]) -> Names {
        let mut names = Names::default();
        for id in self.tree.named(list, "server_name").collect::<Vec<_>>() {
            let Ok(Statement::ServerName(all)) = self.tree.all[id].value.clone() else {
                self.ledger.lost(id, "an asterisk stands at the beginning or the end of a name");
                continue;
            };
            self.ledger.taken(id, "hostnames");
            for name in all {
                self.name(id, &name, &mut names);
            }
        }
        names
    }

    fn name(&mut self, id: Id, name: &ServerName, names: &mut Names) {
        let mut add = |name: String| {
            let fits = Hostname::parse(&name).is_ok();
            if fits && !names.said.contains(&name) {
                names.said.push(name.clone());
            }
            fits
        };
        let said = match name {
            ServerName::Nothing => true,
            ServerName::Exact(name) => {
                let name = self.budget_known(id, name);
                // Nobody asks for a name with such letters: a template's place for one.
                let is_asked =
                    name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
                let said = add(name);
                if !said && !is_asked {
                    self.ledger.lost(id, "a name that is no hostname: no request has it");
                }
                said || !is_asked
            }
            ServerName::LeadingWildcard(domain) => add(format!("*.{domain}")),
            // Both names are one until it is known which of them are free.
            ServerName::Domain(domain) => {
                let fits = Hostname::parse(domain).is_ok();
                let name = format!(".{domain}");
                if fits && !names.said.contains(&name) {
                    names.said.push(name);
                }
                fits
            }
            ServerName::TrailingWildcard(start) => {
                names.starts.push(format!("{start}."));
                false
            }
            ServerName::Regex(pattern) => self.regex(id, &pattern.to_lowercase(), names),
        };
        if !said && !names.unsaid.contains(&id) {
            names.unsaid.push(id);
        }
    }

    fn regex(&mut self, id: Id, pattern: &str, names: &mut Names) -> bool {
        let Some((list, more)) = written_out(pattern) else { return false };
        let list: Vec<String> =
            list.into_iter().filter(|name| Hostname::parse(name).is_ok()).collect();
        let wildcards = !list.is_empty() && list.iter().all(|name| name.starts_with("*."));
        if more {
            self.differs(id, "names that the pattern fits beside those that are written out");
        }
        names.of_regexes.extend(list);
        !more || wildcards
    }

    fn budget_known(&self, id: Id, text: &str) -> String {
        self.budget.at(self.span(id));
        self.known(text)
    }
}

/// The names of the model that a name of nginx's stands for.
pub(super) fn forms(name: &str) -> Vec<String> {
    match name.strip_prefix('.') {
        Some(domain) => vec![domain.to_owned(), format!("*.{domain}")],
        None => vec![name.to_owned()],
    }
}

/// Adds the names of regexes that no other server of an address takes first.
pub(super) fn with_regexes(servers: &mut [Server]) {
    let shares = |one: &Server, other: &Server| {
        one.listens
            .iter()
            .any(|listen| other.listens.iter().any(|more| more.address == listen.address))
    };
    let mut added: Vec<Vec<String>> = Vec::new();
    for (number, server) in servers.iter().enumerate() {
        let free = |name: &&String| {
            !servers.iter().enumerate().any(|(other, taker)| {
                other != number
                    && shares(server, taker)
                    && (taker.names.iter().flat_map(|n| forms(n)).any(|n| covers_host(&n, name))
                        || taker.starts.iter().any(|start| name.starts_with(start.as_str())))
            })
        };
        let none: &[String] = &[];
        let list = if server.of_regexes.is_empty() { none } else { &server.of_regexes };
        added.push(list.iter().filter(free).cloned().collect());
    }
    for (server, names) in servers.iter_mut().zip(added) {
        for name in names {
            if !server.names.contains(&name) {
                server.names.push(name);
            }
        }
    }
}
