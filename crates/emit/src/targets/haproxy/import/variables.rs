//! Variables that rules set and others ask for: whether one is there, which text it has, and which of several rules
//! was the first to set it.

use std::collections::BTreeMap;

use super::scope::Importer;
use crate::import::choices::{Bound, Choice, choose};
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::pattern;
use crate::import::way::{Way, Ways, both};

/// What is known of a variable while the rules that ask for it are read.
#[derive(Debug, Clone)]
pub(super) struct Assumed {
    pub(super) name: String,
    /// Its text; nothing where it was not set yet.
    pub(super) value: Option<String>,
}

/// Questions for variables that are followed in all: variables that ask for each other multiply them.
pub(super) const MOST: usize = 20_000;

/// Conversions that leave a host what it is to the model.
const OF_A_HOST: [&str; 4] = ["lower", "regsub(:[0-9]*$,)", "regsub(\\.$,)", "field(1,:)"];

impl Importer<'_> {
    /// `var(NAME)` in a condition, as ways.
    pub(super) fn variable(
        &mut self,
        section: usize,
        name: &str,
        how: &str,
        values: &[String],
    ) -> Option<Ways> {
        let yes = |holds: bool| Some(if holds { vec![Way::default()] } else { Vec::new() });
        if let Some(Assumed { value, .. }) = self.assumed.iter().find(|known| known.name == name) {
            return match (how, value) {
                ("found", value) => yes(value.is_some()),
                ("str" | "", Some(value)) => yes(values.contains(value)),
                ("str" | "", None) => yes(false),
                _ => None,
            };
        }
        let set = self.own(section, &["http-request", &format!("set-var({name})")]);
        if let [id] = set.as_slice()
            && let Some(fetch) = self.alias(*id)
        {
            self.ledger.taken(*id, "match");
            let words = [fetch, "-m".to_owned(), how.to_owned()];
            return super::condition::test(&[&words, values].concat());
        }
        if set.is_empty() {
            return None;
        }
        let key = (section, name.to_owned(), how.to_owned(), values.to_vec());
        if let Some(known) = self.variables.get(&key) {
            return known.clone();
        }
        self.followed += 1;
        if self.followed > MOST {
            return None;
        }
        let assumed: Vec<String> =
            self.assumed.iter().map(|known| format!("var({}", known.name)).collect();
        let set_apart = set.iter().all(|id| {
            let words = &self.all[*id].words;
            !words.iter().any(|word| assumed.iter().any(|name| word.contains(name)))
        });
        // A rule that sets it where it is not set yet asks for itself.
        self.assumed.push(Assumed { name: name.to_owned(), value: None });
        let mut all = Some(Vec::new());
        for id in set {
            let text = constant(self.word(id, 2)).map(str::to_owned);
            let fits = match how {
                "found" => true,
                "str" | "" => text.is_some_and(|text| values.contains(&text)),
                _ => {
                    all = None;
                    break;
                }
            };
            if fits {
                let ways = self.ways(section, id);
                all = all.zip(ways).map(|(mut all, ways)| {
                    all.extend(ways);
                    all
                });
                if all.is_some() {
                    self.ledger.taken(id, "match");
                }
            }
        }
        self.assumed.pop();
        // What asks for a variable that is assumed holds for now only.
        if set_apart {
            self.variables.insert(key, all.clone());
        }
        all
    }

    /// What a variable that every request has is made of, where that is the host.
    fn alias(&self, id: Id) -> Option<String> {
        let [_, _, expression] = self.all[id].words.as_slice() else { return None };
        let mut parts = pattern::branches(expression, ',').into_iter();
        let fetch = parts.next()?;
        let is_host = fetch.trim_start_matches("req.").trim_start_matches('f') == "hdr(host)";
        (is_host && parts.all(|part| OF_A_HOST.contains(&part))).then(|| fetch.to_owned())
    }

    /// The variable by which a section tells its routes apart: rules set it to a text, the first that fits, and others ask
    /// for it.
    pub(super) fn label(&self, section: usize) -> Option<String> {
        let leads = |id: &&Id| {
            let verb = self.word(**id, 1);
            self.word(**id, 0) == "use_backend" || ["return", "redirect", "deny"].contains(&verb)
        };
        let list = &self.sections[section].list;
        let names = list.iter().filter_map(|id| {
            let name = self.word(*id, 1).strip_prefix("set-var(")?.strip_suffix(')')?;
            let own = format!("!{{ var({name}) -m found }}");
            let first = self.all[*id].words.join(" ").contains(&own);
            (first && self.word(*id, 2).starts_with("str(")).then(|| name.to_owned())
        });
        let mut names: Vec<String> = names.collect();
        names.dedup();
        names.into_iter().find(|name| list.iter().filter(leads).any(|id| self.asks_for(*id, name)))
    }

    /// The routes of a section that tells them apart by a variable, in the order in which it is set.
    pub(super) fn labelled(
        &mut self,
        section: usize,
        name: &str,
        bounds: &[Bound],
        choices: &mut Vec<Choice>,
    ) {
        let (whole, mut parts) = self.parts(section, name);
        let mut labels: Vec<(Id, Ways, String)> = Vec::new();
        for id in self.own(section, &["http-request", &format!("set-var({name})")]) {
            self.assumed.push(Assumed { name: name.to_owned(), value: None });
            let ways = self.ways(section, id);
            self.assumed.pop();
            match ways.zip(constant(self.word(id, 2)).map(str::to_owned)) {
                Some((ways, text)) => {
                    self.ledger.taken(id, "match");
                    labels.push((id, ways, text));
                }
                None => {
                    let why = "its condition asks for what the model does not know";
                    self.ledger.opens(id, why);
                }
            }
        }
        for (id, ways, text) in labels {
            // Of the section, what is for this route and for all of them.
            let own = parts.remove(&text).unwrap_or_default();
            self.sections[section].put(&self.all, own.clone());
            self.assumed.push(Assumed { name: name.to_owned(), value: Some(text.clone()) });
            self.chosen(section, (id, &text), bounds, &ways, choices);
            self.assumed.pop();
            parts.insert(text, own);
        }
        self.sections[section].put(&self.all, whole);
    }

    /// The statements of a section, and those that matter to each text of a variable.
    fn parts(&self, section: usize, name: &str) -> (Vec<Id>, BTreeMap<String, Vec<Id>>) {
        let whole = self.sections[section].list.clone();
        let asked = format!("var({name})");
        let set = format!("set-var({name})");
        let (mut all, mut parts): (Vec<Id>, BTreeMap<String, Vec<Id>>) =
            (Vec::new(), BTreeMap::new());
        for id in &whole {
            let words = &self.all[*id].words;
            match words.iter().position(|word| *word == asked) {
                _ if self.word(*id, 1) == set => {}
                Some(at) if words.get(at + 2).is_some_and(|how| how == "str") => {
                    let texts = words[at + 3..].iter().take_while(|word| *word != "}");
                    for text in texts {
                        parts.entry(text.clone()).or_default().push(*id);
                    }
                }
                _ => all.push(*id),
            }
        }
        for part in parts.values_mut() {
            part.extend(&all);
            part.sort_unstable();
            part.dedup();
        }
        (whole, parts)
    }

    /// What becomes of the requests of one route.
    fn chosen(
        &mut self,
        section: usize,
        (set, called): (Id, &str),
        bounds: &[Bound],
        ways: &Ways,
        choices: &mut Vec<Choice>,
    ) {
        let origin = self.origin(set);
        let mut led = false;
        for id in self.sections[section].list.clone() {
            if self.policy(section, id).is_some() {
                continue;
            }
            let leads = self.word(id, 0) == "use_backend";
            let fields = if leads { None } else { self.answer_on(section, id, bounds) };
            if !leads && fields.is_none() {
                continue;
            }
            let holds = self.ways(section, id);
            let Some(both) = holds.as_ref().and_then(|holds| both(ways, holds)) else { continue };
            if both.is_empty() {
                continue;
            }
            match fields {
                Some(fields) => {
                    let redirects = fields.get(&["redirect"]).is_some();
                    self.ledger.taken(id, if redirects { "redirect" } else { "respond" });
                    choose((id, &origin), called, bounds, &both, &fields, choices);
                }
                None => {
                    let target = self.word(id, 1).to_owned();
                    match self.backends.get(&target).copied() {
                        Some(back) => {
                            self.ledger.taken(id, "upstream");
                            self.forwards(section, back, id, bounds, &both, choices);
                        }
                        None => self.missing(id, bounds, &both, choices),
                    }
                }
            }
            if holds == Some(vec![Way::default()]) {
                led = true;
                break;
            }
        }
        if !led {
            // Its requests must not fall to another route.
            let refused = Draft::of("respond", Draft::of("status", 502_u64));
            choose((set, &origin), called, bounds, ways, &refused, choices);
        }
    }
}

/// The text of an expression that is one.
pub(super) fn constant(expression: &str) -> Option<&str> {
    ["str(", "int(", "bool("]
        .iter()
        .find_map(|kind| expression.strip_prefix(kind)?.strip_suffix(')'))
}
