//! An entry that others cover wholly and outrank: no request reaches it.

use std::collections::HashMap;

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::{Entry, PathRule, RouteId, Site};
use crate::source::Span;

/// An unconditional entry that may cover others.
#[derive(Clone, Copy)]
struct Cover {
    priority: i32,
    order: usize,
    span: Span,
}

/// The unconditional entries of one host.
#[derive(Default)]
struct Covers<'a> {
    exact: HashMap<&'a str, Cover>,
    prefix: HashMap<&'a str, Cover>,
    starts_with: HashMap<&'a str, Cover>,
    /// Regexes that match every path.
    everything: Vec<Cover>,
}

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    // An entry is unreachable if it is so at every host of every listener that it belongs to.
    let mut verdicts: HashMap<(RouteId, usize), Option<Span>> = HashMap::new();
    for listener in site.listener_ids() {
        for (_, routes) in site.claims(listener).tables() {
            let covers = covers(site, routes);
            for id in routes {
                let route = &site.routes[id.0];
                for (number, entry) in route.entries.iter().enumerate() {
                    let order = order(*id, number);
                    let by = covers.cover(entry, *route.priority, order).map(|cover| cover.span);
                    let verdict = verdicts.entry((*id, number)).or_insert(by);
                    *verdict = verdict.and(by);
                }
            }
        }
    }
    for ((id, number), by) in verdicts {
        let Some(by) = by else { continue };
        let entry = &site.routes[id.0].entries[number];
        diagnostics.push(
            Diagnostic::new(Code::UNREACHABLE_ROUTE, "no request reaches this entry")
                .labelled(entry.span, "outranked for everything that it matches")
                .also(by, "takes all of them")
                .help("raise its `priority`, or narrow the other one")
                .clause(Clause::ROUTE_PRECEDENCE),
        );
    }
}

/// File order: route first, then entry. A route has far fewer entries than this.
fn order(id: RouteId, number: usize) -> usize {
    id.0 * 100_000 + number
}

fn covers<'a>(site: &'a Site, routes: &[RouteId]) -> Covers<'a> {
    let mut covers = Covers::default();
    for id in routes {
        let route = &site.routes[id.0];
        for (number, entry) in
            route.entries.iter().enumerate().filter(|(_, e)| e.is_unconditional())
        {
            let cover =
                Cover { priority: *route.priority, order: order(*id, number), span: entry.span };
            let higher = |slot: &mut Cover| {
                if cover.priority > slot.priority {
                    *slot = cover;
                }
            };
            match &entry.path {
                PathRule::Exact(path) => {
                    covers.exact.entry(path.as_str()).and_modify(higher).or_insert(cover);
                }
                PathRule::Prefix(path) => {
                    covers.prefix.entry(path.prefix()).and_modify(higher).or_insert(cover);
                }
                PathRule::StartsWith(path) => {
                    covers.starts_with.entry(path.as_str()).and_modify(higher).or_insert(cover);
                }
                PathRule::Regex(pattern) if pattern.matches_everything() => {
                    covers.everything.push(cover);
                }
                PathRule::Regex(_) => {}
            }
        }
    }
    covers
}

impl Covers<'_> {
    fn cover(&self, entry: &Entry, priority: i32, order: usize) -> Option<Cover> {
        let higher = |cover: &&Cover| cover.priority > priority;
        let regex = self.everything.iter().find(|cover| {
            cover.priority > priority
                || cover.priority == priority
                    && match &entry.path {
                        PathRule::Exact(_) => false,
                        PathRule::Regex(_) => cover.order < order,
                        PathRule::Prefix(_) | PathRule::StartsWith(_) => true,
                    }
        });
        if let Some(cover) = regex {
            return Some(*cover);
        }
        let path = match &entry.path {
            PathRule::Exact(path) => {
                if let Some(cover) = self.exact.get(path.as_str()).filter(higher) {
                    return Some(*cover);
                }
                path.as_str()
            }
            PathRule::Prefix(path) => path.prefix(),
            PathRule::StartsWith(path) => path.as_str(),
            PathRule::Regex(_) => "",
        };
        if !self.starts_with.is_empty() {
            let texts = (1..=path.len()).filter_map(|end| self.starts_with.get(path.get(..end)?));
            if let Some(cover) = texts.into_iter().find(|cover| higher(cover)) {
                return Some(*cover);
            }
        }
        let mut prefix = match &entry.path {
            // The text may go on within its last segment.
            PathRule::StartsWith(_) => &path[..path.rfind('/')?],
            _ => path,
        };
        loop {
            if let Some(cover) = self.prefix.get(prefix).filter(higher) {
                return Some(*cover);
            }
            prefix = &prefix[..prefix.rfind('/')?];
        }
    }
}
