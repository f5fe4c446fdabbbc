//! `map` blocks that say what the model has fields for: which origins may open a tunnel, which subprotocols pass, how a
//! path begins for the upstream, what a trusted peer has told.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Ipv6Prefix, Origin, PathLiteral, Token};
use wsgen_model::spelling::FORWARDED_FIELDS;

use super::scope::{Chain, Importer};
use crate::import::draft::Draft;
use crate::import::ledger::Id;

/// A `map`.
#[derive(Debug, Clone)]
pub(super) struct Map {
    pub(super) id: Id,
    /// What it looks at.
    pub(super) source: String,
    pub(super) default: String,
    /// Patterns and values, in order.
    pub(super) lines: Vec<(String, String)>,
}

/// Ahead of a pattern over raw targets: the path is in normal form.
const NORMAL: &str = r"(?![^?]*(//|/(\.|%2[eE]){1,2}(/|\?|$)))";

impl Importer<'_> {
    /// The map that makes a variable (`$name`), if one does.
    pub(super) fn map(&self, variable: &str) -> Option<Map> {
        let name = variable.strip_prefix('$')?;
        let id = *self.maps.get(name)?;
        let mut map = Map {
            id,
            source: self.tree.argument(id, 0).to_owned(),
            default: String::new(),
            lines: Vec::new(),
        };
        for line in self.tree.block(id) {
            let value = self.tree.argument(*line, 0).to_owned();
            match self.tree.all[*line].name.as_str() {
                "default" => map.default = value,
                "hostnames" | "volatile" | "include" => return None,
                pattern => map.lines.push((pattern.to_owned(), value)),
            }
        }
        Some(map)
    }

    pub(super) fn map_taken(&mut self, id: Id, field: &'static str) {
        self.ledger.taken(id, field);
        for line in self.tree.block(id).to_vec() {
            self.ledger.taken(line, field);
        }
    }

    /// `if ($variable = "") { return 400; }`: the variable and the answer.
    fn absent(&self, id: Id) -> Option<(String, Id)> {
        let words = self.tree.all[id].arguments.join(" ");
        let asked: String = words.chars().filter(|c| !"()\"' ".contains(*c)).collect();
        let name = asked.strip_suffix('=')?.to_owned();
        Some((name, self.tree.first(self.tree.block(id), "return")?))
    }

    /// `if ($variable) { return 400; }` on a request with a body, as every handshake of the model is judged: the map
    /// and the answer.
    fn body_of_handshake(&self, id: Id) -> Option<(Id, Id)> {
        let words = self.tree.all[id].arguments.join(" ");
        let map = self.map(words.trim_matches(['(', ')', ' ']))?;
        let answer = self.tree.first(self.tree.block(id), "return")?;
        let asks = map.source == "$http_transfer_encoding:$http_content_length";
        (asks && self.tree.argument(answer, 0) == "400").then_some((map.id, answer))
    }

    /// Whether a value is a field of the forwarded family as a trusted peer said it.
    pub(super) fn is_kept_of_peers(&mut self, name: &str, variable: &str) -> bool {
        let Some(map) = self.map(variable) else { return false };
        let field = format!("$http_{}", name.replace('-', "_"));
        let says = map.lines.len() == 1 && map.lines[0] == ("1".to_owned(), field);
        let family = FORWARDED_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(name));
        let geo = self.maps.get(map.source.trim_start_matches('$')).copied();
        let (true, Some(geo)) = (says && family && map.default.is_empty(), geo) else {
            return false;
        };
        self.map_taken(geo, "trusted_proxies");
        self.map_taken(map.id, "forwarded");
        true
    }

    /// Whether an `if` is one of those that a map stands behind: [`Importer::guards`] reads it.
    pub(super) fn is_guard(&self, id: Id) -> bool {
        if self.body_of_handshake(id).is_some() {
            return true;
        }
        let Some((name, answer)) = self.absent(id) else { return false };
        let Some(map) = self.map(&name) else { return false };
        match self.tree.argument(answer, 0) {
            "403" => origins(&map).is_some(),
            "400" => prefixes(&map).is_some(),
            _ => false,
        }
    }

    /// Conditions that a map stands behind: handshakes of other origins are refused, and paths that are not in normal form.
    pub(super) fn guards(&mut self, list: &[Id], route: &mut Draft) {
        for id in self.tree.named(list, "if").collect::<Vec<_>>() {
            if let Some((map, answer)) = self.body_of_handshake(id) {
                self.ledger.taken(id, "websocket");
                self.ledger.taken(answer, "websocket");
                self.map_taken(map, "websocket");
                continue;
            }
            let Some((name, answer)) = self.absent(id) else { continue };
            let Some(map) = self.map(&name) else { continue };
            let status = self.tree.argument(answer, 0).to_owned();
            let field = match status.as_str() {
                "403" => match origins(&map) {
                    Some((origins, missing)) => {
                        route.set(&["websocket", "origins"], origins);
                        let missing = if missing { "allow" } else { "deny" };
                        route.set(&["websocket", "missing_origin"], missing);
                        "websocket.origins"
                    }
                    None => continue,
                },
                "400" if prefixes(&map).is_some() => "match.path",
                _ => continue,
            };
            self.ledger.taken(id, field);
            self.ledger.taken(answer, field);
            self.map_taken(map.id, field);
        }
    }

    /// A destination without the variable at its end that has the path with another prefix, and that change.
    pub(super) fn moved(&mut self, url: &str) -> Option<(String, Draft)> {
        let at = url.rfind('$')?;
        let map = self.map(&url[at..])?;
        let change = prefixes(&map)?;
        self.map_taken(map.id, "rewrite");
        Some((url[..at].to_owned(), change))
    }

    /// A destination whose group of servers a cookie of the server's own chooses: that of a new client, and the cookie.
    pub(super) fn stuck(&mut self, url: &str, chain: &Chain) -> Option<(String, Draft)> {
        let (scheme, rest) = url.split_once("://")?;
        let behind = rest.strip_prefix('$')?;
        let end = behind.find('$').map_or(rest.len(), |at| at + 1);
        let map = self.map(&rest[..end]).filter(|map| map.source == "$http_cookie")?;
        if !self.groups.contains_key(&map.default.to_lowercase()) {
            return None;
        }
        let (pattern, _) = map.lines.first()?;
        let (name, _) = pattern.strip_prefix("~(^|; ?)")?.split_once('=')?;
        let mut cookie = Draft::of("name", name.replace('\\', ""));
        let sets = self
            .settings(chain, "add_header")
            .into_iter()
            .find_map(|id| self.map(&self.text(id, 1)).filter(sets_cookie))?;
        let text = sets.lines.iter().map(|(_, value)| value).find(|value| !value.is_empty())?;
        let words: Vec<String> = text.split("; ").map(str::to_lowercase).collect();
        cookie.set(&["http_only"], words.iter().any(|word| word == "httponly"));
        if words.iter().any(|word| word == "secure") {
            cookie.set(&["secure"], true);
        }
        if let Some(same_site) = words.iter().find_map(|word| word.strip_prefix("samesite=")) {
            cookie.set(&["same_site"], same_site);
        }
        self.map_taken(map.id, "sticky.cookie");
        for (_, group) in &map.lines {
            if let Some(id) = self.groups.get(&group.to_lowercase()).copied() {
                self.map_taken(id, "sticky.cookie");
            }
        }
        Some((format!("{scheme}://{}{}", map.default, &rest[end..]), cookie))
    }

    /// What is told by a variable that believes a trusted peer: a word of `forwarded.headers`.
    pub(super) fn believed(&mut self, name: &str, variable: &str) -> Option<&'static str> {
        let map = self.map(variable)?;
        let (trusted, field) = map.source.split_once(':')?;
        let field_name = format!("$http_{}", name.replace('-', "_"));
        let says = map.lines.iter().any(|(_, value)| value.contains(&field_name));
        if field != field_name || !says {
            return None;
        }
        let word = match (name, map.default.as_str()) {
            ("x-forwarded-for", "$remote_addr") => "for",
            ("x-forwarded-proto", "$scheme" | "http" | "https") => "proto",
            ("x-forwarded-host", "$http_host" | "$host") => "host",
            _ => return None,
        };
        if let Some(geo) = self.maps.get(trusted.trim_start_matches('$')).copied() {
            self.map_taken(geo, "trusted_proxies");
        }
        self.map_taken(map.id, "forwarded");
        Some(word)
    }

    /// The map behind a value of `Connection` or `Upgrade` is taken with it.
    pub(super) fn map_of_handshakes(&mut self, text: &str) {
        let map = self.map(text).map(|map| map.id);
        if let Some(id) = map.filter(|_| self.for_handshake(text).is_some()) {
            self.map_taken(id, "websocket.mode");
        }
    }

    /// Whether a variable is the scheme that a proxy ahead has told, or nginx's own: `map $http_x_forwarded_proto $p { default
    /// $http_x_forwarded_proto; '' $scheme; }`.
    pub(super) fn is_scheme_by_map(&mut self, id: Id, variable: &str) -> bool {
        let Some(map) = self.map(variable) else { return false };
        let own = ["$scheme", "http", "https", "$http_x_forwarded_proto"];
        let values = map.lines.iter().map(|(_, value)| value).chain([&map.default]);
        let fits = map.source == "$http_x_forwarded_proto"
            && values.clone().any(|value| value == "$scheme")
            && values.clone().all(|value| own.contains(&value.as_str()));
        if fits {
            self.map_taken(map.id, "forwarded");
            let how = "what the client itself sent is not passed on: nobody is trusted to say it";
            self.announce(id, super::differs::Differs::Forwarded, how);
        }
        fits
    }

    /// A text with variables that are but another form of the client's address.
    pub(super) fn plain(&mut self, text: &str) -> String {
        let mut out = text.to_owned();
        for name in self.maps.keys().cloned().collect::<Vec<_>>() {
            let variable = format!("${name}");
            if !out.contains(&variable) {
                continue;
            }
            let Some(map) = self.map(&variable) else { continue };
            let same = map.default == map.source
                && map.lines.iter().all(|(_, value)| value.contains(&map.source));
            if same {
                self.map_taken(map.id, "forwarded");
                out = out.replace(&variable, &map.source);
            }
        }
        out
    }

    /// The subprotocols that a variable lets pass.
    pub(super) fn subprotocols(&mut self, variable: &str) -> Option<Vec<String>> {
        let map = self.map(variable)?;
        let fits = map.source == "$http_sec_websocket_protocol"
            && map.default.is_empty()
            && map
                .lines
                .iter()
                .all(|(pattern, name)| pattern.starts_with("~(^|,)") && Token::parse(name).is_ok());
        if !fits || map.lines.is_empty() {
            return None;
        }
        self.map_taken(map.id, "websocket.subprotocols");
        Some(map.lines.into_iter().map(|(_, name)| name).collect())
    }

    /// Handshakes in a minute: a limit of the location that they alone come to.
    pub(super) fn handshakes(&mut self, id: Id, chain: &Chain, route: &mut Draft) -> bool {
        let words = self.tree.all[id].arguments.clone();
        let zone = words.iter().find_map(|word| word.strip_prefix("zone=")).unwrap_or_default();
        let declared = self.tree.named(&self.http, "limit_req_zone").find(|zone_id| {
            let words = &self.tree.all[*zone_id].arguments;
            words.iter().any(|word| word.starts_with(&format!("zone={zone}:")))
        });
        let Some(declared) = declared else { return false };
        let prefix = self.network(declared);
        let rate = self.tree.all[declared]
            .arguments
            .iter()
            .find_map(|word| word.strip_prefix("rate=")?.strip_suffix("r/m")?.parse::<u64>().ok());
        let upgrades = self.settings(chain, "proxy_set_header").into_iter().any(|id| {
            let asking = self.tree.argument(id, 1).trim_start_matches('$');
            self.tree.argument(id, 0).eq_ignore_ascii_case("upgrade")
                && self.asking.contains(asking)
        });
        let (Some(rate), Some(prefix)) = (rate.filter(|rate| upgrades && *rate > 0), prefix) else {
            return false;
        };
        self.ledger.taken(id, "limits.per_ip.connects_per_minute");
        self.ledger.taken(declared, "limits.per_ip.connects_per_minute");
        route.set(&["limits", "per_ip", "connects_per_minute"], rate);
        self.counts(declared, prefix, route);
        true
    }

    /// The bits of an IPv6 address that a zone counts by, if it counts clients by their addresses.
    pub(super) fn network(&self, zone: Id) -> Option<Ipv6Prefix> {
        let key = self.tree.argument(zone, 0);
        if ["$binary_remote_addr", "$remote_addr"].contains(&key) {
            return Some(Ipv6Prefix::ADDRESS);
        }
        let map = self.map(key).filter(|map| map.source == "$binary_remote_addr")?;
        let [(pattern, _)] = map.lines.as_slice() else { return None };
        let (_, behind) = pattern.split_once(">.{")?;
        let bytes: u16 = behind.split_once("}).{")?.0.parse().ok()?;
        Ipv6Prefix::parse(&(bytes * 8).to_string()).ok().filter(|_| map.default == map.source)
    }

    /// Writes how clients of a zone are told apart, where the model would do it otherwise.
    pub(super) fn counts(&mut self, zone: Id, prefix: Ipv6Prefix, route: &mut Draft) {
        if let Some(map) = self.map(self.tree.argument(zone, 0)) {
            self.map_taken(map.id, "limits.per_ip.ipv6_prefix");
        }
        if prefix != Ipv6Prefix::LINE {
            route.set(&["limits", "per_ip", "ipv6_prefix"], u64::from(prefix.bits()));
        }
    }
}

