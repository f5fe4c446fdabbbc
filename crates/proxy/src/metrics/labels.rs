//! Labels of the metrics.

use std::fmt::Error;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

use crate::events::Stage;

/// The class of a response's status, such as `2xx`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Class {
    pub(super) class: &'static str,
}

/// Why a tunnel ended, in the words of the access log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reason {
    pub(super) reason: &'static str,
}

/// Result of a reload: `good` or `bad`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Outcome {
    pub(super) result: &'static str,
}

/// The side that sent bytes: `client` or `upstream`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Sender {
    pub(super) from: &'static str,
}

/// Engine that carries settled tunnels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Engine {
    pub(super) engine: &'static str,
}

/// Labels of one server of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Server {
    pub(crate) upstream: String,
    pub(crate) server: String,
}

/// Labels of one server of an upstream, and of the step at which it failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Failure {
    pub(crate) upstream: String,
    pub(crate) server: String,
    pub(crate) stage: Stage,
}

impl EncodeLabelValue for Stage {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), Error> {
        self.as_str().encode(encoder)
    }
}

/// The direction of a change of health: `up` or `down`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Change {
    pub(crate) upstream: String,
    pub(crate) server: String,
    pub(crate) to: &'static str,
}

/// The rule that a refused request broke.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Rule {
    pub(crate) rule: &'static str,
}

/// A listener, by its address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Listener {
    pub(crate) listener: String,
}

/// A limit that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Limited {
    pub(crate) limit: &'static str,
}

/// A name that was resolved while the proxy runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Resolved {
    pub(crate) name: String,
}

/// Which log lost lines: `access` or `error`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct LogName {
    pub(crate) log: &'static str,
}

/// A thread of the process, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Thread {
    pub(super) thread: String,
}

/// The part of the process that panicked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Part {
    pub(crate) part: &'static str,
}
