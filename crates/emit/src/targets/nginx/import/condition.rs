//! `if` blocks: those that ask for a method or a scheme are routes of their own, the others are told apart by what they
//! guard.

use super::location::Location;
use super::scope::{Chain, Importer};
use super::server::Server;
use crate::import::draft::{Draft, Item};
use crate::import::ledger::Id;

impl Importer<'_> {
    /// `if ($request_method = OPTIONS) { …; return 204; }`: an answer of its own to a method.
    pub(super) fn by_method(
        &mut self,
        location: &Location,
        list: &[Id],
        server: &Server,
    ) -> Vec<Draft> {
        let mut routes = Vec::new();
        for id in self.tree.named(list, "if").collect::<Vec<_>>() {
            let words = self.tree.all[id].arguments.join(" ");
            let asked: String = words.chars().filter(|c| !"()\"' ".contains(*c)).collect();
            let Some(method) = asked.strip_prefix("$request_method=") else { continue };
            let method =
                method.trim_start_matches('~').trim_start_matches('*').trim_matches(['^', '$']);
            let inner = self.tree.block(id).to_vec();
            let Some(answer) = self.tree.first(&inner, "return") else { continue };
            if method.is_empty() || !method.chars().all(|c| c.is_ascii_uppercase() || c == '|') {
                continue;
            }
            let Some(mut route) = self.answer(answer) else { continue };
            self.ledger.taken(id, "match.methods");
            let mut chain = location.chain.clone();
            chain.push(inner.clone());
            self.reached.extend(inner.iter());
            self.fields_of_answer(&inner, &chain, server, &mut route);
            let methods: Vec<_> = method.split('|').collect();
            route.set(&["methods"], methods);
            routes.push(route);
        }
        routes
    }

    /// Fields of an answer that the server makes itself.
    pub(super) fn fields_of_answer(
        &mut self,
        list: &[Id],
        chain: &Chain,
        server: &Server,
        route: &mut Draft,
    ) {
        if route.get(&["respond"]).is_none() {
            return;
        }
        let mut fields = Draft::map();
        self.responses(chain, server.scheme, &mut fields);
        for kind in ["add", "set"] {
            if let Some(Draft::Map(added)) = fields.get(&["response_headers", kind]) {
                for (name, value) in added {
                    route.set(&["respond", "headers", name], value.clone());
                }
            }
        }
        for id in list.iter().copied() {
            let (name, kind) = (self.tree.all[id].name.clone(), self.text(id, 0));
            if name == "default_type"
                || (name == "add_header" && kind.eq_ignore_ascii_case("content-type"))
            {
                self.ledger.taken(id, "respond.headers");
            }
            if name == "default_type" {
                route.set(&["respond", "headers", "Content-Type"], kind);
            }
        }
        // A length is the server's own to tell.
        route.remove(&["respond", "headers", "Content-Length"]);
    }

    /// `error_page 418 = @tunnel; if ($http_upgrade = websocket) { return 418; }`: handshakes have a location of their own.
    pub(super) fn by_upgrade(
        &mut self,
        location: &Location,
        list: &[Id],
        server: &Server,
    ) -> Option<Draft> {
        for id in self.tree.named(list, "if").collect::<Vec<_>>() {
            let words = self.tree.all[id].arguments.join(" ");
            let asked: String = words.chars().filter(|c| !"()\"' ".contains(*c)).collect();
            let by_map = asked.strip_prefix('$').is_some_and(|name| self.asking.contains(name));
            let by_field = asked.strip_prefix("$http_upgrade").is_some_and(|rest| {
                rest.to_lowercase().contains("websocket") && !rest.starts_with('!')
            });
            let inner = self.tree.block(id).to_vec();
            let (true, Some(answer)) = (by_map || by_field, self.tree.first(&inner, "return"))
            else {
                continue;
            };
            let status = self.tree.argument(answer, 0).to_owned();
            let page = self.tree.named(list, "error_page").find(|id| {
                let words = &self.tree.all[*id].arguments;
                words.first() == Some(&status) && words.last().is_some_and(|w| w.starts_with('@'))
            })?;
            let name = self.tree.all[page].arguments.last()?.trim_start_matches('@').to_owned();
            let fields = self.jump(&name, location, server, &mut Vec::new())?;
            for id in [id, answer, page] {
                self.ledger.taken(id, "match.upgrade");
            }
            return Some(fields);
        }
        None
    }

    /// Conditions that are nothing of the model's: those that guard are told apart.
    pub(super) fn conditions(&mut self, list: &[Id]) {
        for id in self.tree.named(list, "if").collect::<Vec<_>>() {
            if !self.ledger.is_open(id) {
                continue;
            }
            let inner = self.tree.block(id).to_vec();
            let guards = self.tree.named(&inner, "return").any(|id| {
                matches!(
                    self.tree.argument(id, 0),
                    "400" | "401" | "403" | "404" | "405" | "410" | "444"
                )
            });
            let why = "the model has no conditions of its own";
            for inner in inner {
                self.ledger.lost(inner, why);
            }
            if guards {
                self.ledger.opens(id, "it refused some requests");
            } else {
                self.ledger.lost(id, why);
            }
        }
    }

    /// `if ($scheme != "https") { return 301 https://…; }`: a redirect of the listeners without TLS.
    pub(super) fn scheme_redirects(&mut self, list: &[Id], plain: &[&str]) -> Vec<Item> {
        let mut routes: Vec<Item> = Vec::new();
        for id in self.tree.named(list, "if").collect::<Vec<_>>() {
            let words = self.tree.all[id].arguments.join(" ");
            let asked: String = words.chars().filter(|c| !"()\"' ".contains(*c)).collect();
            let known =
                ["$scheme!=https", "$scheme=http", "$https=", "$https!=on", "$ssl_protocol="];
            // What another proxy ahead says of the scheme.
            let field = asked
                .strip_prefix("$http_")
                .and_then(|rest| rest.split_once('='))
                .filter(|(name, _)| !name.ends_with('!') && *name == "x_forwarded_proto")
                .map(|(name, value)| (name.replace('_', "-"), value.to_owned()));
            if !known.contains(&asked.as_str()) && field.is_none() {
                continue;
            }
            let inner = self.tree.block(id).to_vec();
            let redirect =
                inner.iter().copied().find_map(|id| match self.tree.all[id].name.as_str() {
                    "return" => self.answer(id),
                    "rewrite" => self.rewritten(id),
                    _ => None,
                });
            if let (Some(mut fields), Some((name, value))) = (redirect.clone(), &field) {
                self.ledger.taken(id, "match.headers");
                let mut entry = Draft::map();
                entry.set(&["headers", name], value.as_str());
                fields.set(&["match"], vec![entry]);
                fields.set(&["priority"], 100_u64);
                let same = |known: &Item| known.fields.get(&["match"]) == fields.get(&["match"]);
                if routes.iter().any(same) {
                    self.ledger.unreached(id);
                } else {
                    routes.push(Item { origin: self.origin(id), fields });
                }
                continue;
            }
            if let (Some(mut fields), false) = (redirect, plain.is_empty()) {
                self.ledger.taken(id, "redirect");
                if routes.iter().any(|route| route.fields.get(&["match"]).is_none()) {
                    self.ledger.unreached(id);
                    continue;
                }
                fields.set(&["listeners"], plain.to_vec());
                // It is asked ahead of every location.
                fields.set(&["priority"], 100_u64);
                routes.push(Item { origin: self.origin(id), fields });
            }
        }
        routes
    }
}
