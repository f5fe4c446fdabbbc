//! The condition of an `if`, and the values of a `map`, as conditions of a model.

use super::scope::Importer;
use super::state::State;
use super::variable::{Check, handshake_in_small_letters, minds_case, of_variable, websocket};
use crate::import::condition::{Clause, Condition};
use crate::import::ledger::Id;
use crate::import::pattern::{any_case, of_text};
use crate::targets::nginx::syntax::{If, MapLine, Return, Statement, Test, Value};

/// The difference between nginx's test of `$request_uri` and the path match that the model gets for it.
const RAW_PATH: &str = "nginx compares the path as clients write it here; the model compares it in normal form, so that `/%61`, `//` and `/x/../` are no other spelling";

/// The difference between nginx's test of a parameter and the model's.
const ANY_CASE: &str = "nginx finds a parameter in letters of either case, as `?DEBUG=1` for `$arg_debug`; the model compares each letter";

/// The most values of a map that are told apart.
const MOST: usize = 64;

impl Importer<'_> {
    /// The requests for which a condition holds, and those for which it does not.
    pub(super) fn holds(
        &mut self,
        id: Id,
        condition: &If,
        state: &State,
    ) -> (Condition, Condition) {
        let purpose = if self.answers_with_error(id) { Purpose::Guard } else { Purpose::Choice };
        let (holds, fails) = self.held(id, condition, (purpose, state));
        if condition.negated { (fails, holds) } else { (holds, fails) }
    }

    /// Returns the same as [`Self::holds`] for a condition without its `!`.
    fn held(
        &mut self,
        id: Id,
        condition: &If,
        (purpose, state): (Purpose, &State),
    ) -> (Condition, Condition) {
        if self.minds_case_of_upgrade(condition) {
            // What is refused otherwise stays refused.
            if condition.negated {
                return (handshake_in_small_letters(), Condition::unread());
            }
            let how = "nginx compares `Upgrade` by every letter here; the model takes `WebSocket` for `websocket`, as RFC 6455 does";
            self.differs(id, how);
        }
        let holds = match &condition.test {
            Test::Set(value) => self.is_set(value, (purpose, state)),
            Test::Equal(value, text) => {
                let text = self.expanded(text);
                match Value::of(&text).as_ref().and_then(Value::literal) {
                    Some(text) => {
                        self.compared(value, &Check::Equal(text.to_owned()), (purpose, state))
                    }
                    None => Condition::unread(),
                }
            }
            Test::Matches { value, pattern, any_case: either } => {
                let pattern = if *either { any_case(pattern) } else { pattern.clone() };
                self.compared(value, &Check::Matches(pattern), (purpose, state))
            }
            // Files of the old server are not there.
            Test::File { .. } => Condition::never(),
        };
        self.tell_raw_path(id, (purpose, &condition.test), &holds);
        self.tell_parameter(id, (purpose, &condition.test), &holds);
        let fails = holds.not();
        (holds, fails)
    }

    /// Reports how the model differs where a condition tests `$request_uri`.
    fn tell_raw_path(&mut self, id: Id, (purpose, test): (Purpose, &Test), holds: &Condition) {
        let (Test::Equal(value, _) | Test::Matches { value, .. }) = test else { return };
        let some = holds.is_read() && !holds.is_always() && !holds.is_never();
        if value.variable() != Some("request_uri") || !some {
            return;
        }
        self.widened(id, purpose, RAW_PATH);
    }

    /// Reports how the model differs where a condition tests a parameter of the query.
    fn tell_parameter(&mut self, id: Id, (purpose, test): (Purpose, &Test), holds: &Condition) {
        let (Test::Set(value) | Test::Equal(value, _) | Test::Matches { value, .. }) = test else {
            return;
        };
        let asks = holds.clauses().iter().any(|clause| !clause.query.is_empty());
        if asks && value.variable().is_some_and(|name| name.starts_with("arg_")) {
            self.widened(id, purpose, ANY_CASE);
        }
    }

    /// Whether the block of an `if` answers with an error.
    fn answers_with_error(&self, id: Id) -> bool {
        let refuses = |id: &Id| {
            matches!(self.tree.all[*id].value, Ok(Statement::Return(Return::Status(400.., _))))
        };
        self.tree.block(id).iter().any(refuses)
    }

    /// Says that a test holds for other requests in the model, which opens something where it guards.
    fn widened(&mut self, id: Id, purpose: Purpose, how: &str) {
        match purpose {
            Purpose::Guard => self.ledger.opens(id, how),
            Purpose::Choice => self.differs(id, how),
        }
    }

    /// Whether a condition holds for some spellings of `websocket` alone.
    fn minds_case_of_upgrade(&self, condition: &If) -> bool {
        let (value, check) = match &condition.test {
            Test::Equal(value, text) => (value, Check::Equal(self.expanded(text))),
            Test::Matches { value, pattern, any_case: false } => {
                (value, Check::Matches(pattern.clone()))
            }
            Test::Matches { any_case: true, .. } | Test::Set(_) | Test::File { .. } => {
                return false;
            }
        };
        value.variable() == Some("http_upgrade") && minds_case(&check)
    }

    /// Neither empty nor `0`.
    fn is_set(&mut self, value: &Value, asked: (Purpose, &State)) -> Condition {
        let empty = self.compared(value, &Check::Equal(String::new()), asked);
        let zero = self.compared(value, &Check::Equal("0".to_owned()), asked);
        // No request that matters says `0` here.
        let zero = if zero.is_read() { zero } else { Condition::never() };
        empty.or(&zero).not()
    }

    /// A text with the variables of a place put in.
    pub(super) fn expanded(&self, value: &Value) -> String {
        self.known(&value.to_string())
    }

    fn compared(
        &mut self,
        value: &Value,
        check: &Check,
        (purpose, state): (Purpose, &State),
    ) -> Condition {
        let text = self.expanded(value);
        let Some(value) = Value::of(&text) else { return Condition::unread() };
        if let Some(text) = value.literal() {
            return match check.fits(text) {
                Some(true) => Condition::always(),
                Some(false) => Condition::never(),
                None => Condition::unread(),
            };
        }
        let Some(name) = value.variable() else { return Condition::unread() };
        if self.asking.contains(name) {
            let handshake = websocket(true);
            return match check {
                Check::Equal(text) if text.is_empty() => handshake.not(),
                Check::Equal(text) if text == "0" => Condition::never(),
                Check::Equal(_) | Check::Matches(_) => handshake,
            };
        }
        if let Some(values) = self.values_of(name, (purpose, state)) {
            let mut holds = Condition::never();
            for Chosen { alone: condition, value, .. } in values {
                let fits = match Value::of(&value).as_ref().and_then(Value::literal) {
                    Some(text) => check.fits(text),
                    None => None,
                };
                match fits {
                    Some(true) => holds = holds.or(&condition),
                    Some(false) => {}
                    None => holds = holds.or(&condition.and(&Condition::unread())),
                }
            }
            return holds;
        }
        of_variable(name, check, state)
    }

    /// The values of a map's variable, in the order in which the first that fits decides; the last is for all requests.
    pub(super) fn values_of(
        &mut self,
        name: &str,
        (purpose, state): (Purpose, &State),
    ) -> Option<Vec<Chosen>> {
        let id = *self.maps.get(name)?;
        let Ok(Statement::Map(map)) = &self.tree.all[id].value else { return None };
        let source = map.source.clone();
        let by_path = source.variable().is_some_and(|name| ["uri", "document_uri"].contains(&name));
        let lines = self.map_lines(id)?;
        // A map may look at another one; a circle is none.
        if self.depth >= 8 || lines.len() > MOST {
            return None;
        }
        self.depth += 1;
        let (mut rest, mut all) = (Condition::always(), Vec::new());
        let mut default = String::new();
        // Texts are compared ahead of regexes.
        let texts = lines.iter().filter(|(_, line)| matches!(line, MapLine::Text(..)));
        let regexes = lines.iter().filter(|(_, line)| matches!(line, MapLine::Regex { .. }));
        for (at, line) in texts.chain(regexes) {
            let (holds, value) = match line {
                MapLine::Text(text, value) if by_path => {
                    let pattern = format!("^{}$", any_case(&of_text(text)));
                    (self.compared(&source, &Check::Matches(pattern), (purpose, state)), value)
                }
                MapLine::Text(text, value) => {
                    let holds =
                        self.compared(&source, &Check::Equal(text.clone()), (purpose, state));
                    let exact =
                        |clause: &Clause| clause.headers.is_empty() && clause.query.is_empty();
                    let letters = text.contains(|c: char| c.is_ascii_alphabetic());
                    if letters && !holds.clauses().iter().all(exact) {
                        let how = "a map takes letters of either case; the model compares each";
                        self.widened(*at, purpose, how);
                    }
                    (holds, value)
                }
                MapLine::Regex { pattern, any_case: either, value } => {
                    let pattern = if *either { any_case(pattern) } else { pattern.clone() };
                    let holds = self.compared(&source, &Check::Matches(pattern), (purpose, state));
                    if source.variable() == Some("request_uri") && holds.is_read() {
                        self.widened(*at, purpose, RAW_PATH);
                    }
                    (holds, value)
                }
                MapLine::Default(_) | MapLine::Hostnames | MapLine::Volatile => continue,
            };
            let alone = holds.and(&rest);
            rest = rest.and(&holds.not());
            all.push(Chosen { condition: holds, alone, value: self.expanded(value) });
        }
        for (_, line) in &lines {
            if let MapLine::Default(value) = line {
                default = self.expanded(value);
            }
        }
        self.depth -= 1;
        all.push(Chosen { condition: Condition::always(), alone: rest, value: default });
        all.retain(|chosen| !chosen.condition.is_never() && !chosen.alone.is_never());
        Some(all)
    }

    /// The lines of a map that were all read; nothing where wildcards of hosts are among them.
    fn map_lines(&self, id: Id) -> Option<Vec<(Id, MapLine)>> {
        let mut lines = Vec::new();
        for at in self.tree.block(id) {
            match &self.tree.all[*at].value {
                Ok(Statement::MapLine(MapLine::Hostnames)) | Err(_) => return None,
                Ok(Statement::MapLine(line)) => lines.push((*at, line.clone())),
                Ok(_) => return None,
            }
        }
        Some(lines)
    }

    /// What a value is for a handshake of a WebSocket, where that is known.
    pub(super) fn for_handshake(&mut self, text: &str) -> Option<String> {
        let text = self.known(text);
        let value = Value::of(&text)?;
        if let Some(literal) = value.literal() {
            return Some(literal.to_owned());
        }
        match value.variable()? {
            "http_upgrade" => Some("websocket".to_owned()),
            "http_connection" => Some("upgrade".to_owned()),
            name if self.asking.contains(name) => Some("websocket".to_owned()),
            name => {
                let values = self.values_of(name, (Purpose::Choice, &State::default()))?;
                let mut known: Option<String> = None;
                for Chosen { alone: condition, value, .. } in values {
                    // Of a handshake.
                    if condition.and(&websocket(true)).is_never() {
                        continue;
                    }
                    if !condition.is_read() || known.as_ref().is_some_and(|known| *known != value) {
                        return None;
                    }
                    known = Some(value);
                }
                let value = known?;
                if value.contains('$') { self.for_handshake(&value) } else { Some(value) }
            }
        }
    }
}

