//! What holds at a place: a directive of an inner block hides those of the same name further out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{Hostname, TargetVersion};
use wsgen_model::source::{Sources, Span};

use super::server::Server;
use super::state::Current;
use super::tree::Tree;
use super::value;
use crate::import::budget::Budget;
use crate::import::draft;
use crate::import::ledger::{Id, Ledger};
use crate::import::rules::Rule;
use crate::import::{measure, origin};

/// The blocks around a place, the outermost first.
pub(super) type Chain = Vec<Vec<Id>>;

/// Everything that reading a configuration needs.
pub(super) struct Importer<'a> {
    pub(super) sources: &'a Sources,
    pub(super) tree: Tree,
    pub(super) ledger: Ledger,
    pub(super) site: draft::Site,
    /// What stands in `http`, or in a file of its own at the top.
    pub(super) http: Vec<Id>,
    /// What holds around every server: the same without its blocks.
    pub(super) outside: Vec<Id>,
    /// Groups of servers by their names.
    pub(super) groups: BTreeMap<String, Id>,
    /// What is known of variables at the place that is being read.
    pub(super) constants: Rc<BTreeMap<String, String>>,
    /// Variables of maps that tell whether a WebSocket is asked for.
    pub(super) asking: BTreeSet<String>,
    /// Variables that the configuration itself computes.
    pub(super) computed: BTreeSet<String>,
    /// `map` and `geo` blocks by the variables that they make.
    pub(super) maps: BTreeMap<String, Id>,
    /// Directives within the reach of a route that passes requests on.
    pub(super) reached: BTreeSet<Id>,
    /// Names of upstreams, by what stands in `proxy_pass` and how it is reached.
    pub(super) upstreams: BTreeMap<String, String>,
    /// The server whose requests are looked at.
    pub(super) current: Option<Current>,
    /// The rules so far, in the order in which the first that holds decides.
    pub(super) rules: Vec<Rule>,
    /// Maps that look at maps.
    pub(super) depth: u8,
    /// The version of nginx that runs the configuration, where somebody has said it.
    pub(super) version: Option<TargetVersion>,
    /// `internal` directives of locations that something in the configuration leads to.
    pub(super) led_to: BTreeSet<Id>,
    /// Budget for the values of constants that are put in.
    pub(super) budget: Budget,
}

/// The first variable of a text, `$name` or `${name}`: its place and its name.
fn first_variable(text: &str) -> Option<(Range<usize>, &str)> {
    let at = text.find('$')?;
    let behind = &text[at + 1..];
    if let Some((name, _)) = behind.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
        return Some((at..at + name.len() + 3, name));
    }
    let length =
        behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
    Some((at..at + 1 + length, &behind[..length]))
}

impl Importer<'_> {
    /// The one directive that holds.
    pub(super) fn setting(&self, chain: &Chain, name: &str) -> Option<Id> {
        self.tree.first_in(chain, name)
    }

    /// The directives that hold where each block replaces all of those further out.
    pub(super) fn settings(&self, chain: &Chain, name: &str) -> Vec<Id> {
        let lists = chain.iter().rev().map(|list| self.tree.named(list, name).collect::<Vec<_>>());
        lists.into_iter().find(|list| !list.is_empty()).unwrap_or_default()
    }

    /// A switch, or what holds where it is not written.
    pub(super) fn switch(&self, chain: &Chain, name: &str, default: bool) -> (bool, Option<Id>) {
        match self.setting(chain, name) {
            Some(id) => (self.tree.argument(id, 0) == "on", Some(id)),
            None => (default, None),
        }
    }

    /// A time, or what holds where it is not written, in the model's form. The field is what it is taken for.
    pub(super) fn time(
        &mut self,
        chain: &Chain,
        name: &str,
        default: u64,
        field: &'static str,
    ) -> String {
        let millis = match self.setting(chain, name) {
            None => default,
            Some(id) => match value::time(&self.text(id, 0)) {
                Some(millis) => {
                    self.ledger.taken(id, field);
                    if millis > 365 * 86_400_000 {
                        self.differs(id, "the model's longest time is 365 days");
                    }
                    millis
                }
                None => {
                    self.ledger.lost(id, "this is no time");
                    default
                }
            },
        };
        measure::duration(millis)
    }

    /// [`Self::time`] for a wait: nothing is the model's shortest, a millisecond.
    pub(super) fn wait(
        &mut self,
        chain: &Chain,
        name: &str,
        default: u64,
        field: &'static str,
    ) -> String {
        let time = self.time(chain, name, default, field);
        if time == "0s" { "1ms".to_owned() } else { time }
    }

    /// An argument, with what is known of its variables.
    pub(super) fn text(&self, id: Id, number: usize) -> String {
        self.budget.at(self.span(id));
        self.known(self.tree.argument(id, number))
    }

    /// An argument that is a value of the model; one that is none is lost.
    pub(super) fn value<T: Scalar>(&mut self, id: Id, number: usize) -> Option<String> {
        let text = self.text(id, number);
        if T::parse(&text).is_ok() {
            return Some(text);
        }
        self.ledger.lost(id, "the model has no such value");
        None
    }

    /// What is the same for every request of a server: its port, if it has one, and its first name; and that variables are
    /// empty up to the `set` that a request comes to. Gives what was known before.
    pub(super) fn enter_server(&mut self, server: &Server) -> Rc<BTreeMap<String, String>> {
        let before = self.constants.clone();
        let constants = Rc::make_mut(&mut self.constants);
        let listens = &server.listens;
        let mut ports: Vec<&str> =
            listens.iter().filter_map(|listen| Some(listen.address.rsplit_once(':')?.1)).collect();
        ports.dedup();
        if let [port] = ports.as_slice() {
            constants.insert("server_port".to_owned(), (*port).to_owned());
        }
        if !listens.iter().any(|listen| listen.proxy_protocol) {
            constants.insert("proxy_protocol_addr".to_owned(), String::new());
        }
        match self.tree.first(&server.list, "server_name").map(|id| self.tree.argument(id, 0)) {
            None => {
                constants.insert("server_name".to_owned(), String::new());
            }
            Some(name) if Hostname::parse(name).is_ok() && !name.contains('*') => {
                constants.insert("server_name".to_owned(), name.to_owned());
            }
            // A wildcard or a regex names no host.
            Some(_) => {}
        }
        before
    }

    /// A text with its constants put in.
    pub(super) fn known(&self, text: &str) -> String {
        self.budget.put_in(text, |rest| {
            let (range, name) = first_variable(rest)?;
            Some((range, self.constants.get(name)))
        })
    }

    /// Where a directive stands: `nginx.conf:14`.
    pub(super) fn origin(&self, id: Id) -> String {
        origin(self.sources, self.span(id))
    }

    pub(super) fn span(&self, id: Id) -> Span {
        self.tree.all[id].span
    }

    /// Something is taken, and means a little less or more in the model.
    pub(super) fn differs(&mut self, id: Id, how: &str) {
        let subjects = self.subjects(id);
        self.ledger.announces(self.span(id), &subjects, how);
    }
}
