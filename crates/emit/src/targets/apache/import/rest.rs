//! Directives that nobody has spoken of: business of others, out of reach, or not understood.

use super::out_of_scope;
use super::scope::Importer;
use wsgen_model::code::Code;

use crate::import::Imported;
use crate::import::dead_lines::Line;
use crate::import::ledger::Id;
use crate::import::origins::Blocks;
use crate::import::placeholder::Directives;
use crate::syntax::Word;
use crate::targets::apache::syntax::{Section, Statement};

/// How directives of other logins begin.
const LOGINS: [&str; 8] =
    ["shib", "oidc", "addexternal", "setexternal", "ldap", "mellon", "cas", "auth"];

/// How directives begin that matter to requests that are passed on.
const OF_ROUTES: [&str; 26] = [
    "requestheader",
    "header",
    "require",
    "order",
    "allow",
    "deny",
    "satisfy",
    "auth",
    "proxypreservehost",
    "proxyaddheaders",
    "proxytimeout",
    "timeout",
    "keepalive",
    "errordocument",
    "sslproxy",
    "proxypassreverse",
    "limitrequest",
    "allowencodedslashes",
    "rewriteengine",
    "proxyerroroverride",
    "ssl",
    "servername",
    "serveralias",
    "protocols",
    "addoutputfilterbytype",
    "remoteip",
];

