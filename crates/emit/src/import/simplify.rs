//! Prefixes of segments in place of prefixes of text, where a person would have written them. Servers compare texts
//! (`route/starts-with`), and somebody who wrote `/api` mostly meant `/api` and what is below it (`route/prefix`).

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, Item};

/// One path matcher that was simplified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simplified {
    /// Name of the route.
    pub route: String,
    /// Where the route comes from: `nginx.conf:14`.
    pub origin: String,
    /// The prefix of segments that its entry has now.
    pub prefix: String,
    /// What is different.
    pub change: Change,
}

/// What a simplified matcher takes that it did not take before, or no longer takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `starts_with: /api` became `prefix: /api`: paths that go on within the segment, as `/apix`, are no longer taken.
    WithinSegment,
    /// `starts_with: /api/` became `prefix: /api`: `/api` is taken too, in place of a redirect to `/api/`.
    NoRedirect,
}

/// The listeners and the hosts of a route, as one key.
type Place = String;

/// Makes prefixes of segments of the texts of a model's routes, and returns what that changes.
///
/// A text becomes a prefix where it ends with a whole word (`/api`), or where the path without its last slash is redirected to
/// it. Routes that refuse, redirect or ask for a login keep theirs, so that nothing is open that was not.
pub(super) fn simplify(routes: &mut Vec<Item>) -> Vec<Simplified> {
    let plan = Plan::of(routes);
    let mut all = Vec::new();
    routes.retain(|item| !plan.drops(item));
    for item in routes {
        let place = place(item);
        let route = item.fields.text(&["name"]).unwrap_or_default().to_owned();
        let mut entries = entries(item).to_vec();
        for entry in &mut entries {
            let Some(text) = entry.text(&["path", "starts_with"]).map(str::to_owned) else {
                continue;
            };
            let Some(change) = plan.change(&place, &text) else { continue };
            let prefix = text.trim_end_matches('/').to_owned();
            entry.set(&["path"], Draft::of("prefix", prefix.as_str()));
            all.push(Simplified {
                route: route.clone(),
                origin: item.origin.clone(),
                prefix,
                change,
            });
        }
        if !entries.is_empty() {
            item.fields.set(&["match"], entries);
        }
    }
    all
}

/// What is done with the texts of each place.
#[derive(Debug, Default)]
struct Plan {
    /// Texts of routes that are no guards, and of guards.
    texts: BTreeMap<(Place, String), Kind>,
    /// Paths that are redirected to themselves with a slash.
    redirected: BTreeSet<(Place, String)>,
    /// Prefixes that there are already: another route would be the same.
    prefixes: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Forwards,
    Guards,
}

impl Plan {
    fn of(routes: &[Item]) -> Self {
        let mut plan = Self::default();
        for item in routes {
            let place = place(item);
            if let Some(path) = redirected(item) {
                plan.redirected.insert((place.clone(), path.to_owned()));
            }
            for entry in entries(item) {
                if let Some(prefix) = entry.text(&["path", "prefix"]) {
                    plan.prefixes.insert(prefix.trim_end_matches('/').to_owned());
                }
                let Some(text) = entry.text(&["path", "starts_with"]) else { continue };
                let known = plan.texts.entry((place.clone(), text.to_owned()));
                let kind = if guards(item) { Kind::Guards } else { Kind::Forwards };
                known
                    .and_modify(|known| *known = if kind == Kind::Guards { kind } else { *known })
                    .or_insert(kind);
            }
        }
        plan
    }

    /// What becomes of a text.
    fn change(&self, place: &str, text: &str) -> Option<Change> {
        let key = |text: &str| (place.to_owned(), text.to_owned());
        let bare = text.trim_end_matches('/');
        let forwards = self.texts.get(&key(text)) == Some(&Kind::Forwards);
        if !forwards || self.prefixes.contains(bare) {
            return None;
        }
        if bare.len() < text.len() {
            // The text without the slash would become the same prefix.
            let both = self.texts.contains_key(&key(bare));
            return (self.redirected.contains(&key(bare)) && !both).then_some(Change::NoRedirect);
        }
        text.ends_with(|c: char| c.is_ascii_alphanumeric()).then_some(Change::WithinSegment)
    }

    /// Whether a route is a redirect to a text that takes its path now.
    fn drops(&self, item: &Item) -> bool {
        redirected(item).is_some_and(|path| {
            self.change(&place(item), &format!("{path}/")) == Some(Change::NoRedirect)
        })
    }
}

/// The path that a route redirects to itself with a slash, if it does nothing else.
fn redirected(item: &Item) -> Option<&str> {
    let [entry] = entries(item) else { return None };
    let path = entry.text(&["path", "exact"])?;
    let alone = matches!(entry, Draft::Map(fields) if fields.len() == 1);
    let to = item.fields.text(&["redirect", "path"])?;
    (alone && to.strip_suffix('/') == Some(path)).then_some(path)
}

/// Whether a route refuses, redirects or asks for something.
fn guards(item: &Item) -> bool {
    ["respond", "redirect", "auth"].iter().any(|key| item.fields.get(&[key]).is_some())
}

fn entries(item: &Item) -> &[Draft] {
    match item.fields.get(&["match"]) {
        Some(Draft::List(entries)) => entries,
        _ => &[],
    }
}

fn place(item: &Item) -> Place {
    format!("{:?} {:?}", item.fields.get(&["listeners"]), item.fields.get(&["hostnames"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(name: &str, kind: &str, path: &str, action: (&[&str], &str)) -> Item {
        let mut fields = Draft::of("name", name);
        fields.push(&["match"], Draft::of("path", Draft::of(kind, path)));
        fields.set(action.0, action.1);
        Item { origin: "a.conf:1".to_owned(), fields }
    }

    #[test]
    fn whole_words_become_prefixes() {
        let app: (&[&str], &str) = (&["upstream"], "app");
        let mut routes = vec![
            route("api", "starts_with", "/api", app),
            // A text on purpose.
            route("ws", "starts_with", "/ws-", app),
            // What nginx answers to the path without the slash.
            route("live-slash", "exact", "/live", (&["redirect", "path"], "/live/")),
            route("live", "starts_with", "/live/", app),
            // Nothing is redirected to this.
            route("docs", "starts_with", "/docs/", app),
            // A guard must not get narrower.
            route("admin", "starts_with", "/admin", (&["respond", "status"], "403")),
            // There is such a prefix.
            route("old", "starts_with", "/old", app),
            route("old-too", "prefix", "/old", app),
        ];
        let changes = simplify(&mut routes);
        let changes: Vec<_> = changes
            .iter()
            .map(|one| (one.route.as_str(), one.prefix.as_str(), &one.change))
            .collect();
        assert_eq!(
            changes,
            [("api", "/api", &Change::WithinSegment), ("live", "/live", &Change::NoRedirect)]
        );
        let paths: Vec<_> = routes
            .iter()
            .map(|item| {
                let name = item.fields.text(&["name"]).unwrap_or_default();
                (name.to_owned(), entries(item)[0].get(&["path"]).cloned())
            })
            .collect();
        let of =
            |name: &str, kind: &str, path: &str| (name.to_owned(), Some(Draft::of(kind, path)));
        assert_eq!(
            paths,
            [
                of("api", "prefix", "/api"),
                of("ws", "starts_with", "/ws-"),
                of("live", "prefix", "/live"),
                of("docs", "starts_with", "/docs/"),
                of("admin", "starts_with", "/admin"),
                of("old", "starts_with", "/old"),
                of("old-too", "prefix", "/old"),
            ]
        );
    }
}
