//! From which directives the routes of a model come.

use wsgen_model::source::Span;

use super::RouteOrigin;
use super::draft::{Item, Site, name};
use super::ledger::Id;

/// The blocks of a configuration with blocks in blocks.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// The block around each directive.
    around: Vec<Option<Id>>,
    /// Each directive with everything in its block that stands in the same file.
    extents: Vec<Span>,
}

impl Blocks {
    /// Reads the places of all directives and what stands in the blocks of those that have one. A directive is numbered
    /// ahead of what stands in its block.
    pub(crate) fn new<'a>(
        places: impl Iterator<Item = Span>,
        blocks: impl Iterator<Item = (Id, &'a [Id])>,
    ) -> Self {
        let mut extents: Vec<Span> = places.collect();
        let mut around = vec![None; extents.len()];
        for (outer, block) in blocks {
            for inner in block {
                around[*inner].get_or_insert(outer);
            }
        }
        for id in (0..extents.len()).rev() {
            let own = extents[id];
            if let Some(outer) =
                around[id].filter(|outer: &Id| extents[*outer].source == own.source)
            {
                extents[outer].end = extents[outer].end.max(own.end);
            }
        }
        Self { around, extents }
    }

    /// Returns the directive in whose block another one stands.
    pub(crate) fn outer(&self, id: Id) -> Option<Id> {
        self.around.get(id).copied().flatten()
    }

    /// Returns the place of a directive with its block, and those of the blocks around it, the innermost first.
    pub(crate) fn of(&self, id: Id) -> Vec<Span> {
        let all = std::iter::successors(Some(id), |id| self.around.get(*id).copied().flatten());
        // Macros may lead back; nothing is nested as deep.
        all.take(64).filter_map(|id| self.extents.get(id).copied()).collect()
    }
}

impl Site {
    /// Adds a route that is made of some directives.
    pub(crate) fn add_route_of(&mut self, ids: Vec<Id>, wanted: &str, item: Item) {
        self.add_route(wanted, item);
        let known = self.routes.last().and_then(|route| route.fields.text(&["name"]));
        let known = known.map_or_else(|| name(wanted), str::to_owned);
        self.made_of.push((known, ids));
    }

    /// Returns what each route was made of. `place` is where a directive stands; `blocks` are those around it, the innermost
    /// first.
    pub(crate) fn origins(
        &self,
        place: impl Fn(Id) -> Span,
        blocks: impl Fn(Id) -> Vec<Span>,
    ) -> Vec<RouteOrigin> {
        let origin = |(route, ids): &(String, Vec<Id>)| {
            let mut around: Vec<Span> = Vec::new();
            for id in ids {
                let new = blocks(*id).into_iter().filter(|span| !around.contains(span));
                let new: Vec<Span> = new.collect();
                around.extend(new);
            }
            RouteOrigin {
                route: route.clone(),
                directives: ids.iter().map(|id| place(*id)).collect(),
                blocks: around,
            }
        };
        self.made_of.iter().map(origin).collect()
    }
}

#[cfg(test)]
mod tests {
    use wsgen_model::source::SourceId;

    use super::*;
    use crate::import::draft::Draft;

    #[test]
    fn a_route_knows_its_directives_and_the_blocks_around_them() {
        let mut site = Site::new(None);
        let item = || Item { origin: String::new(), fields: Draft::map() };
        site.add_route_of(vec![1, 2], "a", item());
        site.add_route_of(vec![3], "a", item());
        let span = |at: usize| Span::new(SourceId(0), at..at + 1);
        let all = site.origins(span, |id| vec![span(10 + id / 3), span(20)]);
        assert_eq!(all[0].directives, [span(1), span(2)]);
        assert_eq!(all[0].blocks, [span(10), span(20)]);
        assert_eq!((all[1].route.as_str(), &all[1].blocks), ("a-2", &vec![span(11), span(20)]));
    }

    #[test]
    fn a_block_reaches_to_the_end_of_what_stands_in_it() {
        let span = |start: usize, end: usize| Span::new(SourceId(0), start..end);
        let places = [span(0, 4), span(10, 14), span(20, 24), span(30, 34)];
        let inner: [&[Id]; 2] = [&[1, 3], &[2]];
        let blocks = Blocks::new(places.into_iter(), inner.into_iter().enumerate());
        assert_eq!(blocks.of(2), [span(20, 24), span(10, 24), span(0, 34)]);
        assert_eq!(blocks.of(3), [span(30, 34), span(0, 34)]);
    }
}
