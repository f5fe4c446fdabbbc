//! `<Proxy>` sections: what holds for whatever is passed on to a URL (`proxy_walk` of `mod_proxy`).

use super::rule::{Act, Rule};
use super::scope::{Chain, Importer};
use super::target::Destination;
use super::worker::{comparable, literal};
use crate::targets::apache::syntax::{ProxyScope, Section, Statement};

/// For which of a rule's requests a section holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    All,
    Some,
    None,
}

impl Importer<'_> {
    /// Adds the `<Proxy>` sections of what a rule passes on. Returns whether one that guards is for some of its requests
    /// alone: those are none that the model can tell apart, so that the section is lost.
    pub(super) fn proxies(&mut self, rule: &Rule, chain: &mut Chain) -> bool {
        let Act::Forward(to, _) = &rule.act else { return false };
        let (mut found, mut partly) = (Vec::new(), false);
        for id in chain.iter().flatten().copied() {
            let Ok(Statement::Section(Section::Proxy(scope, _))) = &self.all[id].statement else {
                continue;
            };
            match holds(scope, to, &rule.url) {
                Holds::None => {}
                Holds::All => {
                    self.ledger.taken(id, "match");
                    self.reached.insert(id);
                    found.push(self.block(id));
                }
                Holds::Some => {
                    let block = self.block(id);
                    let why = "it holds for some of what is passed on to that server, which the model cannot tell apart";
                    if block.iter().any(|id| self.guards_something(*id)) {
                        partly = true;
                        self.lost_guard(id, why);
                    } else {
                        self.lost_block(id, why);
                    }
                }
            }
        }
        chain.extend(found);
        partly
    }
}

fn holds(scope: &ProxyScope, to: &Destination, url: &str) -> Holds {
    let scheme = match (to.balanced, to.upgrades, to.secure) {
        (true, ..) => "balancer",
        (_, true, true) => "wss",
        (_, true, false) => "ws",
        (_, false, true) => "https",
        (_, false, false) => "http",
    };
    let root = format!("{scheme}://{}/", to.authority).to_lowercase();
    match scope {
        ProxyScope::Everything => Holds::All,
        ProxyScope::Url(text) => {
            let text = text.to_lowercase();
            // What every URL of the rule begins with.
            let mut begin =
                comparable(url).map_or_else(String::new, |url| literal(&url).to_lowercase());
            if !begin.starts_with(&root) {
                begin.clone_from(&root);
            }
            let bare = without_port(&root).map(|bare| begin.replacen(&root, &bare, 1));
            let mut begins = [Some(begin), bare].into_iter().flatten();
            let balancer = to.balanced && text.trim_end_matches('/') == root.trim_end_matches('/');
            if balancer || begins.clone().any(|begin| begin.starts_with(&text)) {
                Holds::All
            } else if begins.any(|begin| text.starts_with(&begin)) {
                Holds::Some
            } else {
                Holds::None
            }
        }
        ProxyScope::Regex(pattern) => {
            let found = super::regex::is_found(pattern, false, &root);
            if found.unwrap_or(!pattern.ends_with('$')) { Holds::All } else { Holds::None }
        }
    }
}

/// A URL without the port that its scheme means anyway.
fn without_port(url: &str) -> Option<String> {
    let bare =
        url.strip_suffix(":80/").filter(|_| url.starts_with("http:") || url.starts_with("ws:"));
    let bare = bare.or_else(|| url.strip_suffix(":443/"))?;
    Some(format!("{bare}/"))
}
