//! Configurations of servers: reading any text ends, what comes of it is a model without errors, and every finding lies
//! inside of the text.

use wsgen_emit::{NoFiles, TARGETS};
use wsgen_model::source::{Source, Sources};

/// Checks one configuration of a target.
pub fn check(target: &str, bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let target = TARGETS.iter().find(|known| known.name == target).expect("a known target");
    let mut sources = Sources::default();
    let id = sources.add(Source::new("configuration", text));
    let imported = (target.import)(&mut sources, &[id], &mut NoFiles);
    for judged in &imported.directives {
        let range = judged.span.range();
        assert!(range.start <= range.end && range.end <= text.len(), "{}", judged.name);
    }
    let model = imported.model.concat();
    let (site, findings) = wsgen_model::read(&Sources::single("site.yaml", &model));
    assert!(site.is_some() && !findings.has_errors(), "{model}\n{findings:?}");
    let once = wsgen_model::format::format(wsgen_model::source::SourceId(0), &model);
    assert_eq!(once.ok().as_deref(), Some(model.as_str()), "laid out");
}

/// Checks one configuration of nginx.
pub fn nginx(bytes: &[u8]) {
    check("nginx", bytes);
}

/// Checks one configuration of HAProxy.
pub fn haproxy(bytes: &[u8]) {
    check("haproxy", bytes);
}

/// Checks one configuration of Apache.
pub fn apache(bytes: &[u8]) {
    check("apache", bytes);
}
