//! Two observations of one question, and whether a finding excuses what they differ in.

use std::collections::BTreeMap;

use wsgen_emit::{Announcement, RouteOrigin, Subject, Unusual};
use wsgen_model::site::RouteId;
use wsgen_model::source::Span;

use super::observe::Observed;

/// Which step made a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reading: the original on its own server, and the model on the reference proxy.
    Reading,
    /// Rendering: the model on the reference proxy, and the new configuration on the new server.
    Rendering,
}

/// What two servers do differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The question.
    pub probe: String,
    /// The step that made it.
    pub step: Step,
    /// What it is about.
    pub subject: Subject,
    /// The same for people: "the target that the upstream sees".
    pub topic: String,
    /// What the first of the two does.
    pub before: String,
    /// What the second of the two does.
    pub after: String,
    /// The title of the finding that excuses it; nothing where no finding does.
    pub announced: Option<String>,
}

/// What was told ahead of a comparison.
#[derive(Debug, Clone, Default)]
pub struct Announced {
    /// What reading the original told.
    pub reading: Vec<Announcement>,
    /// What rendering the model told.
    pub rendering: Vec<Announcement>,
    /// What the routes of the model were made of.
    pub routes: Vec<RouteOrigin>,
}

impl Announced {
    /// Returns the same with directives that were left out of the original, because the server that runs it does not know
    /// them: whatever they do, it does not.
    pub(super) fn with_left_out(mut self, places: &[Span]) -> Self {
        self.reading.extend(places.iter().map(|place| Announcement {
            title: "the original runs without this directive".to_owned(),
            subjects: vec![Subject::Anything],
            spans: vec![*place],
            route: None,
        }));
        self
    }

    /// Returns the names of request fields that findings of reading are about: the original told them to its upstreams.
    pub(super) fn request_fields(&self) -> Vec<String> {
        let subjects = self.reading.iter().flat_map(|announcement| &announcement.subjects);
        let names = subjects.filter_map(|subject| match subject {
            Subject::RequestField(name) => Some(name.clone()),
            _ => None,
        });
        names.collect()
    }

    /// Returns the finding that excuses a difference of a route: one of its subject and of its place. `unusual` is what is
    /// unusual about the question.
    pub(super) fn excuse(
        &self,
        step: Step,
        subject: &Subject,
        route: Option<(RouteId, Option<&str>)>,
        unusual: &[Unusual],
    ) -> Option<&Announcement> {
        // What a server loses of a model it says feature by feature, guards among them.
        let answer = [Subject::Guard, Subject::Destination].contains(subject);
        let subject = if answer && step == Step::Rendering { &Subject::Answer } else { subject };
        let of_subject = |announcement: &&Announcement| {
            let fits = |announced: &Subject| match announced {
                Subject::Unusual(what) => unusual.contains(what),
                _ => true,
            };
            let mut all = announcement.subjects.iter();
            all.any(|announced| announced.covers(subject) && fits(announced))
        };
        match step {
            Step::Rendering => self.rendering.iter().filter(of_subject).find(|announcement| {
                announcement.route.is_none_or(|id| route.is_some_and(|(own, _)| own == id))
            }),
            Step::Reading => {
                let name = route.and_then(|(_, name)| name);
                let origin = self.routes.iter().find(|origin| Some(origin.route.as_str()) == name);
                let Some(origin) = origin else {
                    let all = self.reading.iter().filter(of_subject).filter(|_| route.is_none());
                    return all.clone().find(|a| a.spans.iter().any(|span| self.is_nobodys(*span)));
                };
                let about = |announcement: &&Announcement| {
                    announcement.spans.iter().any(|span| self.is_about(*span, origin))
                };
                self.reading.iter().filter(of_subject).find(about)
            }
        }
    }

    /// Whether no route was made of a place, or of a block right around it: it may be about requests without a route.
    fn is_nobodys(&self, place: Span) -> bool {
        let inside = |outer: &Span| {
            outer.source == place.source && outer.start <= place.start && place.end <= outer.end
        };
        !self
            .routes
            .iter()
            .any(|origin| origin.directives.iter().chain(origin.blocks.first()).any(inside))
    }

    /// Whether a directive at a place belongs to a route: it is one of those that the route was made of, or it stands in a
    /// block around them and in no block of another route within that one.
    fn is_about(&self, place: Span, origin: &RouteOrigin) -> bool {
        let inside = |outer: &Span| {
            outer.source == place.source && outer.start <= place.start && place.end <= outer.end
        };
        if origin.directives.iter().any(|own| *own == place || inside(own)) {
            return true;
        }
        let Some(around) = origin.blocks.iter().find(|block| inside(block)) else { return false };
        let others = self.routes.iter().flat_map(|other| &other.blocks);
        let mut nearer = others.filter(|block| {
            inside(block)
                && block.start >= around.start
                && block.end <= around.end
                && *block != around
        });
        nearer.all(|block| origin.blocks.contains(block))
    }
}

