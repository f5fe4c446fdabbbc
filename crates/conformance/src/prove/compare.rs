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
    // What is said of a field may stand in the directive; of the rest, only in what was said itself.
    let mut say = |topic: String, words: &[&str], original: String, migrated: String| {
        if original != migrated {
            let field = topic.starts_with("the field ");
            let found = announced.iter().find(|announcement| {
                let text = if field { &announcement.words } else { &announcement.title };
                let text = text.to_lowercase();
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
    let mut routes = vec![
        "without their ports",
        "beside the proxy",
        "served first",
        "computed",
        "whole segments",
        "last slash",
    ];
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
        &["location"],
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

#[cfg(test)]
mod tests {
    use super::*;
    use wsgen_model::source::{Source, Sources};

    fn probe() -> Probe {
        let model = "version: 1\nlisteners: [{name: web, address: \"127.0.0.1:80\"}]\n\
                     upstreams: {app: {servers: [\"127.0.0.1:1\"]}}\nroutes: [{upstream: app}]\n";
        let mut sources = Sources::default();
        sources.add(Source::new("wsgen.yaml", model));
        let (site, _) = wsgen_model::read(&sources);
        super::super::probe::probes(&site.expect("a model")).remove(0)
    }

    #[test]
    fn what_nobody_has_said_is_not_announced() {
        let said = [Announcement {
            title: "WSG0408: files that are there were served first".to_owned(),
            words: "files that are there were served first try_files $uri @app".to_owned(),
        }];
        let seen = |status, host: &str| Observed {
            status,
            by: "a".to_owned(),
            fields: [("host".to_owned(), host.to_owned())].into(),
            ..Observed::default()
        };
        assert_eq!(compare(&probe(), &seen(200, "x"), &seen(200, "x"), &said), []);
        let all = compare(&probe(), &seen(200, "x"), &seen(404, "x"), &said);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].announced.as_deref(), Some(said[0].title.as_str()));
        let all = compare(&probe(), &seen(200, "x"), &seen(200, "y"), &said);
        assert_eq!((all.len(), all[0].announced.as_deref()), (1, None));
        // Who does not answer at all has not been announced by anything.
        let none = Observed::default();
        assert_eq!(compare(&probe(), &none, &seen(200, "x"), &said)[0].announced, None);
    }
}
