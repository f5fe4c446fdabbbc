//! Who may use a route, and how often.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{FilePath, HeaderName, HttpUrl, Line};

use super::forward::destination;
use super::scope::{Chain, Importer};
use super::search::find;
use super::server::Server;
use crate::import::draft::Draft;
use crate::quoted::unescaped;

/// Why a login by users is lost.
const NO_USERS: &str = "the file of its users is not named: its requests get 502";
/// Why a login by another service is lost.
const NO_SERVICE: &str =
    "the location that it asks passes requests to no service that is known: its requests get 502";

impl Importer<'_> {
    /// Writes the login of a route. Returns the variables that hold fields of a login service's answer, or `None` where the login
    /// is lost and the route has to refuse all requests.
    pub(super) fn auth(
        &mut self,
        chain: &Chain,
        server: &Server,
        route: &mut Draft,
    ) -> Option<Vec<(String, String)>> {
        if let Some(id) = self.setting(chain, "auth_basic") {
            let realm = unescaped(&self.text(id, 0));
            let users = self.setting(chain, "auth_basic_user_file");
            match users {
                _ if realm == "off" => {
                    self.ledger.taken(id, "auth");
                    if let Some(users) = users {
                        self.ledger.dropped(users, "it is off here");
                    }
                }
                Some(users) => {
                    // A file that is computed has no name ahead of requests.
                    let file = self.value::<FilePath>(users, 0).filter(|file| !file.contains('$'));
                    let (Some(file), Ok(_)) = (file, Line::parse(&realm)) else {
                        self.ledger.opens(id, NO_USERS);
                        return None;
                    };
                    self.ledger.taken(id, "auth.basic.realm");
                    self.ledger.taken(users, "auth.basic.users_file");
                    route.set(&["auth", "basic", "users_file"], file);
                    route.set(&["auth", "basic", "realm"], realm);
                }
                None => {
                    self.ledger.opens(id, NO_USERS);
                    return None;
                }
            }
        }
        let Some(id) = self.setting(chain, "auth_request") else { return Some(Vec::new()) };
        let place = self.text(id, 0);
        if place == "off" {
            self.ledger.taken(id, "auth");
            return Some(Vec::new());
        }
        let Some(url) = self.asked(&place, server) else {
            self.ledger.opens(id, NO_SERVICE);
            return None;
        };
        if route.get(&["auth", "basic"]).is_some() {
            self.ledger.opens(
                id,
                "a route asks for users or another service, not both: its requests get 502",
            );
            return None;
        }
        self.ledger.taken(id, "auth.forward.url");
        route.set(&["auth", "forward", "url"], url);
        let mut copies = Vec::new();
        for id in self.settings(chain, "auth_request_set") {
            let variable = self.tree.argument(id, 0).trim_start_matches('$').to_owned();
            match self.tree.argument(id, 1).strip_prefix("$upstream_http_") {
                Some(field) if HeaderName::parse(&field.replace('_', "-")).is_ok() => {
                    self.ledger.taken(id, "auth.forward.copy_headers");
                    copies.push((variable, field.replace('_', "-")));
                }
                _ => self.ledger.lost(id, "only fields of the answer can be copied"),
            }
        }
        Some(copies)
    }

    /// The service behind the location that `auth_request` names.
    fn asked(&mut self, place: &str, server: &Server) -> Option<String> {
        let locations = self.locations(&server.list, &server.chain);
        let location = find(&locations, place).ok().flatten()?;
        let own = self.tree.block(location.id).to_vec();
        let pass = self.tree.named(&own, "proxy_pass").last()?;
        let url = self.text(pass, 0);
        let mut bare = url.split(['?', '$']).next().unwrap_or_default().to_owned();
        if bare.matches('/').count() == 2 {
            bare.push_str(place);
        }
        // A block of that name may stand for its first server.
        let (to, path) = destination(&bare, false)?;
        let block = self.groups.get(&to.authority.to_lowercase()).copied();
        if let Some(block) = block {
            let list = self.tree.block(block).to_vec();
            let server = self.tree.named(&list, "server").next()?;
            let scheme = if to.secure { "https" } else { "http" };
            bare = format!("{scheme}://{}{}", self.text(server, 0), path.unwrap_or_default());
            self.differs(pass, "the first server of the upstream is asked");
            self.ledger.taken(block, "auth.forward.url");
            self.ledger.taken(server, "auth.forward.url");
        }
        HttpUrl::parse(&bare).ok()?;
        self.led_to.extend(self.tree.named(&own, "internal"));
        for inner in own {
            self.ledger.taken(inner, "auth.forward");
        }
        self.ledger.taken(location.id, "auth.forward");
        Some(bare)
    }

    /// Limits for each client, and lists of addresses.
    pub(super) fn limits(&mut self, chain: &Chain, route: &mut Draft) {
        for id in self.settings(chain, "limit_conn") {
            let zone = self.tree.argument(id, 0).to_owned();
            let declared = self.tree.named(&self.http, "limit_conn_zone").find(|zone_id| {
                self.tree.all[*zone_id]
                    .arguments
                    .iter()
                    .any(|word| word.starts_with(&format!("zone={zone}:")))
            });
            let counted = declared.and_then(|zone| Some((zone, self.network(zone)?)));
            match (counted, self.text(id, 1).parse::<u64>()) {
                (Some((declared, prefix)), Ok(number)) if number > 0 => {
                    self.ledger.taken(id, "limits.per_ip.connections");
                    self.ledger.taken(declared, "limits.per_ip.connections");
                    route.set(&["limits", "per_ip", "connections"], number);
                    self.counts(declared, prefix, route);
                }
                _ => self.ledger.opens(id, "the model counts by the client's address"),
            }
        }
        for id in self.settings(chain, "limit_req") {
            if self.handshakes(id, chain, route) {
                continue;
            }
            self.ledger
                .opens(id, "the model limits handshakes and open tunnels, not plain requests");
        }
    }
}
