//! `wsgen diff`: what changes in meaning, not in text.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use wsgen_emit::{Selection, Support};
use wsgen_model::feature::Feature;
use wsgen_model::secret::is_secret;
use wsgen_model::site::{Meaning, Site};

use crate::input;
use crate::output::{self, Exit, Failure};
use crate::report;

pub(super) fn run(old: &PathBuf, new: &PathBuf, target: Option<&str>) -> Result<Exit, Failure> {
    let selection = target.map(Selection::parse).transpose();
    let selection = selection.map_err(|problem| Failure::new(problem.message, problem.help))?;
    let (before, after) = (site(old)?, site(new)?);
    let changes = changes(&before.meaning(), &after.meaning());
    if changes.is_empty() {
        output::print("the same in meaning\n")?;
        return Ok(Exit::Success);
    }
    let mut said = changes;
    if let Some(selection) = &selection {
        said.push_str(&kept(selection, &before, &after));
    }
    said.push_str(&reload(selection.as_ref(), &after));
    output::print(&said)?;
    Ok(Exit::Findings)
}

fn site(file: &PathBuf) -> Result<Site, Failure> {
    let input = input::read(std::slice::from_ref(file))?;
    let (site, diagnostics) = super::check::judge(&input);
    site.ok_or_else(|| {
        let said = report::human(&diagnostics, &input.sources);
        Failure::new(format!("{} is wrong\n{said}", file.display()), "see `wsgen check`")
    })
}

/// Line by line; what is new or gone as a whole is told as a whole.
fn changes(before: &Meaning, after: &Meaning) -> String {
    let mut out = String::new();
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let things =
        |meaning: &Meaning| meaning.keys().filter_map(|name| thing(name)).collect::<BTreeSet<_>>();
    let (old, new) = (things(before), things(after));
    let mut told = BTreeSet::new();
    for name in names {
        if let Some(thing) = thing(name)
            && old.contains(&thing) != new.contains(&thing)
        {
            if told.insert(thing.clone()) {
                let (mark, meaning) =
                    if new.contains(&thing) { ('+', after) } else { ('-', before) };
                let _ = writeln!(out, "{mark} {thing}");
                for (field, value) in
                    meaning.iter().filter(|(field, _)| self::thing(field).as_ref() == Some(&thing))
                {
                    let _ = writeln!(
                        out,
                        "{mark}   {}: {value}",
                        &field[thing.len() + 1..],
                        value = shown(field, value)
                    );
                }
            }
            continue;
        }
        match (before.get(name), after.get(name)) {
            (Some(old), Some(new)) if old != new => {
                let (old, new) = (shown(name, old), shown(name, new));
                let new = if old == new { "another" } else { new };
                let _ = writeln!(out, "~ {name}: {old} -> {new}");
            }
            (None, Some(new)) => {
                let _ = writeln!(out, "+ {name}: {}", shown(name, new));
            }
            (Some(old), None) => {
                let _ = writeln!(out, "- {name}: {}", shown(name, old));
            }
            _ => {}
        }
    }
    out
}

/// A value as it is shown: not at all where the field is a header field that carries credentials.
fn shown<'v>(field: &str, value: &'v str) -> &'v str {
    let mut parts = field.rsplit('.');
    let (name, owner) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
    let is_header = owner.ends_with("_headers") || field.contains(".respond.headers.");
    if is_header && is_secret(name) { "a secret" } else { value }
}

/// The listener, upstream or route that a field belongs to.
fn thing(name: &str) -> Option<String> {
    let (kind, rest) = name.split_once('.')?;
    if !["listeners", "upstreams", "routes"].contains(&kind) {
        return None;
    }
    // What a route without a name is called may hold dots.
    let end = if rest.starts_with('[') { rest.find("].")? + 1 } else { rest.find('.')? };
    Some(format!("{kind}.{}", &rest[..end]))
}

/// What the target keeps otherwise than before.
fn kept(selection: &Selection, before: &Site, after: &Site) -> String {
    let lost = |site: &Site| -> BTreeSet<Feature> {
        let asks = site.asks().into_iter().filter(|ask| ask.span.is_some());
        let asks = asks.filter(|ask| {
            (selection.target.support)(ask.feature, selection.version) != Support::Exact
        });
        asks.map(|ask| ask.feature).collect()
    };
    let (old, new) = (lost(before), lost(after));
    let mut out = String::new();
    let title = selection.target.title;
    for feature in new.difference(&old) {
        let entry = feature.entry();
        let why = match (selection.target.support)(*feature, selection.version) {
            Support::Exact => continue,
            Support::Approximate(why) => format!("keeps only in part: {why}"),
            Support::Lost(why) => format!("loses: {why}"),
        };
        let _ = writeln!(out, "! {} `{}`, which {title} {why}", entry.code, entry.field);
    }
    for feature in old.difference(&new) {
        let entry = feature.entry();
        let _ = writeln!(out, "  {} `{}` is asked of {title} no more", entry.code, entry.field);
    }
    out
}

/// What a reload does to tunnels that are open.
fn reload(selection: Option<&Selection>, after: &Site) -> String {
    let drain = &after.drain;
    let mut out = format!(
        "\na reload: new handshakes follow the new model at once; tunnels that are open then live on for {}",
        *drain.timeout
    );
    if drain.spread.as_millis() > 0 {
        let _ = write!(out, " and end spread over {}", *drain.spread);
    } else {
        out.push_str(" and then end");
    }
    out.push('\n');
    if let Some(selection) = selection {
        let title = selection.target.title;
        for feature in [Feature::DrainTimeout, Feature::DrainSpread] {
            let asked = feature == Feature::DrainTimeout || drain.spread.as_millis() > 0;
            match (selection.target.support)(feature, selection.version) {
                Support::Approximate(why) | Support::Lost(why) if asked => {
                    let _ = writeln!(out, "on {title}: {why}");
                }
                _ => {}
            }
        }
    }
    out
}
