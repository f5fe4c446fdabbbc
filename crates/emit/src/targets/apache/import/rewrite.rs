//! `RewriteRule` lines with the conditions ahead of them: they come before `ProxyPass`, in the order of the file.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::{Asked, flags};
use super::scope::Importer;
use super::target::{Destination, destination};
use super::vhost::Vhost;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::pattern::{any_case, around, path, prefix_change, rewrites, stripped, whole};
use crate::import::way::{Way, Ways, both, negation};

/// What a rule does.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Passes the request on, with the path changed.
    Forward(Destination, Option<Draft>),
    /// Answers by itself.
    Answer(Draft),
}

/// A rule on its way to a route.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) id: Id,
    pub(super) ways: Ways,
    pub(super) act: Act,
    /// What a section around it says: `<Location>`, or an `<If>` on the variable that it asks for.
    pub(super) scopes: Vec<Vec<Id>>,
    /// Parameters of its worker.
    pub(super) parameters: Vec<String>,
    /// The variables that it asks for, with their values.
    pub(super) variables: Vec<(String, String)>,
}

/// A variable of rules.
#[derive(Default)]
struct Variable {
    sets: Vec<Set>,
    /// Whether a rule that sets it asks whether it is set.
    first_wins: bool,
}

/// What a rule ahead has put into a variable, and when.
struct Set {
    value: String,
    ways: Ways,
    at: usize,
}

