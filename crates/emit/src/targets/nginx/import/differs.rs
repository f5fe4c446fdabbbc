//! What an imported model does otherwise than nginx did, by what others see of it.

use super::scope::Importer;
use crate::import::ledger::Id;
use crate::subject::Subject;

/// One kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Differs {
    /// Who answers, or with which status.
    Answer,
    /// The path or the query that the upstream sees.
    Target,
    /// The `Location` of an answer.
    Location,
    /// The request's `Host`.
    Host,
    /// Which server of an upstream gets a request.
    Balancing,
    /// What is told of the client.
    Forwarded,
}

impl Differs {
    fn subject(self) -> Subject {
        match self {
            Self::Answer => Subject::Answer,
            Self::Target => Subject::Target,
            Self::Location => Subject::Location,
            Self::Host => Subject::request_field("host"),
            Self::Balancing => Subject::Balancing,
            Self::Forwarded => Subject::Forwarded,
        }
    }
}

impl Importer<'_> {
    /// Announces a difference at a directive.
    pub(super) fn announce(&mut self, id: Id, kind: Differs, how: &str) {
        self.ledger.announces(self.span(id), &[kind.subject()], how);
    }
}
