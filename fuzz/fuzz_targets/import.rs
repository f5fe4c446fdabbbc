//! Configurations of servers: whatever a text is, reading it ends, and what comes of it is a model.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wsgen_emit::{Files, TARGETS};
use wsgen_model::source::{Source, Sources};

struct Nothing;

impl Files for Nothing {
    fn read(&mut self, _: &str, _: &str) -> Option<(String, String)> {
        None
    }

    fn list(&mut self, _: &str, _: &str) -> Vec<String> {
        Vec::new()
    }
}

// The first byte chooses the server.
fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let target = TARGETS[usize::from(*first) % TARGETS.len()];
    let mut sources = Sources::default();
    let id = sources.add(Source::new("configuration", text));
    let imported = (target.import)(&mut sources, &[id], &mut Nothing);
    let (site, findings) = wsgen_model::read(&Sources::single("site.yaml", imported.model.concat()));
    assert!(site.is_some() && !findings.has_errors(), "{}\n{findings:?}", imported.model.concat());
});
