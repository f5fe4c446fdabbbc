//! Apache's configuration, read back: by its own rules of sections, of rewriting, and of which part of it comes first.

// A new directive or flag must not fall into an arm that was written before it (docs/decisions/reading.md).
#![deny(clippy::wildcard_enum_match_arm)]

mod access;
mod answer;
mod checks;
mod condition;
mod edits;
mod fields;
mod location;
mod login;
mod out_of_scope;
mod parts;
mod passes;
mod placed;
mod policies;
mod proxied;
mod reach;
mod regex;
pub(super) mod relocate;
mod rest;
mod rewrite;
mod route;
mod rule;
mod scope;
mod sections;
mod substitution;
mod target;
mod tested;
mod tls;
mod tree;
mod upstream;
mod variables;
mod version;
mod vhost;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wsgen_model::code::Code;
use wsgen_model::source::{Source, SourceId, Sources};

use self::parts::Part;
use self::rewrite::Context;
use self::rule::{Act, Rule};
use self::scope::Importer;
use self::tree::Reading;
use self::vhost::Vhost;
use self::worker::Workers;
use crate::import::condition::{Clause, Condition};
use crate::import::draft::{Draft, Site, words};
use crate::import::hostnames::covers_host;
use crate::import::ledger::{Id, Ledger};
use crate::import::matcher::PathMatcher;
use crate::import::rules::{self, Bound};
use crate::import::{Files, Imported};

/// Reads files of Apache.
pub(super) fn import(sources: &mut Sources, ids: &[SourceId], files: &mut dyn Files) -> Imported {
    let mut ledger = Ledger::default();
    let mut reading = Reading::new(sources, files, &mut ledger);
    let mut top = Vec::new();
    for id in ids {
        top.extend(reading.file(*id));
    }
    let (all, budget) = reading.finish();
    budget.close(&mut ledger);
    let around = top.iter().copied().filter(|id| all[*id].name != "virtualhost").collect();
    let source = ids.first().and_then(|id| sources.get(*id));
    let site = Site::new(source.map(Source::name));
    let mut importer = Importer {
        sources,
        all,
        ledger,
        site,
        top,
        around,
        upstreams: BTreeMap::new(),
        reached: BTreeSet::new(),
        policies: Vec::new(),
        handshakes: BTreeSet::new(),
        tables: BTreeSet::new(),
        guarding: false,
        workers: Workers::default(),
        servers: BTreeSet::new(),
        plain: Vec::new(),
        beginnings: BTreeMap::new(),
        asking: Vec::new(),
        settings_around: Vec::new(),
        reaching: BTreeSet::new(),
        reversed: BTreeSet::new(),
    };
    importer.settings_around = importer.settings_of(&importer.around);
    let mut vhosts = importer.vhosts();
    vhost::claims(&mut vhosts);
    importer.servers.extend(vhosts.iter().map(|vhost| vhost.settings.clone()));
    let bounds = importer.listeners(&vhosts);
    for (number, vhost) in vhosts.iter().enumerate() {
        importer.routes(number, &vhosts, &bounds);
        importer.reached.extend(vhost.id);
    }
    for id in importer.site.fill() {
        importer.ledger.lost(id, crate::import::rewritten::NO_SUCH_PREFIX);
    }
    importer.rest();
    importer.close()
}