/// One thing that two observations differ in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) subject: Subject,
    pub(super) topic: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// Returns everything that two observations of one question differ in. Where another server answers, or with another
/// status, the details say no more.
pub(super) fn compare(step: Step, before: &Observed, after: &Observed) -> Vec<Found> {
    let mut all = Vec::new();
    let mut say = |subject: Subject, topic: String, before: String, after: String| {
        if before != after {
            all.push(Found { subject, topic, before, after });
        }
    };
    let answer = |observed: &Observed| match (observed.status, observed.by.as_str()) {
        (0, _) => "the connection ends".to_owned(),
        (status, "") => format!("{status}"),
        (status, by) => format!("{status} by {by}"),
    };
    if is_nothing(before) && is_nothing(after) {
        return all;
    }
    if (before.status, &before.by) != (after.status, &after.by) {
        let tunnels = before.echoes != after.echoes && before.by == after.by;
        let (subject, topic) = match () {
            () if tunnels => (Subject::Handshake, "who answers"),
            () if is_opened(before, after) => (Subject::Guard, "a refusal that is none any more"),
            () if before.echoes && after.echoes => (Subject::Destination, "where a WebSocket goes"),
            () if is_beside(before, after) => (Subject::Beside, "who answers"),
            () => (Subject::Answer, "who answers"),
        };
        say(subject, topic.to_owned(), answer(before), answer(after));
        return all;
    }
    let location = "the Location".to_owned();
    say(Subject::Location, location, before.location.clone(), after.location.clone());
    if step == Step::Rendering {
        // What passes it on beside handshakes lets upstreams change the protocol (RFC 9110 section 7.8).
        let upgrade = "the Upgrade that the upstream sees".to_owned();
        say(Subject::Handshake, upgrade, before.upgrade.clone(), after.upgrade.clone());
    }
    let target = "the target that the upstream sees".to_owned();
    say(Subject::Target, target, before.target.clone(), after.target.clone());
    let echo = |observed: &Observed| if observed.echoes { "an echo" } else { "none" }.to_owned();
    say(Subject::Handshake, "the tunnel".to_owned(), echo(before), echo(after));
    fields(&before.fields, &after.fields, |name, one, other| {
        // With these applications tell how they were connected to.
        let connection = ["x-proxy-header", "x-upstream-tls"].contains(&name);
        // Some servers take no field with an underscore; that one passes which the model takes out would be wrong.
        if step == Step::Rendering && name.contains('_') && other == NO_FIELD {
            return;
        }
        say(
            if connection { Subject::Connection } else { Subject::request_field(name) },
            format!("the field {name} that the upstream sees"),
            one,
            other,
        );
    });
    fields(&before.answer, &after.answer, |name, one, other| {
        say(Subject::response_field(name), format!("the field {name} of the answer"), one, other);
    });
    all
}

/// Whether a server has nothing for a request: whether a file could not be found or not be changed is the same.
pub(crate) fn is_nothing(observed: &Observed) -> bool {
    [404, 405].contains(&observed.status) && observed.by.is_empty()
}

/// Whether a server refuses a request that the other one passes on. Gateways that cannot reach an application refuse nothing.
fn is_opened(before: &Observed, after: &Observed) -> bool {
    let refuses = before.status == 0 || before.status >= 400;
    let gateway = [502, 503, 504].contains(&before.status);
    refuses && !gateway && before.by.is_empty() && !after.by.is_empty()
}

/// Whether a server answers by itself where the other one has nothing: with files or pages, not with a redirect, and not
/// with a login that would be one no more; or whether nobody listens at all there.
pub(crate) fn is_beside(before: &Observed, after: &Observed) -> bool {
    let own = before.by.is_empty() && before.location.is_empty();
    let found = ![0, 401].contains(&before.status);
    let nothing = after.by.is_empty() && after.status == 404;
    found && own && nothing || before.status != 0 && after.status == 0
}

/// Text of a difference in place of the value of a field that a message lacks.
const NO_FIELD: &str = "none";

/// Calls a function with each name of two maps, and what each has for it.
fn fields(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    mut say: impl FnMut(&str, String, String),
) {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let tell = |fields: &BTreeMap<String, String>| {
            fields.get(name).map_or_else(|| NO_FIELD.to_owned(), |value| format!("`{value}`"))
        };
        say(name, tell(before), tell(after));
    }
}

#[cfg(test)]
mod tests {
    use wsgen_model::source::SourceId;

    use super::*;

    fn span(start: usize, end: usize) -> Span {
        Span::new(SourceId(0), start..end)
    }