impl Importer<'_> {
    /// The rules of a virtual host that answer or pass requests on.
    pub(super) fn rewrites(&mut self, vhost: &Vhost) -> Vec<Rule> {
        let list = vhost.list.clone();
        let on = self.named(&list, "rewriteengine").last().copied();
        if let Some(id) = on {
            self.ledger.taken(id, "routes");
        }
        // A part of a virtual host leaves that word to whoever includes it.
        let off = on.is_some_and(|id| !self.word(id, 0).eq_ignore_ascii_case("on"));
        if off || (on.is_none() && vhost.id.is_some()) {
            for id in list.iter().filter(|id| self.all[**id].name.starts_with("rewrite")) {
                self.ledger.dropped(*id, "`RewriteEngine` is off");
            }
            return Vec::new();
        }
        let mut made: Vec<(usize, Rule)> = Vec::new();
        self.policies.clear();
        // Variables of which the first rule that sets them wins.
        let asks = |id: &&Id| self.all[**id].name == "rewritecond" && self.word(**id, 1) == "^$";
        let undecided: BTreeSet<String> =
            list.iter().filter(asks).map(|id| self.word(*id, 0).to_owned()).collect();
        let mut variables: BTreeMap<String, Variable> = BTreeMap::new();
        let mut conditions: Vec<Id> = Vec::new();
        let mut paths: Vec<String> = Vec::new();
        for (at, id) in list.iter().copied().enumerate() {
            match self.all[id].name.as_str() {
                "rewritecond" => conditions.push(id),
                "rewriterule" => {
                    let own = std::mem::take(&mut conditions);
                    if self.policy(id, &own) {
                        continue;
                    }
                    let rules = self.rule(id, &own, at, &mut variables, &mut paths, &undecided);
                    let why = match rules {
                        Ok(rules) => {
                            for id in own {
                                self.ledger.taken(id, "match");
                            }
                            made.extend(rules);
                            continue;
                        }
                        Err(why) => why,
                    };
                    self.refused(id, &own, why);
                }
                _ => {}
            }
        }
        for (asked, id, draft) in self.fixed(vhost) {
            let all = Asked { variables: vec![asked], ..Asked::of(vec![Way::default()]) };
            let Ok(resolved) = resolved(&all, usize::MAX, &variables) else { continue };
            made.extend(resolved.into_iter().map(|(at, ways)| {
                let act = Act::Answer(draft.clone());
                let variables = all.variables.clone();
                (at, Rule { id, ways, act, scopes: Vec::new(), parameters: Vec::new(), variables })
            }));
        }
        for id in conditions {
            self.ledger.lost(id, "no rule follows it");
        }
        for (_, rule) in &mut made {
            // What asks for no WebSocket is refused by a rule of its own, and belongs to the route.
            if self.requires(&rule.variables) {
                rule.ways.iter_mut().for_each(|way| way.upgrade = None);
            }
        }
        made.sort_by_key(|(at, _)| *at);
        made.into_iter().map(|(_, rule)| rule).collect()
    }

    /// A rule that is lost; one that refuses guards something.
    fn refused(&mut self, id: Id, conditions: &[Id], why: &str) {
        let guards = flags(self.word(id, 2)).iter().any(|flag| flag == "F" || flag == "FORBIDDEN");
        for id in conditions.iter().copied().chain([id]) {
            if guards {
                self.ledger.opens(id, why);
            } else {
                self.ledger.lost(id, why);
            }
        }
    }

    fn rule(
        &mut self,
        id: Id,
        conditions: &[Id],
        at: usize,
        variables: &mut BTreeMap<String, Variable>,
        paths: &mut Vec<String>,
        undecided: &BTreeSet<String>,
    ) -> Result<Vec<(usize, Rule)>, &'static str> {
        let (pattern, to) = (self.word(id, 0).to_owned(), self.word(id, 1).to_owned());
        let flags = flags(self.word(id, 2));
        let has = |names: &[&str]| flags.iter().any(|flag| names.contains(&flag.as_str()));
        let any = has(&["NC", "NOCASE"]);
        let pattern = if any { any_case(&pattern) } else { pattern };
        let mut asked = self
            .asked_with(conditions, paths)
            .ok_or("its conditions ask for what the model does not know")?;
        let own = path(pattern.strip_prefix('!').unwrap_or(&pattern))
            .ok_or("the regex is none that PCRE and RE2 read alike")?;
        let mut own = vec![Way { paths: vec![own], ..Way::default() }];
        if pattern.starts_with('!') {
            own = negation(&own).unwrap_or_default();
        } else if own[0].paths == [Draft::of("prefix", "/")] {
            own = vec![Way::default()];
        }
        // Where both look at the path, the condition is the narrower one.
        if pattern.starts_with('!') || asked.ways.iter().all(|way| way.paths.is_empty()) {
            asked.ways = both(&asked.ways, &own)
                .ok_or("its conditions ask for what the model does not know")?;
        }
        let mut settings = flags.iter().filter_map(|flag| flag.strip_prefix("E=")).peekable();
        if to == "-"
            && settings.peek().is_some()
            && !flags.iter().any(|flag| flag.starts_with("R="))
        {
            for setting in settings {
                let (name, value) = setting.split_once(':').unwrap_or((setting, ""));
                if asked.first_line && value == "%1" {
                    paths.push(name.to_owned());
                    continue;
                }
                let ways = resolved(&asked, at, variables)?.into_iter().flat_map(|(_, ways)| ways);
                if asked.ways == [Way { upgrade: Some(true), ..Way::default() }] {
                    self.handshakes.insert(name.to_owned());
                }
                let set = Set { value: value.to_owned(), ways: ways.collect(), at };
                let asks = format!("%{{ENV:{name}}}");
                let known = variables.entry(name.to_owned()).or_default();
                known.first_wins |= undecided.contains(&asks);
                known.sets.push(set);
            }
            self.ledger.taken(id, "match");
            return Ok(Vec::new());
        }
        self.narrower(id, &pattern, true, &asked.ways);
        let act = self.act(id, &pattern, &to, &flags, &asked, paths)?;
        let Some(act) = act else { return Ok(Vec::new()) };
        let rule = |ways: Ways| Rule {
            id,
            ways,
            act: act.clone(),
            scopes: Vec::new(),
            parameters: Vec::new(),
            variables: asked.variables.clone(),
        };
        let all = resolved(&asked, at, variables)?;
        Ok(all.into_iter().map(|(at, ways)| (at, rule(ways))).collect())
    }

    /// The conditions, those on a variable that holds the path as it came among them.
    fn asked_with(&mut self, conditions: &[Id], paths: &[String]) -> Option<Asked> {
        for id in conditions {
            let name = self.word(*id, 0).trim_start_matches("%{ENV:").trim_end_matches('}');
            let known = paths.iter().any(|path| path == name);
            if let (true, Some(first)) = (known, self.all[*id].words.first_mut()) {
                "%{PATH}".clone_into(&mut first.text);
            }
        }
        self.asked(conditions)
    }

    /// What a rule does; nothing where another part of the configuration says the same.
    fn act(
        &mut self,
        id: Id,
        pattern: &str,
        to: &str,
        flags: &[String],
        asked: &Asked,
        paths: &[String],
    ) -> Result<Option<Act>, &'static str> {
        let has = |names: &[&str]| flags.iter().any(|flag| names.contains(&flag.as_str()));
        let status = flags.iter().find_map(|flag| {
            let code = flag.strip_prefix("R=").or_else(|| flag.strip_prefix("REDIRECT="))?;
            Some(match code {
                "permanent" => 301,
                "temp" => 302,
                "seeother" => 303,
                code => code.parse::<u16>().unwrap_or(302),
            })
        });
        let answer = |status: u16| {
            Ok(Some(Act::Answer(Draft::of("respond", Draft::of("status", u64::from(status))))))
        };
        if has(&["F", "FORBIDDEN"]) {
            self.ledger.taken(id, "respond");
            return answer(403);
        }
        if has(&["G", "GONE"]) {
            self.ledger.taken(id, "respond");
            return answer(410);
        }
        let status = status.or(has(&["R", "REDIRECT"]).then_some(302));
        if let Some(status) = status {
            if (300..400).contains(&status) {
                let redirect =
                    super::answer::redirect_by_pattern(pattern, &known(to, paths), asked, status)
                        .ok_or("where it leads is computed in a way that the model does not know")?;
                self.ledger.taken(id, "redirect");
                return Ok(Some(Act::Answer(Draft::of("redirect", redirect))));
            }
            self.ledger.taken(id, "respond");
            let connect = asked.ways.iter().all(|way| way.methods == ["CONNECT"]);
            return match status {
                _ if connect => Ok(None),
                200..=599 => answer(status),
                _ => Err("this is no status of an answer"),
            };
        }
        if !has(&["P", "PROXY"]) {
            return Err("a path that is changed on the way, for files or for other rules");
        }
        let to = known(to, paths);
        let Some((destination, rest)) = destination(&to) else {
            let why = "where it leads is computed for each request, or no proxy of HTTP does it";
            self.ledger.lost(id, why);
            return answer(502);
        };
        self.ledger.taken(id, "upstream");
        Ok(Some(Act::Forward(destination, self.changed(id, pattern, &rest, asked))))
    }

    /// How the path is changed, if it is.
    fn changed(&mut self, id: Id, pattern: &str, rest: &str, asked: &Asked) -> Option<Draft> {
        let rest = rest.trim_end_matches("?%{QUERY_STRING}").trim_end_matches('?');
        if ["%{REQUEST_URI}", "$0"].contains(&rest) {
            return None;
        }
        // `\\%` is no group.
        let rest = rest.replace("\\%", "\u{0}");
        let (pattern, to) = if rest.contains("%1") || rest.contains("%2") {
            let Some(pattern) = &asked.pattern else {
                self.ledger.lost(id, "the path that it sends is computed");
                return None;
            };
            (
                pattern.clone(),
                (1..=9).fold(rest, |to, n| to.replace(&format!("%{n}"), &format!("${n}"))),
            )
        } else {
            (pattern.to_owned(), rest)
        };
        let to = to.replace('\u{0}', "%");
        if let Some(change) = prefix_change(&pattern, &to) {
            return Some(change);
        }
        if let Some((pattern, to)) = around(&pattern, &to).filter(|(p, to)| rewrites(p, to)) {
            let mut regex = Draft::of("pattern", pattern);
            regex.set(&["to"], to);
            return Some(Draft::of("regex", regex));
        }
        let everything = ["/(.*)", "^/(.*)", "^/(.*)$", "^/?(.*)", "^/?(.*)$", "/?(.*)"];
        if (everything.contains(&pattern.as_str()) && to == "/$1")
            || (["(.*)", "^(.*)", "^(.*)$", "^(/.*)$"].contains(&pattern.as_str()) && to == "$1")
            || (to == "/$1" && pattern == "^(.*)$")
            || to == same(&pattern)
        {
            return None;
        }
        if let Some(prefix) = stripped(&pattern, &to) {
            return Some(Draft::of("strip_prefix", prefix));
        }
        let to = if to.is_empty() { "/".to_owned() } else { to };
        let pattern = whole(&pattern);
        if !rewrites(&pattern, &to) {
            self.ledger.lost(id, "the path that it sends is computed");
            return None;
        }
        let mut regex = Draft::of("pattern", pattern);
        regex.set(&["to"], to);
        Some(Draft::of("regex", regex))
    }
}

