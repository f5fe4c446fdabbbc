//! What an entry asks beside the path.

use crate::config::ValueMatch;
use crate::routing::{NormalPath, Request};
use crate::site::Entry;

/// Whether everything but the path holds.
pub(super) fn hold(
    entry: &Entry,
    request: &Request<'_>,
    path: &NormalPath<'_>,
    websocket: bool,
) -> bool {
    let method = request.effective_method();
    (!entry.upgrade || websocket)
        && (entry.methods.is_empty() || entry.methods.iter().any(|m| m.as_str() == method))
        && entry.headers.iter().all(|(name, wanted)| value(wanted, request.field(name.as_str())))
        && entry.query.iter().all(|(name, wanted)| value(wanted, path.parameters(name.as_str())))
}

fn value<'v>(wanted: &ValueMatch, mut values: impl Iterator<Item = &'v str>) -> bool {
    match wanted {
        ValueMatch::Present => values.next().is_some(),
        ValueMatch::Equals(wanted) => values.any(|value| value == wanted.as_str()),
    }
}

/// The rank of an entry among those of an equal path (`route/ties`), smaller first.
pub(crate) fn tie_rank(
    entry: &Entry,
) -> (bool, std::cmp::Reverse<usize>, std::cmp::Reverse<usize>, bool) {
    (
        entry.methods.is_empty(),
        std::cmp::Reverse(entry.headers.len()),
        std::cmp::Reverse(entry.query.len()),
        !entry.upgrade,
    )
}