impl Importer<'_> {
    /// The routes of a virtual host.
    fn routes(&mut self, number: usize, vhosts: &[Vhost], bounds: &[(String, Bound)]) {
        let vhost = &vhosts[number];
        let bound = |rest: bool| -> Rc<[Bound]> {
            bounds
                .iter()
                .filter(|(address, _)| vhost.addresses.contains(address))
                .filter(|(address, _)| vhost.rest_of.contains(address) == rest)
                .map(|(_, bound)| Bound { tls: vhost.tls, ..bound.clone() })
                .collect()
        };
        let (first, named) = (bound(true), bound(false));
        // Without a name, only what nobody claims comes here.
        if first.is_empty() && vhost.names.is_empty() {
            let Some(id) = vhost.id else { return };
            return if vhost.unsaid {
                // Without its names it would take what belongs to others.
                self.lost_block(id, "its names are none that the model can say");
            } else {
                let why = "another virtual host of its address takes all of its hosts";
                let what = format!("no request reaches this `<VirtualHost>`: {why}");
                let help = "give it a `ServerName` of its own, or delete it";
                self.ledger.say(Code::UNREACHABLE_ROUTE, self.span(id), &what, help);
                self.dropped_block(id, why);
            };
        }
        self.workers(vhost);
        let scopes = self.sections(vhost);
        let mut parts = Vec::new();
        for rule in self.ordered(vhost, &scopes) {
            parts.extend(self.parts(vhost, &scopes, &rule));
        }
        let fields: Vec<(Part, Draft)> = parts
            .into_iter()
            .map(|part| {
                let fields = self.fields(vhost, &part);
                (part, fields)
            })
            .collect();
        let others = claimed_by_others(number, vhosts);
        // A wildcard of another one would take them from the one that takes the rest.
        let covered = vhost.names.iter().filter(|name| others.iter().any(|o| covers_host(o, name)));
        let covered: Vec<String> = covered.cloned().collect();
        let all_names = vhost.names.clone();
        // What ends a list by answering 404 to all says what a model without a route says.
        let ends = fields.len() > 1 && fields.last().is_some_and(|(part, _)| is_nothing(part));
        let kept = &fields[..fields.len() - usize::from(ends)];
        let names_all = kept.iter().any(|(part, _)| {
            let every = |clause: &Clause| {
                clause.hosts.is_empty()
                    && clause.not_hosts.is_empty()
                    && clause.tls.is_none_or(|tls| tls == vhost.tls)
            };
            part.rule.condition.clauses().iter().any(every)
        });
        for (bounds, names, rest) in
            [(first.clone(), covered, false), (first, Vec::new(), true), (named, all_names, false)]
        {
            if bounds.is_empty() || !rest && names.is_empty() {
                continue;
            }
            let mut settled: Vec<rules::Rule> = Vec::new();
            for (part, fields) in kept {
                let condition = if rest {
                    free(&part.rule.condition, &others)
                } else {
                    let hosts = names.clone();
                    part.rule.condition.and(&Condition::of(Clause { hosts, ..Clause::default() }))
                };
                let alone = vhost.rest_of.len() == vhost.addresses.len();
                settled.push(self.settled_rule(
                    vhost,
                    part,
                    condition,
                    &bounds,
                    rest && alone,
                    fields,
                ));
            }
            if !names_all && !rest && vhosts.len() > 1 {
                // Its hosts fall to no other virtual host.
                let hosts = names.clone();
                let condition = Condition::of(Clause { hosts, ..Clause::default() });
                let rule = Rule::of(vhost.id.unwrap_or(0), condition.clone(), Act::Files);
                let part = Part { rule, chain: Vec::new(), auth: None };
                let answer = Draft::of("respond", Draft::of("status", 404_u64));
                settled.push(self.settled_rule(vhost, &part, condition, &bounds, false, &answer));
            }
            self.settle(&settled);
        }
        if let Some(root) = self.named(&vhost.list, "documentroot").last().copied()
            && !fields.iter().any(|(part, _)| {
                part.rule.condition.clauses().iter().any(|clause| clause.paths.is_empty())
            })
        {
            self.beside(root, "files are served beside the proxy");
        }
    }

    /// Puts rules into the model, and says which of them no request reaches.
    fn settle(&mut self, settled: &[rules::Rule]) {
        let unmatched = Draft::of("respond", Draft::of("status", 404_u64));
        let settled = self.site.settle_rules(settled, &unmatched);
        self.placeholders(settled.placeholders);
    }

    /// Loses every rule that has left a placeholder, with its conditions, where nothing else was said of it.
    fn placeholders(&mut self, all: Vec<Vec<Id>>) {
        let why = "some of its requests, or of those of a rule ahead of it, are none that the model can tell apart from others";
        for ids in all {
            if ids.iter().any(|id| self.ledger.is_lost(*id)) {
                continue;
            }
            for id in ids {
                // A virtual host's own line stands for the requests that no rule takes.
                if self.all[id].name == "virtualhost" {
                    continue;
                }
                let block = self.block(id);
                if self.guards_something(id) || block.iter().any(|id| self.guards_something(*id)) {
                    self.ledger.opens(id, why);
                } else {
                    self.ledger.lost(id, why);
                }
            }
        }
    }

    fn settled_rule(
        &self,
        vhost: &Vhost,
        part: &Part,
        condition: Condition,
        bounds: &Rc<[Bound]>,
        every_host: bool,
        fields: &Draft,
    ) -> rules::Rule {
        let rule = &part.rule;
        let path = part.rule.condition.clauses().first().and_then(|clause| clause.paths.first());
        let path = path.map(|path| match path {
            PathMatcher::Exact(text)
            | PathMatcher::Prefix(text)
            | PathMatcher::StartsWith(text)
            | PathMatcher::Regex(text) => words(text),
        });
        let host = vhost.names.first().map_or("", String::as_str);
        let kind = if fields.get(&["redirect"]).is_some() { "redirect" } else { "" };
        let mut origin = self.origin(rule.id);
        if !vhost.names.is_empty() && every_host {
            origin = format!("{origin} ({} and every other host)", vhost.names.join(", "));
        }
        let mut ids = vec![rule.id];
        ids.extend(rule.with.iter().filter(|id| **id != rule.id));
        rules::Rule {
            ids,
            origin,
            called: format!("{host} {kind} {}", path.unwrap_or_default()),
            bounds: bounds.clone(),
            condition,
            fields: fields.clone(),
        }
    }

    /// All rules of a virtual host, in the order in which Apache asks them.
    fn ordered(&mut self, vhost: &Vhost, scopes: &[sections::Scope]) -> Vec<Rule> {
        let chain = vhost.chain(&self.around);
        let rewrites = self.rewrites(vhost);
        let mut later = self.passes(vhost, scopes);
        for list in chain.iter().rev() {
            later.extend(self.redirects(list));
        }
        if let Some(id) = vhost.id.or_else(|| self.top.first().copied()) {
            later.push(Rule::of(id, Condition::always(), Act::Rest));
        }
        let mut all = Vec::new();
        for rule in rewrites {
            if rule.act != Act::Resume {
                all.push(rule);
                continue;
            }
            for next in &later {
                all.extend(next.within(&rule.condition).map(|next| Rule {
                    with: [&[rule.id], rule.with.as_slice()].concat(),
                    ends: rule.ends,
                    ..next
                }));
            }
        }
        all.append(&mut later);
        all
    }

    /// The rules of `mod_rewrite` of a virtual host, where its engine is on.
    fn rewrites(&mut self, vhost: &Vhost) -> Vec<Rule> {
        let around = self.around.clone();
        let of = |list: &[Id]| -> Vec<Id> {
            list.iter().copied().filter(|id| self.all[*id].name.starts_with("rewrite")).collect()
        };
        let (own, outer) = (of(&vhost.list), of(&around));
        let own_engine = self.named(&vhost.list, "rewriteengine").last().copied();
        let engine = own_engine.or_else(|| self.named(&around, "rewriteengine").last().copied());
        if let Some(id) = engine {
            self.ledger.taken(id, "routes");
        }
        // A part of a virtual host leaves that word to whoever includes it.
        let on = engine.map_or(vhost.id.is_none(), |id| self.is_on(id));
        let mut list = own.clone();
        if vhost.id.is_some() {
            match self.inherits(&own, &outer) {
                Some(true) => list = [outer.as_slice(), &own].concat(),
                Some(false) => list.extend(&outer),
                None => {}
            }
        }
        if !on {
            for id in list {
                self.ledger.dropped(id, "`RewriteEngine` is off");
            }
            return Vec::new();
        }
        self.policies.clear();
        self.rewritten(&list, vhost, Context::Server)
    }
}