/// The text that a pattern stands for when each of its groups is put back: such a rule changes nothing.
pub(super) fn same(pattern: &str) -> String {
    let body = pattern.trim_start_matches('^').trim_end_matches('$');
    let (mut out, mut depth, mut groups) = (String::new(), 0, 0);
    let mut letters = body.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '(' => {
                let counts = letters.peek() != Some(&'?');
                groups += usize::from(counts);
                if depth == 0 && counts {
                    out.push_str(&format!("${groups}"));
                }
                depth += 1;
            }
            ')' => depth -= 1,
            '\\' => {}
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

/// A target in which variables that hold the path as it came are told.
fn known(to: &str, paths: &[String]) -> String {
    paths
        .iter()
        .fold(to.to_owned(), |to, name| to.replace(&format!("%{{ENV:{name}}}"), "%{REQUEST_URI}"))
}

/// The ways in which a rule holds, once for each time that its variables were set, with the place that it has in the
/// order: that of the rule that won.
fn resolved(
    asked: &Asked,
    at: usize,
    variables: &BTreeMap<String, Variable>,
) -> Result<Vec<(usize, Ways)>, &'static str> {
    const WHY: &str = "it asks for a variable that is set in a way that the model does not know";
    let mut all = vec![(at, asked.ways.clone())];
    for (name, value) in &asked.variables {
        let known = variables.get(name).ok_or(WHY)?;
        let mut next = Vec::new();
        for (at, ways) in all {
            if let Some(value) = value.strip_prefix('!') {
                let [one] = known.sets.as_slice() else { return Err(WHY) };
                let not = negation(&one.ways).filter(|_| one.value == value).ok_or(WHY)?;
                next.push((at, both(&ways, &not).ok_or(WHY)?));
                continue;
            }
            for one in known.sets.iter().filter(|one| one.value == *value) {
                let at = if known.first_wins { one.at } else { at };
                next.push((at, both(&ways, &one.ways).ok_or(WHY)?));
            }
        }
        all = next;
    }
    if all.is_empty() { Err(WHY) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_put_back_together() {
        assert_eq!(same("^/images/(a|b(c)?)(.*)$"), "/images/$1$3");
        assert_eq!(same("^/a\\.b/(.*)"), "/a.b/$1");
    }
}
