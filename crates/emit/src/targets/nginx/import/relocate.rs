//! nginx's configuration at another place.

use wsgen_model::source::{SourceId, Sources, Span};

use super::forward::destination;
use super::tree::{Reading, Tree};
use super::upstream::address;
use super::value;
use crate::import::Files;
use crate::import::ledger::{Id, Ledger};
use crate::import::relocate::{Elsewhere, Relocated};

/// What belongs to the machine, and not to what is done with requests.
const LEFT_OUT: [&str; 28] = [
    "user",
    "pid",
    "events",
    "load_module",
    "env",
    "daemon",
    "master_process",
    "worker_processes",
    "worker_rlimit_nofile",
    "worker_shutdown_timeout",
    "pcre_jit",
    "error_log",
    "access_log",
    "log_format",
    "open_log_file_cache",
    "include",
    "stream",
    "mail",
    "rtmp",
    "ssl_dhparam",
    "ssl_ciphers",
    "ssl_prefer_server_ciphers",
    "ssl_stapling",
    "ssl_stapling_verify",
    "ssl_trusted_certificate",
    "ssl_session_ticket_key",
    "proxy_temp_path",
    "client_body_temp_path",
];

/// Moves it.
pub(in crate::targets::nginx) fn relocate(
    sources: &mut Sources,
    ids: &[SourceId],
    files: &mut dyn Files,
    elsewhere: &mut dyn Elsewhere,
    unknown: &[String],
) -> Relocated {
    let mut ledger = Ledger::default();
    let mut reading = Reading::new(sources, files, &mut ledger);
    for id in ids {
        reading.named(*id);
    }
    let tree = reading.tree;
    let upstreams = (0..tree.all.len())
        .filter(|id| tree.all[*id].name == "upstream")
        .map(|id| tree.argument(id, 0).to_owned());
    let upstreams = upstreams.collect();
    let mut moving = Moving {
        sources,
        tree: &tree,
        elsewhere,
        unknown,
        upstreams,
        changes: Vec::new(),
        left_out: Vec::new(),
    };
    let mut text =
        String::from("pid nginx.pid;\nerror_log error.log;\nevents {}\nhttp {\naccess_log off;\n");
    let mut http: Vec<Id> = Vec::new();
    for id in &tree.top {
        match tree.all[*id].name.as_str() {
            "http" => http.extend(tree.block(*id)),
            _ => http.push(*id),
        }
    }
    // A part of a server that another file includes.
    let outside = ["upstream", "map", "geo", "server", "limit_req_zone", "limit_conn_zone"];
    let fragment = http.iter().any(|id| tree.all[*id].name == "location");
    let (around, loose): (Vec<Id>, Vec<Id>) = http
        .into_iter()
        .partition(|id| !fragment || outside.contains(&tree.all[*id].name.as_str()));
    // Everybody calls it so; its map is in another file.
    let all = 0..tree.all.len();
    let said = all.clone().any(|id| moving.slice(id).contains("$connection_upgrade"));
    let made = |id: Id| tree.all[id].name == "map" && tree.argument(id, 1) == "$connection_upgrade";
    if said && !all.clone().any(made) {
        text.push_str("map $http_upgrade $connection_upgrade {\ndefault upgrade;\n'' close;\n}\n");
        let change = "the map of `$connection_upgrade` is the one that everybody writes";
        moving.changes.push(change.to_owned());
    }
    text.push_str(&moving.list(&around));
    if fragment {
        let listen = moving.elsewhere.listener("0.0.0.0:80");
        text.push_str(&format!("server {{\nlisten {listen};\n{}}}\n", moving.list(&loose)));
    }
    text.push_str("}\n");
    Relocated { text, changes: moving.changes, left_out: moving.left_out }
}

/// The directive that a checker says it does not know.
pub(in crate::targets::nginx) fn unknown(said: &str) -> Option<String> {
    if said.contains("zero size shared memory zone") {
        // Its zone is in another file.
        return Some("limit_req".to_owned());
    }
    let rest = said.split("unknown directive \"").nth(1)?;
    Some(rest.split('"').next()?.to_owned())
}

struct Moving<'a> {
    sources: &'a Sources,
    tree: &'a Tree,
    elsewhere: &'a mut dyn Elsewhere,
    unknown: &'a [String],
    upstreams: Vec<String>,
    changes: Vec<String>,
    left_out: Vec<Span>,
}

