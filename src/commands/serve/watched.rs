//! Files that are looked at now and then.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use wsgen_model::source::Sources;

/// The files of a model, and when they were changed last.
pub(super) struct Watched {
    files: Vec<PathBuf>,
    /// What holds, and what was seen since and may still be being written.
    known: Stamp,
    seen: Stamp,
    looked: Instant,
}

type Stamp = Vec<Option<(SystemTime, u64)>>;

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);

impl Watched {
    pub(super) fn new(sources: &Sources) -> Self {
        let files: Vec<_> =
            sources.iter().map(|(_, source)| PathBuf::from(source.name())).collect();
        let known = stamp(&files);
        Self { files, seen: known.clone(), known, looked: Instant::now() }
    }

    /// Whether a file has changed and then stayed as it is for a moment.
    pub(super) fn has_changed(&mut self) -> bool {
        if self.looked.elapsed() < LOOK {
            return false;
        }
        self.looked = Instant::now();
        let now = stamp(&self.files);
        let settled = now == self.seen && now != self.known;
        self.seen = now;
        if settled {
            self.known.clone_from(&self.seen);
        }
        settled
    }
}

fn stamp(files: &[PathBuf]) -> Stamp {
    let one = |file: &PathBuf| {
        let metadata = std::fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.iter().map(one).collect()
}
