//! HAProxy's configuration, read back: by its own rules of inheritance, of conditions, and of which rule comes first.

// A new directive or flag must not fall into an arm that was written before it (docs/decisions/reading.md).
#![deny(clippy::wildcard_enum_match_arm)]

mod answer;
mod anyway;
mod backend;
mod bind;
mod changes;
mod check;
mod differs;
mod edits;
mod extras;
mod field;
mod fields;
mod holds;
mod host;
mod labels;
mod path;
mod path_change;
mod policies;
pub(super) mod relocate;
mod request;
mod response;
mod rest;
mod route;
mod routing;
mod scope;
mod sections;
mod server;
mod state;
mod subjects;
mod telling;
mod values;
mod verdicts;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use wsgen_model::source::{Source, SourceId, Sources};

use self::scope::Importer;
use crate::import::draft::Site;
use crate::import::ledger::Ledger;
use crate::import::{Files, Imported};

/// Files of HAProxy, taken apart.
fn importer<'a>(sources: &'a Sources, ids: &[SourceId], files: &dyn Files) -> Importer<'a> {
    let mut ledger = Ledger::default();
    let (all, sections) = sections::read(sources, ids, files, &mut ledger);
    let source = ids.first().and_then(|id| sources.get(*id));
    let site = Site::new(source.map(Source::name));
    let mut backends = BTreeMap::new();
    for (at, section) in sections.iter().enumerate() {
        if ["backend", "listen"].contains(&section.kind.as_str()) {
            backends.entry(section.name.clone()).or_insert(at);
        }
    }
    let mut importer = Importer {
        sources,
        all,
        sections,
        ledger,
        site,
        upstreams: BTreeMap::new(),
        addresses: BTreeMap::new(),
        reached: BTreeSet::new(),
        backends,
        settled: BTreeSet::new(),
        used: BTreeSet::new(),
        guards: BTreeSet::new(),
        rules_spoken: BTreeSet::new(),
        variables: BTreeMap::new(),
        asked_variables: BTreeSet::new(),
        asking: None,
        handshakes: Vec::new(),
        whys: Vec::new(),
        stateful: false,
        assumes_agents: false,
        agents: false,
        tcp_variables: BTreeSet::new(),
        running: [].into(),
        followed: 0,
        too_deep: false,
    };
    importer.look_for_setters();
    importer
}

/// Reads files of HAProxy.
pub(super) fn import(sources: &mut Sources, ids: &[SourceId], files: &mut dyn Files) -> Imported {
    let mut importer = importer(sources, ids, files);
    importer.tell_subjects();
    importer.resolvers();
    for section in 0..importer.sections.len() {
        let kind = importer.sections[section].kind.clone();
        if !["frontend", "listen"].contains(&kind.as_str()) {
            continue;
        }
        if importer.is_disabled(section) {
            importer.dropped_section(section, "it is disabled");
        } else if importer.is_tcp(section) && !importer.leads_to_http(section) {
            importer.tcp(section);
        } else if importer.is_page(section) {
            importer.dropped_section(section, "statistics: the new server has its own");
        } else {
            importer.frontend(section);
        }
    }
    for id in importer.site.fill() {
        importer.lose(id, None, crate::import::rewritten::NO_SUCH_PREFIX, false);
    }
    importer.rest();
    importer.close()
}

#[cfg(test)]
mod kinds;
#[cfg(test)]
mod tests;