impl Moving<'_> {
    fn slice(&self, id: Id) -> &str {
        self.sources.slice(self.tree.all[id].span)
    }

    fn list(&mut self, list: &[Id]) -> String {
        list.iter().map(|id| self.directive(*id)).collect()
    }

    fn directive(&mut self, id: Id) -> String {
        let directive = &self.tree.all[id];
        let name = directive.name.as_str();
        if LEFT_OUT.contains(&name) {
            return String::new();
        }
        if self.unknown.iter().any(|unknown| unknown == name) {
            let line = self.slice(id).trim().to_owned();
            let change = format!("`{line}` is left out: the nginx that runs it does not know it");
            if !self.changes.contains(&change) {
                self.changes.push(change);
            }
            self.left_out.push(directive.span);
            return String::new();
        }
        let slice = self.slice(id).to_owned();
        let words = directive.arguments.clone();
        let changed = self.changed(name, &words);
        match &directive.block {
            // What stands in it may be no nginx at all.
            Some(_) if name.ends_with("_by_lua_block") => format!("{slice}\n"),
            Some(block) => {
                let mut inner = self.list(block);
                let listens = block.iter().any(|id| self.tree.all[*id].name == "listen");
                if name == "server" && !listens {
                    inner.insert_str(
                        0,
                        &format!("listen {};\n", self.elsewhere.listener("0.0.0.0:80")),
                    );
                }
                format!("{slice}\n{inner}}}\n")
            }
            None => match changed {
                None => format!("{}\n", slice.trim_end()),
                Some(words) if words.is_empty() => String::new(),
                Some(words) => {
                    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                    format!("{name} {};\n", words.join(" "))
                }
            },
        }
    }

    /// The words of a directive at the new place, where they are others; none where it goes.
    fn changed(&mut self, name: &str, words: &[String]) -> Option<Vec<String>> {
        let first = words.first().map_or("", String::as_str);
        let with = |new: String| {
            let mut words = words.to_vec();
            words[0] = new;
            Some(words)
        };
        match name {
            "listen" => {
                if words.iter().any(|word| word == "quic") {
                    return Some(Vec::new());
                }
                let address = value::listen(first)?;
                let mut words = words.to_vec();
                words[0] = self.elsewhere.listener(&address);
                words.retain(|word| !word.starts_with("ipv6only"));
                Some(words)
            }
            "server" if !first.is_empty() => with(self.elsewhere.server(&address(first, false))),
            "proxy_pass" | "grpc_pass" => with(self.url(first)?),
            "set" => {
                let second = words.get(1)?;
                Some(vec![first.to_owned(), self.url(second)?])
            }
            "fastcgi_pass" | "uwsgi_pass" | "scgi_pass" | "memcached_pass" => {
                with(if self.upstreams.iter().any(|known| known == first) {
                    return None;
                } else {
                    "127.0.0.1:9".to_owned()
                })
            }
            "ssl_protocols" if !words.iter().any(|word| word == "TLSv1.2" || word == "TLSv1.3") => {
                let change = "TLS 1.2 is offered too: the questions are asked with it";
                self.changes.push(change.to_owned());
                Some([words, &["TLSv1.2".to_owned()]].concat())
            }
            "ssl_certificate" => with(self.elsewhere.certificate().certificate),
            "ssl_certificate_key" => with(self.elsewhere.certificate().key),
            "ssl_client_certificate" | "auth_basic_user_file" | "proxy_ssl_trusted_certificate" => {
                with(self.elsewhere.file(first))
            }
            _ => None,
        }
    }

    /// A URL that names a server, with that of the new place.
    fn url(&mut self, url: &str) -> Option<String> {
        let (to, _) = destination(url, false)?;
        if self.upstreams.contains(&to.authority) {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let server = self.elsewhere.server(&address(&to.authority, to.secure));
        let rest = rest.strip_prefix(&to.authority)?;
        // Behind the name of a socket, a colon begins the path.
        let rest =
            if to.authority.starts_with("unix:") { rest.trim_start_matches(':') } else { rest };
        Some(format!("{scheme}://{server}{rest}"))
    }
}

/// A word that is read as this word.
fn quoted(word: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !"{};\"'\\#".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}