    fn origin(route: &str, own: Span, block: Span) -> RouteOrigin {
        let server = span(0, 1000);
        RouteOrigin { route: route.to_owned(), directives: vec![own], blocks: vec![block, server] }
    }

    fn announced(subject: Subject, place: Span) -> Announced {
        Announced {
            reading: vec![Announcement {
                title: "WSG0403".to_owned(),
                subjects: vec![subject],
                spans: vec![place],
                route: None,
            }],
            rendering: Vec::new(),
            routes: vec![
                origin("a", span(20, 30), span(10, 100)),
                origin("b", span(210, 230), span(200, 300)),
            ],
        }
    }

    #[test]
    fn a_finding_excuses_its_own_subject_at_its_own_place() {
        let route = |name| Some((RouteId(0), Some(name)));
        let reading = Step::Reading;
        let of_a = announced(Subject::Answer, span(50, 60));
        assert!(of_a.excuse(reading, &Subject::Answer, route("a"), &[]).is_some());
        // Another subject, another route, no route, and another step.
        assert_eq!(of_a.excuse(reading, &Subject::Target, route("a"), &[]), None);
        assert_eq!(of_a.excuse(reading, &Subject::Answer, route("b"), &[]), None);
        assert_eq!(of_a.excuse(reading, &Subject::Answer, None, &[]), None);
        assert_eq!(of_a.excuse(Step::Rendering, &Subject::Answer, route("a"), &[]), None);
        // No finding excuses a guard that is open unless it says that, nor a WebSocket that goes elsewhere.
        for subject in [Subject::Guard, Subject::Destination] {
            assert_eq!(of_a.excuse(reading, &subject, route("a"), &[]), None);
            let all = announced(Subject::Anything, span(50, 60));
            assert_eq!(all.excuse(reading, &subject, route("a"), &[]), None);
        }
        let of_guard = announced(Subject::Guard, span(50, 60));
        assert!(of_guard.excuse(reading, &Subject::Guard, route("a"), &[]).is_some());
        // What stands in the server is about both.
        let of_both = announced(Subject::Answer, span(400, 410));
        assert!(of_both.excuse(reading, &Subject::Answer, route("a"), &[]).is_some());
        assert!(of_both.excuse(reading, &Subject::Answer, route("b"), &[]).is_some());
        // What stands elsewhere is about neither, and about requests that have no route.
        let elsewhere = announced(Subject::Answer, span(2000, 2010));
        assert_eq!(elsewhere.excuse(reading, &Subject::Answer, route("a"), &[]), None);
        assert!(elsewhere.excuse(reading, &Subject::Answer, None, &[]).is_some());
    }

    #[test]
    fn a_finding_of_rendering_is_about_its_route_or_all() {
        let announcement = |route| Announcement {
            title: "WSG0301".to_owned(),
            subjects: vec![Subject::Forwarded],
            spans: Vec::new(),
            route,
        };
        let said =
            |route| Announced { rendering: vec![announcement(route)], ..Announced::default() };
        let field = Subject::request_field("X-Forwarded-For");
        let of = |said: &Announced, id| {
            said.excuse(Step::Rendering, &field, Some((RouteId(id), None)), &[]).is_some()
        };
        assert!(of(&said(Some(RouteId(1))), 1) && !of(&said(Some(RouteId(1))), 0));
        assert!(of(&said(None), 0) && of(&said(None), 1));
    }

    #[test]
    fn everything_that_differs_is_told() {
        let seen = |status, by: &str, host: &str| Observed {
            status,
            by: by.to_owned(),
            fields: [("host".to_owned(), host.to_owned())].into(),
            ..Observed::default()
        };
        let compare = |one: &Observed, other: &Observed| compare(Step::Reading, one, other);
        assert_eq!(compare(&seen(200, "a", "x"), &seen(200, "a", "x")), []);
        let all = compare(&seen(200, "a", "x"), &seen(404, "", "y"));
        assert_eq!((all.len(), &all[0].subject), (1, &Subject::Answer));
        let all = compare(&seen(403, "", "x"), &seen(200, "a", "y"));
        assert_eq!((all.len(), &all[0].subject), (1, &Subject::Guard));
        let all = compare(&seen(200, "", "x"), &seen(404, "", "y"));
        assert_eq!((all.len(), &all[0].subject), (1, &Subject::Beside));
        let tunnel = |by| Observed { echoes: true, ..seen(101, by, "x") };
        let all = compare(&tunnel("a"), &tunnel("b"));
        assert_eq!((all.len(), &all[0].subject), (1, &Subject::Destination));
        let all = compare(&seen(200, "a", "x"), &seen(200, "a", "y"));
        assert_eq!((all.len(), &all[0].subject), (1, &Subject::request_field("host")));
        assert_eq!(
            compare(&Observed::default(), &seen(200, "a", "x"))[0].before,
            "the connection ends"
        );
    }
}
