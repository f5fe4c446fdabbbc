//! Header fields of answers.

use wsgen_model::check::is_proxys_own;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::HeaderName;

use super::fields::{is_field, literal};
use super::scope::{Chain, Importer};
use crate::import::draft::Draft;
use crate::subject::Subject;
use crate::targets::nginx::syntax::Statement;

impl Importer<'_> {
    /// Says which fields nginx sends with an answer of its own: redirects and fixed answers of the model have none.
    pub(super) fn fields_of_answers(&mut self, chain: &Chain) {
        for id in self.settings(chain, "add_header") {
            let Ok(Statement::AddHeader(field)) = &self.tree.all[id].value else { continue };
            let subject = Subject::response_field(&field.name);
            let what = "nginx sends this field with its own answers too; redirects and fixed answers of the model have no such field";
            self.ledger.announces(self.span(id), &[subject], what);
        }
    }

    /// Fields of answers.
    pub(super) fn responses(&mut self, chain: &Chain, scheme: Option<&str>, route: &mut Draft) {
        let mut kept = Vec::new();
        for id in self.settings(chain, "add_header") {
            let (name, value) = (self.tree.argument(id, 0).to_owned(), self.text(id, 1));
            if name.eq_ignore_ascii_case("set-cookie")
                && let Some(map) = self.map(&value).filter(super::maps::sets_cookie)
            {
                self.ledger.taken(id, "sticky.cookie");
                self.map_taken(map.id, "sticky.cookie");
                continue;
            }
            match literal(&value, scheme) {
                _ if name.eq_ignore_ascii_case("content-length") => {
                    self.ledger.taken(id, "as long as the body is");
                }
                Some(text) if !text.is_empty() && !is_field(&name, &text) => {
                    self.ledger.lost(id, "this is no field that can be set");
                }
                Some(text) if !text.is_empty() => {
                    self.ledger.taken(id, "response_headers.add");
                    if self.tree.argument(id, 2) != "always" {
                        self.differs(id, "errors carry it too; without `always` they do not");
                    }
                    let known = route.get(&["response_headers", "add", &name]).is_some();
                    if known {
                        self.ledger.lost(id, "the same field a second time");
                    } else {
                        route.set(&["response_headers", "add", &name], text);
                    }
                }
                Some(_) => self.ledger.dropped(id, "an empty field is not sent"),
                None if self.is_built_in(&value) => {
                    let line = self.line(id);
                    self.ledger.keep(id, "its value is computed for each answer", line, &mut kept);
                }
                None => {
                    self.ledger.lost(id, "its value is computed elsewhere in the configuration");
                }
            }
        }
        route.keep(crate::targets::nginx::TARGET.name, &kept);
        if let Some(id) = self.setting(chain, "expires") {
            let words = self.tree.all[id].arguments.clone();
            let path = ["response_headers", "add", "Cache-Control"];
            let known = route.text(&path).map(str::to_owned);
            match (freshness(&words), known) {
                _ if words == ["off"] => self.ledger.taken(id, "as it comes"),
                (Some(text), known) if words.len() == 1 => {
                    self.ledger.taken(id, "response_headers");
                    let how =
                        "`Cache-Control` alone says it, on every answer; `Expires` is not sent";
                    self.differs(id, how);
                    match known {
                        Some(known) => route.set(&path, format!("{known}, {text}")),
                        None => route.set(&["response_headers", "set", "Cache-Control"], text),
                    }
                }
                _ => self.ledger.lost(id, "the time that it says is computed"),
            }
        }
        for id in self.settings(chain, "proxy_pass_header") {
            self.ledger.taken(id, "as it comes");
        }
        for id in self.settings(chain, "proxy_hide_header") {
            let name = self.text(id, 0);
            if HeaderName::parse(&name).is_err() || is_proxys_own(&name, true) {
                self.ledger.lost(id, "this is no field that can be taken away");
                continue;
            }
            // The server's own field in place of the upstream's.
            let added = route.get(&["response_headers", "add", &name]).cloned();
            if let Some(value) = added {
                self.ledger.taken(id, "response_headers.set");
                route.remove(&["response_headers", "add", &name]);
                route.set(&["response_headers", "set", &name], value);
                continue;
            }
            self.ledger.taken(id, "response_headers.remove");
            route.push(&["response_headers", "remove"], name);
        }
    }
}

/// `expires` as the directive of `Cache-Control` that it stands for (nginx, "expires").
fn freshness(words: &[String]) -> Option<String> {
    let word = words.last().map(String::as_str)?;
    Some(match word {
        "epoch" => "no-cache".to_owned(),
        "max" => "max-age=315360000".to_owned(),
        word if word.starts_with('-') => "no-cache".to_owned(),
        word => format!("max-age={}", super::value::time(word)? / 1000),
    })
}
