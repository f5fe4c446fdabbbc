//! What a running proxy says of itself, on standard error.

use serde_json::json;

use crate::args::LogFormat;
use crate::output;

/// Says things in the form that was asked for.
pub(super) struct Voice {
    json: bool,
}

impl Voice {
    pub(super) fn new(format: Option<LogFormat>) -> Self {
        Self { json: format == Some(LogFormat::Json) }
    }

    /// One line.
    pub(super) fn say(&self, text: &str) {
        let line = if self.json { json!({"message": text}).to_string() } else { text.to_owned() };
        output::eprint(&format!("{line}\n"));
    }

    /// Findings about a model, which take several lines.
    pub(super) fn findings(&self, text: &str) {
        if self.json && !text.is_empty() {
            self.say(text.trim_end());
        } else {
            output::eprint(text);
        }
    }
}