/// Whether a map makes the cookie that names the server that answered.
pub(super) fn sets_cookie(map: &Map) -> bool {
    map.source == "$upstream_addr\n$http_cookie" && map.default.is_empty()
}

/// The origins that a map of Host and Origin lets through, and whether those without one are.
fn origins(map: &Map) -> Option<(Vec<String>, bool)> {
    if map.source != "$http_host $http_origin" {
        return None;
    }
    let (mut all, mut missing): (Vec<String>, bool) = (Vec::new(), false);
    for (pattern, _) in &map.lines {
        let rest = pattern.trim_start_matches('~').trim_start_matches('*');
        let origin = if rest == "^[^ ]* $" {
            missing = true;
            continue;
        } else if rest.starts_with("^([^ ") {
            "same_origin".to_owned()
        } else {
            let inner = rest.strip_prefix("^[^ ]* ")?.strip_suffix('$')?;
            let inner = inner
                .strip_suffix(")?")
                .map_or(inner, |rest| rest.rsplit_once("(:").map_or(rest, |(host, _)| host));
            inner.replace("([^./: ]+\\.)+", "*.").replace('\\', "")
        };
        if origin != "null" && origin != "same_origin" && Origin::parse(&origin).is_err() {
            return None;
        }
        if !all.contains(&origin) {
            all.push(origin);
        }
    }
    (!all.is_empty()).then_some((all, missing))
}

/// How a map over the raw target changes its prefix.
pub(super) fn prefixes(map: &Map) -> Option<Draft> {
    if map.source != "$request_uri" || !map.default.is_empty() {
        return None;
    }
    let (pattern, value) = map.lines.first()?;
    let inner = pattern.strip_prefix("~^")?.strip_prefix(NORMAL)?;
    let (from, _) = inner.split_once("(?<wsgen_rest>")?;
    let from = from.replace('\\', "");
    let from = if from.is_empty() { "/".to_owned() } else { from };
    let to = value.strip_suffix("$wsgen_rest")?;
    let fits = PathLiteral::parse(&from).is_ok() && (to == "/" || PathLiteral::parse(to).is_ok());
    fits.then(|| match (map.lines.len(), to) {
        (_, "/" | "") => Draft::of("strip_prefix", from),
        _ => {
            let mut change = Draft::of("from", from);
            change.set(&["to"], to);
            Draft::of("replace_prefix", change)
        }
    })
}
