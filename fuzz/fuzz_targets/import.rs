//! Configurations of servers: whatever a text is, reading it ends, and what comes of it is a model.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wsgen_emit::{NoFiles, TARGETS};
use wsgen_model::source::{Source, Sources};

// The first byte chooses the server.
fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let target = TARGETS[usize::from(*first) % TARGETS.len()];
    let mut sources = Sources::default();
    let id = sources.add(Source::new("configuration", text));
    let imported = (target.import)(&mut sources, &[id], &mut NoFiles);
    let (site, findings) = wsgen_model::read(&Sources::single("site.yaml", imported.model.concat()));
    assert!(site.is_some() && !findings.has_errors(), "{}\n{findings:?}", imported.model.concat());
});
