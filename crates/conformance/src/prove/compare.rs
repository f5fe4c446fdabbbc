//! Two observations of one question, and what was said beforehand of how they differ.

use super::observe::Observed;
use super::probe::Probe;

/// What two servers do differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The question.
    pub probe: String,
    /// What it is about.
    pub topic: String,
    /// What the original does.
    pub original: String,
    /// What the new server does.
    pub migrated: String,
    /// What was said of it when the configuration was read or rendered; nothing where it comes unannounced.
    pub announced: Option<String>,
}

/// Something that was said: its code, and its words with those of the directive that it is about.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// The first line of the finding.
    pub title: String,
    /// All its words.
    pub words: String,
}

/// Directives that say where requests go: what is lost of them changes that.
const LOST_ROUTES: [&str; 12] = [
    "`location` is lost",
    "`if` is lost",
    "`rewrite` is lost",
    "`return` is lost",
    "`proxy_pass` is lost",
    "`use_backend` is lost",
    "`redirect` is lost",
    "`http-request deny` is lost",
    "`http-request redirect` is lost",
    "`rewriterule` is lost",
    "`proxypass` is lost",
    "`proxypassmatch` is lost",
];

/// All differences of a question.
pub(super) fn compare(
    probe: &Probe,
    original: &Observed,
    migrated: &Observed,
    announced: &[Announcement],
) -> Vec<Difference> {
    let mut all = Vec::new();
    let mut say = |topic: String, words: &[&str], original: String, migrated: String| {
        if original != migrated {
            let found = announced.iter().find(|announcement| {
                let text = announcement.words.to_lowercase();
                words.iter().any(|word| text.contains(&word.to_lowercase()))
            });
            all.push(Difference {
                probe: probe.title(),
                topic,
                original,
                migrated,
                announced: found.map(|announcement| announcement.title.clone()),
            });
        }
    };
    let mut routes =
        vec!["beside the proxy", "served first", "computed", "whole segments", "last slash"];
    routes.extend(LOST_ROUTES);
    if probe.variant {
        routes.push("ends with a slash");
    }
    if original.status == 0 {
        routes = vec!["ends the connection without an answer"];
    }
    // Where they do not do the same thing at all, the details say no more.
    if (original.status, &original.by) != (migrated.status, &migrated.by) {
        let tells = |observed: &Observed| match (observed.status, observed.by.as_str()) {
            (0, _) => "the connection ends".to_owned(),
            (status, "") => format!("{status}"),
            (status, by) => format!("{status} by {by}"),
        };
        let tunnels = original.echoes != migrated.echoes;
        let websocket = ["websocket", "upgrade", "handshake"];
        if tunnels {
            routes.extend(websocket);
        }
        say("who answers".to_owned(), &routes, tells(original), tells(migrated));
        return all;
    }
    say(
        "the Location".to_owned(),
        &["location", "redirect"],
        original.location.clone(),
        migrated.location.clone(),
    );
    let path = ["the path", "slash", "segment", "rewrite", "%2f", "the text is replaced"];
    say(
        "the target that the server sees".to_owned(),
        &path,
        original.target.clone(),
        migrated.target.clone(),
    );
    let echo = |observed: &Observed| if observed.echoes { "an echo" } else { "none" }.to_owned();
    say("the tunnel".to_owned(), &["websocket", "upgrade"], echo(original), echo(migrated));
    for (what, first, second) in [
        ("that the server sees", &original.fields, &migrated.fields),
        ("of the answer", &original.answer, &migrated.answer),
    ] {
        let mut names: Vec<&String> = first.keys().chain(second.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let tell = |fields: &std::collections::BTreeMap<String, String>| {
                fields.get(name).map_or_else(|| "none".to_owned(), |value| format!("`{value}`"))
            };
            let variable = name.replace('-', "_");
            let mut words = vec![name.as_str(), variable.as_str()];
            if probe.variant {
                words.extend(["whole segments", "last slash"]);
            }
            if what == "of the answer"
                && (original.status == 101 || original.by.is_empty() || original.status >= 300)
            {
                words.push("errors carry it too");
                words.push("not on a 101");
            }
            if name == "set-cookie" {
                words.push("values of the cookie");
            }
            if name.starts_with("x-forwarded-") || name == "x-real-ip" || name == "forwarded" {
                words.extend(["what the client itself sent", "forwarded.", "forwardfor"]);
            }
            say(format!("the field {name} {what}"), &words, tell(first), tell(second));
        }
    }
    all
}
