//! Whether handshakes reach an upstream, by the fields that nginx sends.

use wsgen_model::code::Code;
use wsgen_model::scalar::TargetVersion;
use wsgen_model::source::Span;

use super::scope::{Chain, Importer};
use crate::import::ledger::Id;
use crate::subject::Subject;

/// The first version in which `proxy_http_version` is 1.1 where it is not written (CHANGES of 1.29.7).
const SENDS_HTTP_1_1: TargetVersion = TargetVersion::new(1, 29, 7);

/// What the fields of requests say of WebSockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upgrades {
    /// Handshakes pass.
    Yes,
    /// None was meant to.
    No,
    /// They were meant to and cannot.
    Broken,
}

impl Importer<'_> {
    /// Whether handshakes reach the upstream: by what nginx sends, whatever a strict server makes of it.
    pub(super) fn upgrades(&mut self, chain: &Chain, upgrade: Option<Id>, pass: Id) -> Upgrades {
        let version = self.setting(chain, "proxy_http_version");
        if let Some(id) = version {
            self.ledger.taken(id, "websocket.mode");
        }
        let Some(upgrade) = upgrade else {
            self.hidden(chain, pass);
            return Upgrades::No;
        };
        let span = self.span(upgrade);
        let text = self.text(upgrade, 1);
        let sent = self.for_handshake(&text);
        if sent.as_deref().is_some_and(|sent| !sent.eq_ignore_ascii_case("websocket")) {
            return Upgrades::No;
        }
        let said = self.settings(chain, "proxy_set_header").into_iter().any(|id| {
            self.tree.argument(id, 0).eq_ignore_ascii_case("connection") && {
                let text = self.text(id, 1);
                self.says_upgrade(&text)
            }
        });
        if !said {
            let what =
                "`Connection` does not say `upgrade`, so that no server takes this handshake";
            let help = "it did not work before; take `mode: deny` away to let WebSockets pass";
            self.ledger.say(Code::IMPORT_BROKEN, span, what, help);
            return Upgrades::Broken;
        }
        self.tell_protocol(span, version);
        Upgrades::Yes
    }

    /// Says with which version of HTTP a handshake goes on, where strict servers refuse it.
    fn tell_protocol(&mut self, span: Span, version: Option<Id>) {
        let (what, help) = match version.map(|id| self.tree.argument(id, 0)) {
            Some("1.1") => return,
            Some("2") => (
                "nginx sends this handshake with HTTP/2, which has no `Upgrade`",
                "write `proxy_http_version 1.1;` here; the imported route sends HTTP/1.1",
            ),
            None if self.version.is_some_and(|version| version >= SENDS_HTTP_1_1) => return,
            None if self.version.is_none() => (
                "nginx sends this handshake with HTTP/1.0 up to version 1.29.6: some servers take it, strict ones answer 505 or 426",
                "write `proxy_http_version 1.1;` beside it, or say which version runs it, as in `--from nginx@1.30`; the imported route sends HTTP/1.1",
            ),
            _ => (
                "nginx sends this handshake with HTTP/1.0: some servers take it, strict ones answer 505 or 426",
                "write `proxy_http_version 1.1;` beside it; the imported route sends HTTP/1.1",
            ),
        };
        self.ledger.say(Code::IMPORT_DIFFERS, span, what, help);
        self.ledger.announces(span, &[Subject::Handshake], what);
    }

    /// Lines of this name further out that lines of the location hide (`ngx_http_proxy_module`, "`proxy_set_header`").
    pub(super) fn hidden(&mut self, chain: &Chain, pass: Id) {
        let of = |list: &Vec<Id>, tree: &super::tree::Tree| {
            tree.named(list, "proxy_set_header").collect::<Vec<_>>()
        };
        let lists: Vec<Vec<Id>> = chain.iter().map(|list| of(list, &self.tree)).collect();
        let Some(at) = lists.iter().rposition(|list| !list.is_empty()) else { return };
        let names = |list: &[Id]| -> Vec<String> {
            list.iter().map(|id| self.tree.argument(*id, 0).to_owned()).collect()
        };
        let own = names(&lists[at]);
        let mut hidden: Vec<String> = Vec::new();
        for list in lists[..at].iter().filter(|list| !list.is_empty()) {
            for name in names(list) {
                let known =
                    |list: &[String]| list.iter().any(|own| own.eq_ignore_ascii_case(&name));
                if !known(&own) && !known(&hidden) {
                    hidden.push(name);
                }
            }
        }
        let Some(first) = lists[at].first().copied().filter(|_| !hidden.is_empty()) else { return };
        let sockets = hidden.iter().any(|name| name.eq_ignore_ascii_case("upgrade"));
        let what = format!(
            "`proxy_set_header {}` here hides {} further out{}",
            self.tree.argument(first, 0),
            hidden.join(", "),
            if sockets { ": WebSockets do not pass" } else { "" }
        );
        let help = "repeat the lines here, or move this one out: a block has the lines of its own or those around it";
        let code = if sockets { Code::IMPORT_BROKEN } else { Code::IMPORT_DIFFERS };
        let _ = pass;
        self.ledger.say(code, self.span(first), &what, help);
    }

    /// The `http` block, where the configuration stands in one file.
    fn made_of_http(&self) -> Option<Id> {
        let types = |id: usize| self.tree.argument(id, 0).ends_with("mime.types");
        let others = |id: usize| self.tree.all[id].name == "include" && !types(id);
        if (0..self.tree.all.len()).any(others) {
            return None;
        }
        self.tree.named(&self.tree.top, "http").next()
    }

    /// Whether a value of `Connection` lets a handshake pass.
    pub(super) fn says_upgrade(&mut self, text: &str) -> bool {
        match self.for_handshake(text) {
            Some(sent) => sent.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade")),
            // Everybody calls it so; its map is in another file.
            None => {
                let usual =
                    text == "$connection_upgrade" && !self.maps.contains_key("connection_upgrade");
                if usual && let Some(id) = self.made_of_http() {
                    let what = "nginx refuses to start: unknown \"connection_upgrade\" variable";
                    let help = "write `map $http_upgrade $connection_upgrade { default upgrade; '' close; }` into `http`";
                    self.ledger.say(Code::IMPORT_MISSING, self.span(id), what, help);
                }
                usual
            }
        }
    }
}
