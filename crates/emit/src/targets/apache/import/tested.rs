//! The conditions ahead of one `RewriteRule`: each must hold, or with `[OR]` the next.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::{Matcher, matcher};
use super::placed::Rules;
use super::scope::Importer;
use super::vhost::Vhost;
use super::{policies, regex};
use crate::import::condition::Condition;
use crate::import::ledger::Id;
use crate::syntax::Unread;
use crate::targets::apache::syntax::Statement;
use crate::targets::apache::syntax::rewrite::{CondPattern, RewriteCond, RewriteRule};
use crate::targets::apache::syntax::template::{Part, Variable};
use wsgen_model::code::Code;

/// What the conditions of one rule come to.
pub(super) struct Tested {
    pub(super) condition: Condition,
    /// Variables of tables with the values that they must have.
    pub(super) asks: Vec<(String, String)>,
    /// Variables of rules with the values that they must have.
    pub(super) variables: Vec<(String, String)>,
    /// The pattern of the last one on the path.
    pub(super) pattern: Option<String>,
    /// Whether one looks at the first line of the request, to find the path as it came.
    pub(super) first_line: bool,
    /// The first condition that was not understood, and why.
    pub(super) unread: Option<(Id, String)>,
    /// Whether what was not understood depends on the server's state and not on the request.
    pub(super) of_state: bool,
}