/// Whether a part answers 404 to every request.
fn is_nothing(part: &Part) -> bool {
    let nothing = Act::Answer(Draft::of("respond", Draft::of("status", 404_u64)));
    part.rule.act == nothing && part.rule.condition.is_always()
}

/// The names of other virtual hosts of the addresses of which one takes the rest.
fn claimed_by_others(number: usize, vhosts: &[Vhost]) -> Vec<String> {
    let own = &vhosts[number];
    if own.rest_of.is_empty() {
        return Vec::new();
    }
    let others = vhosts.iter().enumerate().filter(|(other, vhost)| {
        *other != number && vhost.addresses.iter().any(|address| own.rest_of.contains(address))
    });
    let names = others.flat_map(|(_, vhost)| vhost.names.iter());
    names.filter(|name| !own.names.contains(name)).cloned().collect()
}

/// A condition without the hosts that other virtual hosts take.
fn free(condition: &Condition, others: &[String]) -> Condition {
    let mut all = Condition::never();
    for clause in condition.clauses() {
        let mut clause = clause.clone();
        if !clause.hosts.is_empty() {
            clause.hosts.retain(|host| !others.iter().any(|other| covers_host(other, host)));
            if clause.hosts.is_empty() {
                continue;
            }
        }
        all = all.or(&Condition::of(clause));
    }
    all
}

#[cfg(test)]
mod kinds;
#[cfg(test)]
mod kinds_of_order;
#[cfg(test)]
mod tests;
