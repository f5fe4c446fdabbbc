//! Requests on their way through the directives of a server.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::location::Location;
use super::scope::Chain;
use super::server::Server;
use crate::import::condition::Condition;
use crate::import::ledger::Id;
use crate::import::rules::Bound;

/// The path of a request on its way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Path {
    /// The one that was asked for.
    #[default]
    Asked,
    /// Another, the same for all requests.
    Known(String),
    /// The one that was asked for, with what a pattern fits replaced.
    Changed {
        /// The pattern.
        pattern: String,
        /// The replacement.
        to: String,
    },
}

/// Requests on their way.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag that the server keeps too")]
pub(super) struct State {
    /// Which requests these are.
    pub(super) condition: Condition,
    /// What is known of variables.
    pub(super) variables: Rc<BTreeMap<String, String>>,
    /// The blocks that they are in, the outermost first.
    pub(super) chain: Chain,
    /// The number of blocks around the location.
    pub(super) base: usize,
    /// Their path.
    pub(super) path: Path,
    /// Whether a rewrite has made another path since the last search.
    pub(super) moved: bool,
    /// Whether a `break` has ended rewrites that changed the path: the path of a URL gives way to that of the request from
    /// then on (`valid_location` of nginx's source).
    pub(super) broken: bool,
    /// The searches for a location so far, after the first.
    pub(super) searches: u8,
    /// Whether the server itself leads here.
    pub(super) inside: bool,
    /// Whether an `error_page` leads here.
    pub(super) erred: bool,
    /// Whether rules for other requests stand behind, so that requests which no location takes need a 404 rule.
    pub(super) needs_rule: bool,
    /// The directives that a rule is made of; the first says where it stands.
    pub(super) ids: Vec<Id>,
    /// The `if` that they are in.
    pub(super) within: Option<Id>,
}

impl Default for State {
    /// Every request, as it comes.
    fn default() -> Self {
        Self {
            condition: Condition::always(),
            variables: Rc::default(),
            chain: Chain::new(),
            base: 0,
            path: Path::Asked,
            moved: false,
            broken: false,
            searches: 0,
            inside: false,
            erred: false,
            needs_rule: false,
            ids: Vec::new(),
            within: None,
        }
    }
}

/// The server whose requests are looked at.
#[derive(Debug, Clone)]
pub(super) struct Current {
    pub(super) server: Rc<Server>,
    pub(super) bounds: Rc<[Bound]>,
    pub(super) locations: Rc<[Rc<Location>]>,
    /// The ways so far.
    pub(super) ways: usize,
}

/// What comes behind the directives of a block.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// The search for a location.
    Search,
    /// The content of a location; a named one has the path of another.
    Content(Rc<Location>),
}

impl End {
    /// What a person would call the place: the path of its location.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Search => String::new(),
            Self::Content(location) => location.path.clone(),
        }
    }
}

/// What comes of a `rewrite`.
pub(super) enum Step {
    /// No request goes on.
    Ends,
    /// All go on with the next directive.
    Next(Box<State>),
    /// Some go on with another path.
    Both { fits: Box<State>, other: Box<State> },
    /// All go on behind the block.
    Leaves(Box<State>),
}

/// What comes of an `if`.
pub(super) enum Branch {
    /// No request goes in.
    Skip,
    /// All of them go in.
    Enter(Box<State>),
    /// Some go in; those that pass may come first, where they alone can be said.
    Both { inside: Box<State>, outside: Box<State>, outside_first: bool },
}
