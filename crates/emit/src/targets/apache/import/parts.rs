//! The parts of a rule's requests for which the same sections hold: what guards them, where their sections redirect to, and
//! what rules of `mod_rewrite` in a section make of them.

use super::access::Guard;
use super::location::Subject;
use super::rewrite::Context;
use super::rule::{Act, Rule};
use super::scope::{Chain, Importer};
use super::sections::{Cell, Scope};
use super::vhost::Vhost;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::targets::apache::syntax::{Place, RewriteOptions, Section, Statement};

/// A rule for requests for which the same sections hold.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) rule: Rule,
    /// The lists of directives that hold, the outermost first.
    pub(super) chain: Chain,
    /// The login that is asked for.
    pub(super) auth: Option<Draft>,
}

impl Importer<'_> {
    /// The parts of one rule, in the order in which the server decides.
    pub(super) fn parts(&mut self, vhost: &Vhost, scopes: &[Scope], rule: &Rule) -> Vec<Part> {
        let mut parts = Vec::new();
        if matches!(rule.act, Act::Answer(_) | Act::Placeholder) {
            self.answered_ahead(vhost, scopes, rule, &mut parts);
            return parts;
        }
        for cell in self.cells(rule, scopes) {
            self.cell(vhost, scopes, rule, &cell, &mut parts);
        }
        parts
    }

    /// Adds the parts of an answer that Apache gives ahead of all guards. Fields of the answer may stand in sections, though.
    fn answered_ahead(
        &mut self,
        vhost: &Vhost,
        scopes: &[Scope],
        rule: &Rule,
        parts: &mut Vec<Part>,
    ) {
        let mut cells = self.cells(rule, scopes);
        let matters = |list: &[Id]| list.iter().any(|id| self.all[*id].name == "header");
        let own = |cell: &Cell| cell.scopes.iter().any(|number| matters(&scopes[*number].list));
        let last = cells.len().saturating_sub(1);
        if !cells[..last].iter().any(own) {
            cells.drain(..last);
        }
        for cell in cells {
            let mut chain = self.chain_of_settings(vhost);
            let own: Vec<&Scope> = cell.scopes.iter().map(|number| &scopes[*number]).collect();
            chain.extend(own.iter().map(|scope| scope.list.clone()));
            let rule = Rule { condition: cell.condition.clone(), ..rule.clone() };
            parts.push(Part { rule, chain, auth: None });
        }
    }

    fn cell(
        &mut self,
        vhost: &Vhost,
        scopes: &[Scope],
        rule: &Rule,
        cell: &Cell,
        parts: &mut Vec<Part>,
    ) {
        let mut chain = self.chain_of_settings(vhost);
        let partly = self.proxies(rule, &mut chain);
        let own: Vec<&Scope> = cell.scopes.iter().map(|number| &scopes[*number]).collect();
        chain.extend(own.iter().map(|scope| scope.list.clone()));
        let mut id = rule.id;
        // A section that makes a route of its own is where that route comes from.
        if cell.condition != rule.condition {
            id = own.last().map_or(id, |scope| scope.id);
        }
        let base = Rule { id, condition: cell.condition.clone(), ..rule.clone() };
        let base = Rule { with: [&[rule.id], rule.with.as_slice()].concat(), ..base };
        let last = base.act == Act::Rest && rule.condition.is_always();
        let is_file = matches!(base.act, Act::Files | Act::Rest);
        let mut made = self.in_sections(&own, &base, vhost, &chain);
        if !last {
            let act = if is_file {
                Act::Answer(Draft::of("respond", Draft::of("status", 404_u64)))
            } else {
                base.act.clone()
            };
            made.push(Rule { act, ..base });
        }
        // Nothing is there that a login or a list of clients could keep anybody from.
        let nothing = Act::Answer(Draft::of("respond", Draft::of("status", 404_u64)));
        let is_nothing = is_file && made.iter().all(|rule| rule.act == nothing);
        if is_nothing && !self.refuses_all(&chain) {
            self.guards_files(&own);
            let part = |rule| Part { rule, chain: chain.clone(), auth: None };
            return parts.extend(made.into_iter().map(part));
        }
        for scope in &own {
            self.ledger.taken(scope.id, "match");
            self.reached.insert(scope.id);
        }
        let whole = || Rule { id, condition: cell.condition.clone(), ..rule.clone() };
        let mut guard = self.guard(&chain, vhost.tls);
        if partly && guard != Guard::Denied {
            guard = Guard::Unknown;
        }
        let forwards = made.iter().any(|rule| matches!(rule.act, Act::Forward(..)));
        if forwards && guard != Guard::Denied {
            self.reach(vhost, &chain);
        }
        match guard {
            Guard::Open => {
                let part = |rule| Part { rule, chain: chain.clone(), auth: None };
                parts.extend(made.into_iter().map(part));
            }
            Guard::Denied => {
                let act = Act::Answer(Draft::of("respond", Draft::of("status", 403_u64)));
                parts.push(Part { rule: Rule { act, ..whole() }, chain, auth: None });
            }
            Guard::Unknown => {
                parts.push(Part {
                    rule: Rule { act: Act::Placeholder, ..whole() },
                    chain,
                    auth: None,
                });
            }
            Guard::Login(auth) => {
                for mut rule in made {
                    if matches!(rule.act, Act::Answer(_)) && !is_file {
                        // The model answers it without a login.
                        self.ledger.opens(
                            rule.id,
                            "the model asks for no login ahead of an answer of its own",
                        );
                        rule.act = Act::Placeholder;
                    }
                    parts.push(Part { rule, chain: chain.clone(), auth: Some(auth.clone()) });
                }
            }
        }
    }

    /// Says that sections guard what is not passed on.
    fn guards_files(&mut self, scopes: &[&Scope]) {
        for scope in scopes {
            for id in scope.list.iter().copied() {
                let access = matches!(
                    self.all[id].statement,
                    Ok(Statement::Access(_) | Statement::Section(_))
                );
                if access && self.guards_something(id) {
                    self.beside(id, "it guards files, or pages of the server's own: the model answers 404 there, to everybody");
                }
            }
        }
    }

    /// What sections themselves do with requests: they redirect them, or their rules pass them on.
    fn in_sections(
        &mut self,
        scopes: &[&Scope],
        base: &Rule,
        vhost: &Vhost,
        chain: &Chain,
    ) -> Vec<Rule> {
        let mut redirects = self.redirects_of_place(scopes, base);
        for scope in scopes.iter().rev() {
            if self.is_of_variable(scope) {
                continue;
            }
            for rule in self.redirects(&scope.list) {
                redirects.extend(rule.within(&base.condition));
            }
        }
        let mut made = self.rewritten_in_sections(scopes, base, vhost, chain, &redirects);
        made.append(&mut redirects);
        made
    }

    /// Whether the answers of a section belong to a variable of rules.
    fn is_of_variable(&self, scope: &Scope) -> bool {
        matches!(
            &self.all[scope.id].statement,
            Ok(Statement::Section(Section::If(expression)))
                if super::sections::asks_for(expression).is_some()
        )
    }

    /// `Redirect` without a path: that of the innermost section holds, for all of its requests.
    fn redirects_of_place(&mut self, scopes: &[&Scope], base: &Rule) -> Vec<Rule> {
        for scope in scopes.iter().rev() {
            if self.is_of_variable(scope) {
                continue;
            }
            if let Some((id, act)) = self.redirect_of_section(&scope.list) {
                let rule = Rule::of(id, base.condition.clone(), act);
                return vec![rule];
            }
        }
        Vec::new()
    }

    /// Returns the rules of `mod_rewrite` in sections. These run ahead of the sections' redirects: a request that they refuse or
    /// redirect stays so, and one that they pass on is redirected all the same.
    fn rewritten_in_sections(
        &mut self,
        scopes: &[&Scope],
        base: &Rule,
        vhost: &Vhost,
        chain: &Chain,
        redirects: &[Rule],
    ) -> Vec<Rule> {
        let mut made = Vec::new();
        if base.ends {
            return made;
        }
        let rewriting =
            |list: &Vec<Id>| list.iter().any(|id| self.all[*id].name.starts_with("rewrite"));
        let inner: Vec<&&Scope> = scopes.iter().filter(|scope| rewriting(&scope.list)).collect();
        let Some(scope) = inner.last() else { return made };
        let engine = self.setting(chain, "rewriteengine");
        let on = engine.is_some_and(|id| self.is_on(id));
        if let Some(id) = engine {
            self.ledger.taken(id, "routes");
        }
        let mut list = scope.list.clone();
        if inner.len() > 1 && self.inherits(&list, &[]).is_some() {
            for outer in inner.iter().rev().skip(1) {
                list.extend(&outer.list);
            }
        }
        if !on {
            for id in list.iter().filter(|id| self.all[**id].name.starts_with("rewrite")) {
                self.ledger.dropped(*id, "`RewriteEngine` is off");
            }
            return made;
        }
        let prefix = match &self.all[scope.id].statement {
            Ok(Statement::Section(Section::Location(Place::Path(path)))) => path.clone(),
            _ => "/".to_owned(),
        };
        let subject = Self::subject(base, &prefix);
        for rule in self.rewritten(&list, vhost, Context::Location(&subject)) {
            let Some(mut rule) = rule.within(&base.condition) else { continue };
            let mut passes = matches!(rule.act, Act::Forward(..));
            if rule.act == Act::Resume {
                rule.act = match &base.act {
                    Act::Files | Act::Rest => {
                        Act::Answer(Draft::of("respond", Draft::of("status", 404_u64)))
                    }
                    act @ (Act::Forward(..) | Act::Answer(_) | Act::Placeholder | Act::Resume) => {
                        act.clone()
                    }
                };
                rule.parameters.clone_from(&base.parameters);
                rule.url.clone_from(&base.url);
                passes = true;
            }
            if passes {
                made.extend(redirects.iter().filter_map(|ahead| ahead.within(&rule.condition)));
            }
            made.push(rule);
        }
        made
    }

    /// What the patterns of rules in a section are looked for in.
    fn subject(base: &Rule, prefix: &str) -> Subject {
        let unknown = Subject { start: None, prefix: prefix.to_owned() };
        let Act::Forward(to, change) = &base.act else { return unknown };
        let scheme = match (to.balanced, to.upgrades, to.secure) {
            (true, ..) => "balancer",
            (_, true, true) => "wss",
            (_, true, false) => "ws",
            (_, false, true) => "https",
            (_, false, false) => "http",
        };
        let stem = prefix.trim_end_matches('/');
        let behind = match change {
            None => prefix.to_owned(),
            Some(change) => {
                let from = change.text(&["replace_prefix", "from"]);
                match (change.text(&["strip_prefix"]), from, change.text(&["replace_prefix", "to"]))
                {
                    (Some(from), ..) if from == stem => prefix[stem.len()..].to_owned(),
                    (_, Some(from), Some(to)) if from.trim_end_matches('/') == stem => {
                        format!("{to}{}", &prefix[stem.len()..])
                    }
                    _ => return unknown,
                }
            }
        };
        let start = Some(format!("proxy:{scheme}://{}{behind}", to.authority));
        Subject { start, prefix: prefix.to_owned() }
    }

    /// Whether a list takes the rules of the one around it: ahead of its own (`true`) or behind them.
    pub(super) fn inherits(&self, own: &[Id], outer: &[Id]) -> Option<bool> {
        let has = |list: &[Id], wanted: RewriteOptions| {
            list.iter().any(|id| {
                matches!(&self.all[*id].statement, Ok(Statement::RewriteOptions(all)) if all.contains(&wanted))
            })
        };
        if has(own, RewriteOptions::InheritBefore) {
            return Some(true);
        }
        let down =
            has(outer, RewriteOptions::InheritDown) && !has(own, RewriteOptions::IgnoreInherit);
        (has(own, RewriteOptions::Inherit) || down).then_some(false)
    }
}
