//! `RewriteRule` lines with the conditions ahead of them, in the order of their list: what each does with which requests.

use super::condition::Matcher;
use super::placed::{Rules, without_handshake};
use super::rule::{Act, Rule};
use super::scope::Importer;
use super::substitution::{Groups, change};
use super::target::destination;
use super::tested::Tested;
use super::variables::{Set, Variables};
use super::vhost::Vhost;
use super::{location, regex};
use crate::import::condition::{Clause, Condition};
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::targets::apache::syntax::rewrite::RewriteRule;
use crate::targets::apache::syntax::{self, Statement};

/// Where a list of rules stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Context<'a> {
    /// In a virtual host or outside of all: a pattern is looked for in the path.
    Server,
    /// In a section of a path: a pattern is looked for in what the server has made of the request so far.
    Location(&'a location::Subject),
}

impl Importer<'_> {
    /// The rules that a list of directives makes, in their order.
    pub(super) fn rewritten(
        &mut self,
        list: &[Id],
        vhost: &Vhost,
        context: Context<'_>,
    ) -> Vec<Rule> {
        let tables = self.tables(list);
        self.tables.extend(tables.iter().cloned());
        let mut rules = Rules {
            context,
            variables: Variables::new(tables),
            made: Vec::new(),
            uses: Vec::new(),
            skipped: Vec::new(),
            chain: None,
        };
        let mut conditions: Vec<Id> = Vec::new();
        for (at, id) in list.iter().copied().enumerate() {
            match self.all[id].name.as_str() {
                "rewritecond" => conditions.push(id),
                "rewriterule" => {
                    let own = std::mem::take(&mut conditions);
                    if matches!(context, Context::Server) && self.policy(id, &own) {
                        continue;
                    }
                    self.rule(id, &own, at, vhost, &mut rules);
                }
                _ => {}
            }
        }
        for id in conditions {
            self.ledger.lost(id, "no rule follows it");
        }
        if matches!(context, Context::Server) {
            for (asked, id, draft) in self.fixed(vhost) {
                let mut rule = Rule::of(id, Condition::always(), Act::Answer(draft));
                rule.variables = vec![asked.clone()];
                rules.uses.push((asked.0, asked.1, usize::MAX - 1, rule));
            }
        }
        self.placed(rules)
    }

    fn rule(&mut self, id: Id, ids: &[Id], at: usize, vhost: &Vhost, rules: &mut Rules<'_>) {
        let refused = ids.iter().chain([&id]).find_map(|id| {
            let why = syntax::refused(&self.all[*id].name, &self.all[*id].words)?;
            Some((*id, why))
        });
        if let Some((at, why)) = refused {
            let help = "Apache does not start with it; what stands around it is read all the same";
            self.ledger.say(wsgen_model::code::Code::IMPORT_SYNTAX, why.span, &why.why, help);
            for id in ids.iter().copied().chain([id]) {
                let why = if id == at { why.why.as_ref() } else { "Apache refuses the rule" };
                self.ledger.lost(id, why);
            }
            return;
        }
        let rule = match self.all[id].statement.clone() {
            Ok(Statement::RewriteRule(rule)) => *rule,
            Ok(_) => return,
            Err(why) => {
                // Which requests it is for is not known.
                self.lost_rule(id, ids, &why.why, true);
                let pattern = syntax::rewrite::pattern_of(&self.all[id].words);
                let pattern = pattern.filter(|(_, negated)| !negated);
                let path = pattern.and_then(|(pattern, _)| regex::path(pattern, false));
                let path = path.filter(|path| !path.is_root());
                let clause = Clause { paths: path.into_iter().collect(), ..Clause::default() };
                let condition = Condition::of(clause).and(&Condition::unread());
                rules.made.push(((at, 0, 0), Rule::of(id, condition, Act::Placeholder)));
                return;
            }
        };
        let tested = self.tested(ids, &rule, vhost, rules);
        let own = Self::pattern(&rule, rules.context);
        // Where both look at the path, the condition is the narrower one.
        let reach = rules.reach();
        let read = own.is_read();
        let condition = tested.condition.and(&own).and(&reach);
        rules.remember(&rule, &condition, &tested.asks);
        self.set(id, &rule, &tested, &condition, at, rules);
        if condition.is_never() {
            for id in ids.iter().copied().chain([id]) {
                self.ledger.dropped(id, "it holds for no request that comes here");
            }
            return;
        }
        let act = self.act(id, &rule, &tested, vhost, rules);
        let answers = matches!(act, Ok(Some(Act::Answer(_))));
        for id in ids {
            self.ledger.taken(*id, "match");
        }
        if let Some((cond, why)) = &tested.unread {
            self.lost_rule(id, ids, "its conditions ask for what the model does not know", answers);
            if answers {
                self.ledger.opens(*cond, why);
                if tested.of_state {
                    // Most requests pass it.
                    return;
                }
            } else {
                self.ledger.lost(*cond, why);
            }
        } else if !condition.is_read() {
            let why = if read {
                "for which requests it is depends on rules ahead in a way that the model cannot say"
            } else {
                "the regex is none that PCRE and RE2 read alike, or is looked for in what the server has made of the path"
            };
            self.lost_rule(id, ids, why, answers);
        }
        let act = match act {
            Ok(None) => return,
            Ok(Some(act)) => act,
            Err(why) => {
                self.ledger.lost(id, why);
                Act::Placeholder
            }
        };
        let mut made = Rule::of(id, condition, act);
        made.with = ids.to_vec();
        made.ends = rule.flags.end;
        made.url = rule.substitution.as_ref().map_or_else(String::new, |to| to.text.clone());
        made.variables.clone_from(&tested.variables);
        if self.requires(&tested.variables) {
            // What asks for no WebSocket is refused by a rule of its own, and belongs to the route.
            made.condition = without_handshake(&made.condition);
        }
        match tested.asks.into_iter().next() {
            Some((name, value)) => rules.uses.push((name, value, at, made)),
            None => rules.made.push(((at, 0, 0), made)),
        }
    }

    /// A rule that is lost with its conditions; one that refuses guards something.
    fn lost_rule(&mut self, id: Id, conditions: &[Id], why: &str, guards: bool) {
        for id in conditions.iter().copied().chain([id]) {
            if guards {
                self.ledger.opens(id, why);
            } else {
                self.ledger.lost(id, why);
            }
        }
    }

    /// The requests that a rule's pattern is found in.
    fn pattern(rule: &RewriteRule, context: Context<'_>) -> Condition {
        let found = match context {
            Context::Location(subject) => subject.found(&rule.pattern, rule.flags.no_case),
            Context::Server => match regex::path(&rule.pattern, rule.flags.no_case) {
                Some(path) if path.is_root() => Condition::always(),
                Some(path) => Condition::of(Clause { paths: vec![path], ..Clause::default() }),
                None => Condition::unread(),
            },
        };
        if rule.negated { found.not() } else { found }
    }

    /// Variables that a rule sets.
    fn set(
        &mut self,
        id: Id,
        rule: &RewriteRule,
        tested: &Tested,
        condition: &Condition,
        at: usize,
        rules: &mut Rules<'_>,
    ) {
        for env in &rule.flags.env {
            let text = env.value.as_ref().map_or("", |value| value.text.as_str());
            if tested.first_line && text == "%1" {
                rules.variables.set_path(&env.name);
                continue;
            }
            let handshake = Clause { websocket: Some(true), ..Clause::default() };
            if *condition == Condition::of(handshake) {
                self.handshakes.insert(env.name.clone());
            }
            let value = match &env.value {
                None => Some(String::new()),
                Some(value) => value.literal().map(str::to_owned),
            };
            let condition = if tested.asks.is_empty() {
                condition.clone()
            } else {
                let mut all = condition.clone();
                for (name, value) in &tested.asks {
                    all = all.and(&rules.variables.test(name, Matcher::Text(value, false)));
                }
                all
            };
            rules.variables.set(&env.name, Set { value, condition, at, id });
        }
    }

    /// What a rule does; nothing where it only sets variables.
    fn act(
        &mut self,
        id: Id,
        rule: &RewriteRule,
        tested: &Tested,
        vhost: &Vhost,
        rules: &Rules<'_>,
    ) -> Result<Option<Act>, &'static str> {
        let flags = &rule.flags;
        let answer = |status: u16| {
            Ok(Some(Act::Answer(Draft::of("respond", Draft::of("status", u64::from(status))))))
        };
        if flags.cookie.is_some() {
            self.ledger.lost(id, "a cookie is set for some requests, which the model cannot say");
        }
        if flags.forbidden || flags.gone {
            self.ledger.taken(id, "respond");
            return answer(if flags.forbidden { 403 } else { 410 });
        }
        let template = rule.substitution.as_ref();
        let to = template.map_or("-", |template| template.text.as_str());
        let to = rules.variables.paths().fold(to.to_owned(), |to, name| {
            to.replace(&format!("%{{ENV:{name}}}"), "%{REQUEST_URI}")
        });
        let elsewhere =
            !flags.proxy && ["http://", "https://"].iter().any(|scheme| to.starts_with(scheme));
        match flags.redirect.or(elsewhere.then_some(302)) {
            Some(status @ 300..=399) => {
                if elsewhere && flags.redirect.is_none() && vhost.is_own_url(&to) {
                    return Err(
                        "the server takes its own name away and changes the path, for files or for other rules",
                    );
                }
                let redirect =
                    self.redirect_of(id, rule, &to, tested.pattern.as_deref(), status)?;
                self.ledger.taken(id, "redirect");
                return Ok(Some(Act::Answer(Draft::of("redirect", redirect))));
            }
            Some(status) => {
                self.ledger.taken(id, "respond");
                // What every model says anyway.
                let connect = |clause: &Clause| clause.methods == ["CONNECT"];
                if tested.condition.clauses().iter().all(connect) {
                    return Ok(None);
                }
                return match status {
                    200..=599 => answer(status),
                    _ => Err("this is no status of an answer"),
                };
            }
            None => {}
        }
        if flags.handler.is_some() {
            return Err("it gives the request to a handler");
        }
        if flags.proxy {
            let Some((destination, rest)) = destination(&to) else {
                return Err(
                    "where it leads is computed for each request, or no proxy of HTTP does it",
                );
            };
            if flags.query_discard {
                return Err("it takes the query away, which the model passes on as it came");
            }
            if flags.escape_groups && to.contains(['$', '%']) {
                return Err("it percent-encodes the parts of the path");
            }
            let groups = Groups {
                rule: &rule.pattern,
                no_case: flags.no_case,
                condition: tested.pattern.as_deref(),
            };
            let of_group = rest.starts_with(['$', '%']) && !rest.starts_with("%{");
            if of_group && !rule.pattern.contains("(/") && !regex::is_every_path(&rule.pattern) {
                self.differs(id, "where the path goes on without a slash, it runs into the name of the host: Apache answers 400 or 500");
            }
            let change = match rules.context {
                Context::Server => change(&rest, groups)?,
                Context::Location(subject) => subject.change(&rest, groups)?,
            };
            self.ledger.taken(id, "upstream");
            return Ok(Some(Act::Forward(destination, change)));
        }
        let Some(template) = template else {
            self.ledger.taken(id, "match");
            let stops = flags.last || flags.end || flags.pass_through;
            if flags.next {
                return Err("the rules begin anew");
            }
            return Ok(stops.then_some(Act::Resume));
        };
        let same = template.text == "%{REQUEST_URI}"
            || template.text == "$0" && regex::is_every_path(&rule.pattern);
        if same && matches!(rules.context, Context::Server) {
            self.ledger.taken(id, "match");
            return Ok((flags.last || flags.end).then_some(Act::Resume));
        }
        Err("a path that is changed on the way, for files or for other rules")
    }
}
