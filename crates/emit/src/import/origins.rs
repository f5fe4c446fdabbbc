//! From which directives the routes of a model come.

use wsgen_model::source::Span;

use super::RouteOrigin;
use super::draft::{Item, Site, name};
use super::ledger::Id;

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
    #[allow(dead_code, reason = "the importers are ported to it one by one")]
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
}
