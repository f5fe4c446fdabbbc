//! Apache's configuration at another place.

use wsgen_model::source::{SourceId, Sources, Span};

use super::target::destination;
use super::tree::{Directive, Reading};
use super::vhost::{address, listen};
use crate::import::Files;
use crate::import::ledger::{Id, Ledger};
use crate::import::relocate::{Elsewhere, Relocated};
use crate::syntax::Word;
use crate::targets::apache::lex::lex;

/// What belongs to the machine, and not to what is done with requests.
const LEFT_OUT: [&str; 32] = [
    "loadmodule",
    "loadfile",
    "user",
    "group",
    "pidfile",
    "mutex",
    "serverroot",
    "errorlog",
    "customlog",
    "transferlog",
    "logformat",
    "loglevel",
    "documentroot",
    "listen",
    "include",
    "includeoptional",
    "define",
    "undefine",
    "use",
    "rewritemap",
    "sslsessioncache",
    "sslsessioncachetimeout",
    "sslpassphrasedialog",
    "sslrandomseed",
    "sslmutex",
    "sslcryptodevice",
    "sslusestapling",
    "sslstaplingcache",
    "sslcertificatechainfile",
    "sslciphersuite",
    "sslproxyciphersuite",
    "coredumpdirectory",
];

/// Modules that configurations ask for; those that are not there are passed over.
const MODULES: [&str; 41] = [
    "mpm_event",
    "unixd",
    "log_config",
    "authz_core",
    "authz_host",
    "authz_user",
    "authz_groupfile",
    "authn_core",
    "authn_file",
    "auth_basic",
    "access_compat",
    "alias",
    "actions",
    "deflate",
    "dir",
    "env",
    "expires",
    "filter",
    "headers",
    "http2",
    "include",
    "mime",
    "negotiation",
    "remoteip",
    "reqtimeout",
    "rewrite",
    "setenvif",
    "slotmem_shm",
    "socache_shmcb",
    "ssl",
    "status",
    "watchdog",
    "proxy",
    "proxy_http",
    "proxy_wstunnel",
    "proxy_balancer",
    "proxy_hcheck",
    "lbmethod_byrequests",
    "lbmethod_bybusyness",
    "lbmethod_bytraffic",
    "proxy_fcgi",
];

/// Moves it.
pub(in crate::targets::apache) fn relocate(
    sources: &mut Sources,
    ids: &[SourceId],
    files: &mut dyn Files,
    elsewhere: &mut dyn Elsewhere,
    unknown: &[String],
) -> Relocated {
    let mut ledger = Ledger::default();
    let mut reading = Reading::new(sources, files, &mut ledger);
    let mut top = Vec::new();
    for id in ids {
        top.extend(reading.file(*id));
    }
    let all = reading.all;
    let mut addresses: Vec<String> = Vec::new();
    for vhost in all.iter().filter(|directive| directive.name == "virtualhost") {
        let block = vhost.block.as_deref().unwrap_or_default();
        addresses.extend(places(&texts(&vhost.words), &all, block));
    }
    let listens: Vec<String> = top
        .iter()
        .filter(|id| all[**id].name == "listen")
        .filter_map(|id| listen(&all[*id].words.first()?.text))
        .collect();
    addresses.extend(listens.iter().cloned());
    if addresses.is_empty() {
        addresses.push("0.0.0.0:80".to_owned());
    }
    let mut moving = Moving {
        sources,
        all: &all,
        elsewhere,
        unknown,
        listens,
        changes: Vec::new(),
        left_out: Vec::new(),
    };
    let mut text = String::from(
        "ServerName wsgen.invalid\nPidFile httpd.pid\nDefaultRuntimeDir .\nErrorLog error.log\nDocumentRoot nothing\n",
    );
    for module in MODULES {
        let file = format!("/usr/lib/apache2/modules/mod_{module}.so");
        text.push_str(&format!(
            "<IfFile \"{file}\">\n<IfModule !{module}_module>\nLoadModule {module}_module {file}\n</IfModule>\n</IfFile>\n"
        ));
    }
    // It wants a file of its own, which says nothing of what is passed on.
    text.push_str("<IfModule mime_module>\nTypesConfig /dev/null\n</IfModule>\n");
    let mut places: Vec<String> = addresses.iter().map(|address| moving.place(address)).collect();
    places.sort();
    places.dedup();
    for place in places {
        text.push_str(&format!("Listen {place}\n"));
    }
    text.push_str(&moving.list(&top));
    Relocated { text, changes: moving.changes, left_out: moving.left_out }
}

/// The words of a directive as texts.
fn texts(words: &[Word]) -> Vec<String> {
    words.iter().map(|word| word.text.clone()).collect()
}

/// The directive that a checker says it does not know.
pub(in crate::targets::apache) fn unknown(said: &str) -> Option<String> {
    let rest = said.split("Invalid command '").nth(1)?;
    Some(rest.split('\'').next()?.trim_start_matches('<').to_lowercase())
}

