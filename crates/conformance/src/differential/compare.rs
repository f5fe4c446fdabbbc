//! What two servers did with one question, difference by difference.

use wsgen_emit::Subject;

use crate::prove::observe::Observed;
use crate::prove::{is_beside, is_nothing};

/// One thing that two servers did differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it is about.
    pub subject: Subject,
    /// What the original did.
    pub original: String,
    /// What `wsgen serve` did with the imported model.
    pub imported: String,
    /// How bad it is.
    pub kind: Kind,
}

/// The kinds of difference that no mild finding excuses, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The original refuses, and an application is reached with the model.
    Opened,
    /// Both tunnel, to different applications.
    OtherTunnel,
    /// The model answers by itself with the 502 that stands for what was lost.
    Placeholder,
    /// Everything else.
    Plain,
}

/// Compares two observations. `named` are the fields that the configuration speaks of: of the servers' own answers no others
/// are compared. `alike` are groups of applications that take turns.
pub(super) fn compare(
    original: &Observed,
    imported: &Observed,
    named: &[String],
    alike: &[Vec<String>],
) -> Vec<Difference> {
    let turns = |one: &String, other: &String| {
        alike.iter().any(|group| group.contains(one) && group.contains(other))
    };
    let tunnels = original.status == 101 && imported.status == 101;
    let same_by = original.by == imported.by || turns(&original.by, &imported.by);
    let difference = |subject, original: String, imported: String, kind| Difference {
        subject,
        original,
        imported,
        kind,
    };
    if is_nothing(original) && is_nothing(imported) {
        return Vec::new();
    }
    if original.status != imported.status || !same_by || original.echoes != imported.echoes {
        let refused = original.by.is_empty() && (original.status >= 400 || original.status == 0);
        let kind = match () {
            () if refused && !imported.by.is_empty() => Kind::Opened,
            () if tunnels => Kind::OtherTunnel,
            () if imported.status == 502 && imported.by.is_empty() => Kind::Placeholder,
            () => Kind::Plain,
        };
        let websocket = (original.status == 101) != (imported.status == 101) && same_by;
        let subject = match () {
            () if websocket => Subject::Handshake,
            () if is_beside(original, imported) => Subject::Beside,
            () => Subject::Answer,
        };
        return vec![difference(subject, told(original), told(imported), kind)];
    }
    let mut all = Vec::new();
    for (subject, one, other) in [
        (Subject::Location, &original.location, &imported.location),
        (Subject::Target, &original.target, &imported.target),
    ] {
        if one != other {
            all.push(difference(subject, one.clone(), other.clone(), Kind::Plain));
        }
    }
    let own = original.by.is_empty();
    for (request, one, other) in
        [(true, &original.fields, &imported.fields), (false, &original.answer, &imported.answer)]
    {
        let mut all_names: Vec<&String> = one.keys().chain(other.keys()).collect();
        all_names.sort();
        all_names.dedup();
        for name in all_names {
            if (own && !named.contains(name)) || one.get(name) == other.get(name) {
                continue;
            }
            let value = |value: Option<&String>| {
                value.map_or_else(|| "none".to_owned(), |value| format!("`{value}`"))
            };
            let subject =
                if request { Subject::request_field(name) } else { Subject::response_field(name) };
            let (one, other) = (value(one.get(name)), value(other.get(name)));
            all.push(difference(subject, one, other, Kind::Plain));
        }
    }
    all
}

/// An observation in a few words.
fn told(observed: &Observed) -> String {
    match (observed.status, observed.by.as_str()) {
        (0, _) => "the connection ends".to_owned(),
        (status, "") if !observed.location.is_empty() => {
            format!("{status} to {}", observed.location)
        }
        (status, "") => format!("{status}"),
        (101, by) if !observed.echoes => format!("101 by {by} without an echo"),
        (status, by) => format!("{status} by {by}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(status: u16, by: &str) -> Observed {
        let echoes = status == 101;
        Observed { status, by: by.to_owned(), echoes, ..Observed::default() }
    }

    fn kinds(original: &Observed, imported: &Observed) -> Vec<Kind> {
        compare(original, imported, &[], &[]).into_iter().map(|d| d.kind).collect()
    }

    #[test]
    fn what_opens_and_what_goes_elsewhere_is_told_apart() {
        assert_eq!(kinds(&seen(200, "a"), &seen(200, "a")), []);
        assert_eq!(kinds(&seen(403, ""), &seen(200, "a")), [Kind::Opened]);
        assert_eq!(kinds(&seen(403, ""), &seen(502, "")), [Kind::Placeholder]);
        assert_eq!(kinds(&seen(405, ""), &seen(404, "")), []);
        assert_eq!(kinds(&seen(101, "a"), &seen(101, "b")), [Kind::OtherTunnel]);
        assert_eq!(kinds(&seen(101, "a"), &seen(200, "a")), [Kind::Plain]);
        let groups = [vec!["a".to_owned(), "b".to_owned()]];
        assert_eq!(compare(&seen(200, "a"), &seen(200, "b"), &[], &groups), []);
    }

    #[test]
    fn fields_are_compared_where_an_application_answers() {
        let with = |value: &str| {
            let mut seen = seen(200, "a");
            seen.fields.insert("x-user".to_owned(), value.to_owned());
            seen
        };
        let all = compare(&with("1"), &with("2"), &[], &[]);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].subject, Subject::request_field("x-user"));
        assert_eq!((all[0].original.as_str(), all[0].imported.as_str()), ("`1`", "`2`"));
    }
}