impl Importer<'_> {
    /// Variables that every rule that sets them sets only where they are not set.
    pub(super) fn tables(&self, list: &[Id]) -> BTreeSet<String> {
        let (mut sets, mut guarded) = (BTreeMap::new(), BTreeMap::new());
        let mut asked: BTreeSet<String> = BTreeSet::new();
        // Variables of which a rule asks whether they are set.
        let mut tested: BTreeSet<String> = BTreeSet::new();
        for id in list {
            match &self.all[*id].statement {
                Ok(Statement::RewriteCond(cond)) => {
                    let undecided = !cond.negated
                        && !cond.or
                        && cond.pattern == CondPattern::Regex("^$".to_owned());
                    if let Some(variable) =
                        cond.test.variable().filter(|v| undecided && v.scope == "ENV")
                    {
                        asked.insert(variable.name.clone());
                        tested.insert(variable.name.clone());
                    }
                }
                Ok(Statement::RewriteRule(rule)) => {
                    for env in &rule.flags.env {
                        *sets.entry(env.name.clone()).or_insert(0) += 1;
                        // Nothing is set ahead of the first of them.
                        let first = !guarded.contains_key(&env.name);
                        let guards = first || asked.contains(&env.name);
                        *guarded.entry(env.name.clone()).or_insert(0) +=
                            usize::from(guards && env.value.is_some());
                    }
                    asked.clear();
                }
                _ => {}
            }
        }
        let all = |(name, count): (String, usize)| {
            (tested.contains(&name) && guarded.get(&name) == Some(&count)).then_some(name)
        };
        sets.into_iter().filter_map(all).collect()
    }

    /// All conditions of a rule: each must hold, or with `[OR]` the next.
    pub(super) fn tested(
        &mut self,
        ids: &[Id],
        rule: &RewriteRule,
        vhost: &Vhost,
        rules: &Rules<'_>,
    ) -> Tested {
        let mut all = Tested {
            condition: Condition::always(),
            asks: Vec::new(),
            variables: Vec::new(),
            pattern: None,
            first_line: false,
            unread: None,
            of_state: false,
        };
        let mut group: Option<Condition> = None;
        // What was not understood ahead of the group.
        let mut before = (None, false);
        for id in ids {
            let cond = match self.all[*id].statement.clone() {
                Ok(Statement::RewriteCond(cond)) => *cond,
                Ok(_) => continue,
                Err(Unread { why, .. }) => {
                    all.unread.get_or_insert((*id, why.into_owned()));
                    let unread = Condition::unread();
                    match group.take() {
                        Some(own) => group = Some(own.or(&unread)),
                        None => all.condition = all.condition.and(&unread),
                    }
                    continue;
                }
            };
            let single = group.is_none() && !cond.or;
            if group.is_none() {
                before = (all.unread.clone(), all.of_state);
            }
            self.guarding = refuses(rule);
            let condition = self.cond(*id, &cond, single, rule, vhost, rules, &mut all);
            self.guarding = false;
            if cond.negated && refuses(rule) && minds_case_of_upgrade(&cond) {
                self.ledger.opens(*id, "clients that write `Upgrade: WebSocket` in other letters are refused here, and pass in the model");
            }
            if !condition.is_read() && all.unread.is_none() {
                let why = format!("it tests `{}`, which the model cannot say", cond.test.text);
                all.of_state = is_state(&cond);
                all.unread = Some((*id, why));
            }
            let own = group.take().unwrap_or_else(Condition::never).or(&condition);
            if cond.or {
                group = Some(own);
            } else {
                all.condition = all.condition.and(&own);
            }
        }
        if let Some(id) = ids.last().filter(|_| group.is_some()) {
            // The server goes on to the rule whatever came of it (`apply_rewrite_rule`).
            let what = "`[OR]` stands on the last condition ahead of a rule: Apache goes on to the rule whether it holds or not";
            self.ledger.say(Code::IMPORT_BROKEN, self.span(*id), what, "take `OR` away");
            all.unread = before.0;
            all.of_state = before.1;
        }
        all
    }

    /// One condition.
    #[allow(clippy::too_many_arguments, reason = "a condition is read in the light of all of them")]
    fn cond(
        &mut self,
        id: Id,
        cond: &RewriteCond,
        single: bool,
        rule: &RewriteRule,
        vhost: &Vhost,
        rules: &Rules<'_>,
        all: &mut Tested,
    ) -> Condition {
        if let CondPattern::File(kind) = cond.pattern {
            return self.file_test(id, cond, kind);
        }
        if let CondPattern::Expression(expression) = &cond.pattern {
            return self.expression(id, expression, vhost);
        }
        let Some(matcher) = matcher(&cond.pattern, cond.no_case) else {
            return Condition::unread();
        };
        let Some(variable) = cond.test.variable() else {
            let literal = cond.test.literal().and_then(|text| matcher.fits(text));
            let constant = super::condition::constant(literal);
            return if cond.negated { constant.not() } else { constant };
        };
        if variable.scope.is_empty() && variable.name.eq_ignore_ascii_case("THE_REQUEST") {
            let finds =
                matches!(matcher, Matcher::Regex(pattern, _) if pattern.contains("(/[^? ]*)"));
            all.first_line = finds && !cond.negated;
            return if all.first_line { Condition::always() } else { Condition::unread() };
        }
        let of_path = variable.scope == "ENV" && rules.variables.is_path(&variable.name);
        if of_path || variable.scope.is_empty() && variable.name.eq_ignore_ascii_case("REQUEST_URI")
        {
            if let Matcher::Regex(pattern, no_case) = matcher {
                let (bare, normal) = policies::in_normal_form(pattern);
                if normal && !cond.negated {
                    // Every path of the model is in normal form; what is left says how it is changed.
                    all.pattern = (bare != "^").then_some(bare);
                    return Condition::always();
                }
                if !cond.negated && single && !rule.negated {
                    // The rule itself says the same, and no less.
                    let own = (rule.pattern.as_str(), rule.flags.no_case);
                    if rules.of_server() && regex::covers((pattern, no_case), own) {
                        all.pattern = Some(pattern.to_owned());
                        return Condition::always();
                    }
                }
                if !cond.negated {
                    all.pattern =
                        Some(if no_case { regex::any_case(pattern) } else { pattern.to_owned() });
                }
            }
            let uri = Variable { scope: String::new(), name: "REQUEST_URI".to_owned() };
            return self.variable(id, &uri, matcher, cond.negated, vhost);
        }
        if variable.scope == "ENV" && variable.name != "REDIRECT_STATUS" {
            let name = variable.name.as_str();
            if let (true, false, Matcher::Text(value, false)) = (single, cond.negated, matcher) {
                all.variables.push((name.to_owned(), value.to_owned()));
            }
            if rules.variables.is_table(name) {
                let undecided = matches!(matcher, Matcher::Regex("^$", _)) && !cond.negated;
                if undecided && rule.flags.env.iter().any(|env| env.name == name) {
                    // The first rule that sets it wins: so does the first route.
                    return Condition::always();
                }
                let value = match matcher {
                    Matcher::Text(text, false) => Some(text.to_owned()),
                    Matcher::Regex(pattern, false) => pattern
                        .strip_prefix('^')
                        .and_then(|text| text.strip_suffix('$'))
                        .and_then(regex::plain_text),
                    Matcher::Regex(..) | Matcher::Text(..) => None,
                };
                if let (true, false, Some(value), true) =
                    (single, cond.negated, value, all.asks.is_empty())
                {
                    all.asks.push((name.to_owned(), value));
                    return Condition::always();
                }
            }
            let held = rules.variables.test(name, matcher);
            return if cond.negated { held.not() } else { held };
        }
        self.variable(id, variable, matcher, cond.negated, vhost)
    }

    /// `-f`, `-d` and the like: the model has no files.
    fn file_test(&mut self, id: Id, cond: &RewriteCond, kind: char) -> Condition {
        let of_request = cond.test.parts.iter().any(|part| !matches!(part, Part::Text(_)));
        if !of_request || !"fdslhL".contains(kind) {
            return Condition::unread();
        }
        if cond.negated {
            self.beside(id, "files that are there were served first");
            return Condition::always();
        }
        self.beside(id, "files that are there are served beside the proxy");
        Condition::never()
    }
}

/// Whether the server answers with an error by itself.
fn refuses(rule: &RewriteRule) -> bool {
    let flags = &rule.flags;
    flags.forbidden || flags.gone || flags.redirect.is_some_and(|status| status >= 400)
}

/// Whether a condition holds for some spellings of `websocket` alone.
fn minds_case_of_upgrade(cond: &RewriteCond) -> bool {
    let upgrade = cond.test.variable().is_some_and(|variable| {
        variable.scope == "HTTP" && variable.name.eq_ignore_ascii_case("Upgrade")
    });
    let Some(matcher) = matcher(&cond.pattern, cond.no_case).filter(|_| upgrade) else {
        return false;
    };
    matcher.fits("websocket") == Some(true) && matcher.fits("WebSocket") == Some(false)
}

/// Whether a test depends on the server's state and not on the request.
fn is_state(cond: &RewriteCond) -> bool {
    let time = |name: &str| name.to_ascii_uppercase().starts_with("TIME");
    let of_time = cond.test.variable().is_some_and(|v| v.scope.is_empty() && time(&v.name));
    of_time || matches!(cond.pattern, CondPattern::File(_)) && cond.test.literal().is_some()
}