/// The addresses of a virtual host; one stands for those that are told elsewhere.
fn places(words: &[String], all: &[Directive], block: &[Id]) -> Vec<String> {
    let known: Vec<String> = words.iter().filter_map(|word| address(word)).collect();
    if !known.is_empty() {
        return known;
    }
    let tls = block.iter().any(|id| all[*id].name.starts_with("ssl"));
    vec![if tls { "0.0.0.0:443" } else { "0.0.0.0:80" }.to_owned()]
}

struct Moving<'a> {
    sources: &'a Sources,
    all: &'a [Directive],
    elsewhere: &'a mut dyn Elsewhere,
    unknown: &'a [String],
    listens: Vec<String>,
    changes: Vec<String>,
    left_out: Vec<Span>,
}

impl Moving<'_> {
    /// Where an address went; what holds for every address of the machine goes where its port listens.
    fn place(&mut self, address: &str) -> String {
        let port = address.strip_prefix("0.0.0.0:").map(|port| format!(":{port}"));
        let narrow = self
            .listens
            .iter()
            .find(|listen| port.as_ref().is_some_and(|port| listen.ends_with(port)));
        let address = narrow.cloned().unwrap_or_else(|| address.to_owned());
        self.elsewhere.listener(&address)
    }

    fn slice(&self, id: Id) -> &str {
        self.sources.slice(self.all[id].span)
    }

    fn list(&mut self, list: &[Id]) -> String {
        list.iter().map(|id| self.directive(*id)).collect()
    }

    fn directive(&mut self, id: Id) -> String {
        let directive = &self.all[id];
        let name = directive.name.as_str();
        if LEFT_OUT.contains(&name) {
            return String::new();
        }
        if self.unknown.iter().any(|unknown| unknown == name) {
            let line = self.slice(id).trim().to_owned();
            let change = format!("`{line}` is left out: the Apache that runs it does not know it");
            if !self.changes.contains(&change) {
                self.changes.push(change);
            }
            self.left_out.push(directive.span);
            return String::new();
        }
        let slice = self.slice(id).to_owned();
        let block = directive.block.as_deref().unwrap_or_default();
        let own = texts(&directive.words);
        let words = self.changed(name, &own, block);
        // What was put together from variables or by a macro is written anew.
        let same = lex(&slice)
            .first()
            .is_some_and(|line| line.words[1..].iter().map(|word| &word.seen).eq(&own));
        let line = match words {
            None if same => slice,
            words => {
                let words: Vec<String> = words
                    .as_ref()
                    .unwrap_or(&own)
                    .iter()
                    .map(|word| quoted(word, name.starts_with("rewrite")))
                    .collect();
                match directive.block {
                    Some(_) => format!("<{name} {}>", words.join(" ")),
                    None => format!("{name} {}", words.join(" ")),
                }
            }
        };
        match &directive.block {
            Some(block) => {
                let has = |wanted: &str| block.iter().any(|id| self.all[*id].name == wanted);
                let mut inner = self.list(block);
                if name == "virtualhost" && has("sslcertificatefile") && !has("sslengine") {
                    self.changes.push("`SSLEngine on` is taken from another file".to_owned());
                    inner.insert_str(0, "SSLEngine on\n");
                }
                format!("{line}\n{inner}</{name}>\n")
            }
            None => format!("{line}\n"),
        }
    }

    fn changed(&mut self, name: &str, words: &[String], block: &[Id]) -> Option<Vec<String>> {
        match name {
            "virtualhost" => {
                let places = places(words, self.all, block);
                Some(places.iter().map(|address| self.place(address)).collect())
            }
            "proxypass" | "proxypassmatch" | "balancermember" | "rewriterule" | "proxy"
            | "proxyset" => {
                let mut changed = words.to_vec();
                for word in &mut changed {
                    if let Some(url) = self.url(word) {
                        *word = url;
                    }
                }
                Some(changed)
            }
            "sethandler" => {
                let url = words.first()?.strip_prefix("proxy:")?.to_owned();
                Some(vec![format!("proxy:{}", self.url(&url)?)])
            }
            "sslcertificatefile" => Some(vec![self.elsewhere.certificate().both]),
            "sslcertificatekeyfile" => Some(vec![self.elsewhere.certificate().key]),
            "sslcacertificatefile" | "authuserfile" | "sslproxycacertificatefile" => {
                Some(vec![self.elsewhere.file(words.first()?)])
            }
            _ => None,
        }
    }

    /// A URL that names a server, with that of the new place.
    fn url(&mut self, url: &str) -> Option<String> {
        let (to, path) = destination(url)?;
        if to.balanced {
            return None;
        }
        let server = self.elsewhere.server(&to.authority);
        let scheme = match (to.upgrades, to.secure) {
            (true, true) => "wss",
            (true, false) => "ws",
            (false, true) => "https",
            (false, false) => "http",
        };
        Some(format!("{scheme}://{server}{path}"))
    }
}

/// A word that is read as this word; `mod_rewrite` keeps its backslashes.
fn quoted(word: &str, verbatim: bool) -> String {
    let plain = |c: char| !c.is_whitespace() && !"\"'\\<>".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if verbatim {
        return format!("\"{word}\"");
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}