/// Use of a test in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The test decides whether a request is answered with an error.
    Guard,
    /// The test decides anything else.
    Choice,
}

/// A value of a map.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    /// The requests that it is for, where none of the values ahead of it is.
    pub(super) condition: Condition,
    /// The requests that it is for.
    pub(super) alone: Condition,
    /// The value, with its variables put in.
    pub(super) value: String,
}

#[cfg(test)]
mod tests {
    use wsgen_model::code::Code;
    use wsgen_model::source::{Source, Sources};

    use crate::import::NoFiles;

    /// A map takes letters of either case, so that the model lets `K1` pass.
    #[test]
    fn a_guard_by_a_map_of_letters_opens() {
        let text = "map $http_x_key $m { default none; k1 one; }
            server { listen 80; if ($m = one) { return 404; }
            location / { proxy_pass http://127.0.0.1:1; } }";
        let mut sources = Sources::default();
        let id = sources.add(Source::new("nginx.conf", text));
        let imported = super::super::import(&mut sources, &[id], &mut NoFiles);
        let opens = imported.findings.iter().filter(|finding| finding.code == Code::IMPORT_OPENS);
        assert!(
            opens.clone().any(|finding| finding.message.contains("`k1`")),
            "{:?}",
            imported.findings
        );
    }
}