impl Importer<'_> {
    /// Judges what nobody has spoken of.
    pub(super) fn rest(&mut self) {
        for id in 0..self.all.len() {
            if !self.ledger.is_open(id) {
                continue;
            }
            let name = self.all[id].name.clone();
            if self.keeps_from_proxy(id, &name) {
                self.ledger.lost(id, "requests for which it sets `no-proxy` are not passed on");
                continue;
            }
            if let Some(why) = out_of_scope::reason(&name) {
                self.files(id, why);
                continue;
            }
            match name.as_str() {
                "location" | "locationmatch" => {
                    // Its own lines are judged by what they are.
                    self.ledger.dropped(id, "no route that passes requests on is within its reach");
                    for inner in self.block(id) {
                        self.unreached(inner);
                    }
                }
                "proxy" | "proxymatch" => self.unproxied(id),
                "limit" | "limitexcept" | "requireall" | "requireany" | "requirenone" => {
                    if self.guards_something(id) {
                        self.lost_guard(id, "it kept some requests out");
                    } else {
                        self.dropped_block(id, "everybody is allowed anyway");
                    }
                }
                "if" | "elseif" | "else" => {
                    if self.block(id).iter().any(|id| self.guards_something(*id)) {
                        self.lost_guard(id, "a condition on each request");
                    } else {
                        self.lost_block(id, "a condition on each request");
                    }
                }
                "rewritecond" | "rewriterule" | "rewritemap" | "rewritebase" | "rewriteoptions" => {
                    self.unread_rewrite(id, &name);
                }
                name if name.starts_with("sec")
                    || name.starts_with("modsec")
                    || name.starts_with("qs_") =>
                {
                    self.lost_guard(id, "what it decides is not known");
                }
                name if name.starts_with("lua") => {
                    self.lost_guard(id, "what Lua decides is not known");
                }
                "servername" | "serveralias" => {
                    self.ledger.dropped(id, "the name of a server that no request comes to");
                }
                "proxypassreverse" | "proxypassreversematch" => {
                    self.ledger.dropped(id, "no route that passes requests on is within its reach");
                }
                "sslproxyengine" => {
                    self.ledger.dropped(id, "an upstream's `protocol` says how it is reached");
                }
                "sethandler" if self.passes_on(id) => {
                    self.ledger.lost(id, "what it passes on is told by no path of the model");
                }
                "sethandler" => self.ledger.dropped(id, "pages that the server makes itself"),
                name if self.reached.contains(&id)
                    && LOGINS.iter().any(|word| name.starts_with(word)) =>
                {
                    // Without a `Require` nobody logs in.
                    self.ledger.dropped(id, "no `Require` asks for a login here");
                }
                _ => self.unreached(id),
            }
        }
    }

    /// A section of files, or a directive about them; rules in it that pass requests on or refuse them are lost aloud.
    fn files(&mut self, id: Id, why: &'static str) {
        for inner in self.block(id) {
            let acts = match &self.all[inner].statement {
                Ok(Statement::RewriteRule(rule)) => {
                    rule.flags.proxy
                        || rule.flags.redirect.is_some()
                        || rule.flags.forbidden
                        || rule.flags.gone
                }
                Ok(Statement::Redirect(_)) => true,
                _ => false,
            };
            if self.passes_on(inner) {
                self.ledger
                    .lost(inner, "what it passes on is told by files, and by no path of the model");
            } else if acts {
                self.ledger
                    .opens(inner, "rules of folders are asked for each request of a file there");
            }
        }
        self.dropped_block(id, why);
    }

    /// Whether a directive takes requests away from `ProxyPass`.
    fn keeps_from_proxy(&self, id: Id, name: &str) -> bool {
        let sets = |word: &Word| word.as_str().split('=').next() == Some("no-proxy");
        (name.starts_with("setenvif") || name.starts_with("browsermatch"))
            && self.all[id].words.iter().any(sets)
    }

    /// Whether a `SetHandler` passes requests on by HTTP.
    fn passes_on(&self, id: Id) -> bool {
        let url = self.word(id, 0).strip_prefix("proxy:").unwrap_or_default();
        let url = url.rsplit('|').next().unwrap_or_default().to_ascii_lowercase();
        self.all[id].name == "sethandler"
            && ["http:", "https:", "ws:", "wss:", "balancer:"].iter().any(|s| url.starts_with(s))
    }

    /// A `<Proxy>` of nothing that is passed on.
    fn unproxied(&mut self, id: Id) {
        let balancer = matches!(
            &self.all[id].statement,
            Ok(Statement::Section(Section::Proxy(_, _))) if self.word(id, 0).starts_with("balancer:")
        );
        let why = if balancer {
            "no route leads there"
        } else {
            "no route that passes requests on is within its reach"
        };
        self.dropped_block(id, why);
    }

    fn unread_rewrite(&mut self, id: Id, name: &str) {
        match name {
            "rewriteoptions" => self.ledger.dropped(id, "tuning of rewriting"),
            "rewritemap" => self.ledger.lost(id, "a table that is looked up for each request"),
            _ => self.ledger.dropped(id, "for files, or of a part that holds for no request"),
        }
    }

    /// A directive that matters to requests that are passed on, where none is.
    fn unreached(&mut self, id: Id) {
        let name = self.all[id].name.clone();
        let mut words = OF_ROUTES.iter().chain(&LOGINS);
        if self.reached.contains(&id) || !words.any(|word| name.starts_with(word)) {
            return;
        }
        self.dropped_block(id, "no route that passes requests on is within its reach");
    }

    pub(super) fn dropped_block(&mut self, id: Id, why: &'static str) {
        self.ledger.dropped(id, why);
        for inner in self.block(id) {
            self.dropped_block(inner, why);
        }
    }

    pub(super) fn lost_block(&mut self, id: Id, why: &str) {
        self.ledger.lost(id, why);
        for inner in self.block(id) {
            self.lost_block(inner, why);
        }
    }

    /// The model with all verdicts.
    pub(super) fn close(self) -> Imported {
        let Self { all, sources, mut ledger, mut site, plain, .. } = self;
        let inner = all.iter().enumerate();
        let inner = inner.filter_map(|(id, outer)| Some((id, outer.block.as_deref()?)));
        let blocks = Blocks::new(all.iter().map(|directive| directive.span), inner);
        let routes = site.origins(|id| all[id].span, |id| blocks.of(id));
        let judged = all.iter().map(|directive| {
            let proxying = out_of_scope::reason(&directive.name).is_none();
            (directive.name.clone(), directive.span, proxying)
        });
        let directives = Directives {
            sources,
            name: &|id| {
                let text = sources.slice(all[id].span).trim_start_matches('<');
                let written = text.split([' ', '\t', '>']).next().unwrap_or_default();
                let known = all[id].name.as_str();
                if written.eq_ignore_ascii_case(known) { written } else { known }.to_owned()
            },
            place: &|id| all[id].span,
            around: &|id| blocks.outer(id),
        };
        let alive = site.without_handshakes();
        for (id, what) in plain.into_iter().filter(|(id, _)| alive.contains(id)) {
            let help = "write `upgrade=websocket` behind the URL (from 2.4.47 on), or `ws://` for paths of sockets alone; in the model take `mode: deny` away";
            ledger.say(Code::IMPORT_BROKEN, all[id].span, what, help);
        }
        site.say_dead_lines(&mut ledger, &directives, |id| {
            let name = all[id].name.as_str();
            let rule = ["proxypass", "proxypassmatch", "rewriterule"].contains(&name)
                || name.starts_with("redirect");
            if rule { Line::Rule } else { Line::Part }
        });
        site.explain_placeholders(&mut ledger, &directives);
        ledger.close(judged, &directives).imported(site.write(), routes)
    }
}
