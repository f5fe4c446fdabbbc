//! Fields of routes beyond where they lead: limits, origins, users, pages of errors, compression.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{FilePath, Ipv6Prefix};

use super::policies::Policy;
use super::scope::Importer;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::measure;
use crate::targets::haproxy::syntax::{Compression, Statement};

impl Importer<'_> {
    pub(super) fn apply_policy(&mut self, id: Id, policy: &Policy, route: &mut Draft) {
        let network = |route: &mut Draft, prefix: &Ipv6Prefix| {
            if *prefix != Ipv6Prefix::LINE {
                route.set(&["limits", "per_ip", "ipv6_prefix"], u64::from(prefix.bits()));
            }
        };
        let field = match policy {
            Policy::Body(most) => {
                route.set(&["limits", "max_body_bytes"], measure::size(*most));
                "limits.max_body_bytes"
            }
            Policy::Connections(most, prefix) => {
                network(route, prefix);
                route.set(&["limits", "per_ip", "connections"], *most);
                "limits.per_ip.connections"
            }
            Policy::Connects(most, prefix) => {
                network(route, prefix);
                route.set(&["limits", "per_ip", "connects_per_minute"], *most);
                "limits.per_ip.connects_per_minute"
            }
            Policy::Origins(origins, missing) => {
                route.set(&["websocket", "origins"], origins.clone());
                route
                    .set(&["websocket", "missing_origin"], if *missing { "allow" } else { "deny" });
                "websocket.origins"
            }
            Policy::Users(list, realm) => {
                self.users(id, list, realm, route);
                "auth.basic"
            }
            Policy::Require => {
                route.set(&["websocket", "mode"], "require");
                "websocket.mode"
            }
            Policy::Deny => {
                route.set(&["websocket", "mode"], "deny");
                "websocket.mode"
            }
            Policy::Strip => {
                route.set(&["websocket", "compression"], "strip");
                "websocket.compression"
            }
            Policy::Subprotocols(names) => {
                route.set(&["websocket", "subprotocols"], names.clone());
                "websocket.subprotocols"
            }
            Policy::Timer(field, millis) => {
                route.set(&["timeouts", field], measure::duration((*millis).max(1)));
                "timeouts"
            }
        };
        self.ledger.taken(id, field);
    }

    /// Users stand in a file of their own; it has the name of their list.
    fn users(&mut self, id: Id, list: &str, realm: &str, route: &mut Draft) {
        let file = format!("{list}.users");
        route.set(&["auth", "basic", "users_file"], file.as_str());
        route.set(&["auth", "basic", "realm"], realm);
        let help = format!("write `{file}`: a line `name:hash` for each of its users");
        let what = "the users of this list stand in a file of their own";
        let lists = self.sections.iter().position(|s| s.kind == "userlist" && s.name == list);
        let at = lists.map_or(id, |section| self.sections[section].id);
        let span = self.span(at);
        self.ledger.say(Code::IMPORT_MISSING, span, what, &help);
        if let Some(section) = lists {
            for id in self.sections[section].list.clone() {
                self.ledger.taken(id, "auth.basic.users_file");
            }
            self.ledger.taken(at, "auth.basic.users_file");
        }
    }

    /// Pages of errors that the proxy itself answers with.
    pub(super) fn pages(&mut self, back: usize, route: &mut Draft) {
        for id in self.own(back, &["http-error"]) {
            let statement = self.statement(id);
            match statement.as_deref() {
                Some(Statement::HttpError(status @ (500 | 502 | 503 | 504), Some(file)))
                    if FilePath::parse(file).is_ok() =>
                {
                    self.ledger.taken(id, "error_pages");
                    route.set(&["error_pages", &status.to_string()], file.as_str());
                }
                _ => self.ledger.lost(id, "the model has files as pages for failures of servers"),
            }
        }
    }

    pub(super) fn compression(&mut self, front: usize, back: usize, route: &mut Draft) {
        for section in [back, front] {
            let algorithm = self.setting(section, &["compression", "algo"]);
            let types = self.setting(section, &["compression", "type"]);
            let (Some(algorithm), Some(types)) = (algorithm, types) else { continue };
            let statement = self.statement(types);
            let Some(Statement::Compression(Compression::Types(list))) = statement.as_deref()
            else {
                continue;
            };
            let known: Vec<String> = list
                .iter()
                .filter(|kind| wsgen_model::config::MediaType::parse(kind).is_ok())
                .cloned()
                .collect();
            if !known.is_empty() {
                self.ledger.taken(algorithm, "compression");
                self.ledger.taken(types, "compression.types");
                route.set(&["compression", "types"], known);
                return;
            }
        }
    }
}
