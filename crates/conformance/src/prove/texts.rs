//! Questions from texts: from the literals of the original and of the new configuration, whatever an importer has
//! understood of the one and a renderer has made of the other.

use wsgen_model::site::{ListenerId, Site};

use super::probe::Probe;
use crate::differential::{Question, questions};

/// The most that is asked of the original's text.
pub(super) const OF_THE_ORIGINAL: usize = 160;
/// The most that is asked of the new text. Much of it is the renderer's own.
pub(super) const OF_THE_NEW: usize = 60;

/// Returns at most so many questions for a text, without those that are known.
pub(super) fn probes(text: &str, site: &Site, most: usize, known: &[Probe]) -> Vec<Probe> {
    let listeners: Vec<usize> = (0..site.listeners.len()).collect();
    let all = questions(text, &listeners, most);
    let all = all.iter().filter(|question| !has_dots(&question.target)).map(probe);
    all.filter(|probe| !known.iter().any(|known| known.is_same(probe))).collect()
}

/// Whether a path has segments of dots: servers take them away at different times, and nobody writes such paths. Samples of
/// regexes have them by accident.
fn has_dots(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    path.split('/').any(|segment| [".", ".."].contains(&segment))
}

fn probe(question: &Question) -> Probe {
    Probe {
        listener: ListenerId(question.listener),
        handshake: question.handshake.is_some(),
        method: question.method.clone(),
        target: question.target.clone(),
        host: question.host.clone(),
        fields: question.fields.clone(),
        text: question.text(),
        title: question.line(),
        rendered: false,
        no_tunnel: false,
    }
}
