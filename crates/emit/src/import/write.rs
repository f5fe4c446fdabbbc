//! The text of a draft, as a person would have written it: what all have in common stands in `defaults`.

use std::ops::Deref;

use compact_str::CompactString;

use super::draft::{Draft, Item, Site};
use super::simplify::{Simplified, simplify};

/// A model that was made of a configuration: the texts of its files, one or several where it is very large.
#[derive(Debug)]
pub struct Model {
    files: Vec<String>,
    site: Site,
    defaults: Draft,
}

impl Model {
    /// Makes prefixes of segments of prefixes of text where a person would have written them, and returns what that changes.
    pub fn simplify(&mut self) -> Vec<Simplified> {
        let changes = simplify(&mut self.site.routes);
        if !changes.is_empty() {
            self.files = self.site.files(&self.defaults);
        }
        changes
    }
}

impl Default for Model {
    /// A model without a file.
    fn default() -> Self {
        Self { files: Vec::new(), site: Site::new(None), defaults: Draft::map() }
    }
}

impl Deref for Model {
    type Target = [String];

    /// The texts of its files.
    fn deref(&self) -> &[String] {
        &self.files
    }
}

/// Keys of an item, in the order of the documentation.
const ORDER: [&str; 29] = [
    "name",
    "address",
    "listeners",
    "hostnames",
    "match",
    "priority",
    "redirect",
    "respond",
    "rewrite",
    "upstream",
    "protocol",
    "servers",
    "protocols",
    "tls",
    "proxy_protocol",
    "trusted_proxies",
    "websocket",
    "host",
    "forwarded",
    "request_headers",
    "response_headers",
    "timeouts",
    "limits",
    "auth",
    "retries",
    "buffering",
    "compression",
    "error_pages",
    "snippets",
];

/// What `defaults` can hold of routes, upstreams and listeners.
const OF_ROUTES: [&[&str]; 9] = [
    &["websocket", "mode"],
    &["host"],
    &["forwarded"],
    &["timeouts", "response_header"],
    &["timeouts", "tunnel_idle"],
    &["limits", "max_body_bytes"],
    &["retries"],
    &["buffering"],
    &["compression"],
];
const OF_UPSTREAMS: [&[&str]; 2] = [&["load_balancing"], &["timeouts", "connect"]];
const OF_LISTENERS: [&[&str]; 6] = [
    &["timeouts", "request_header"],
    &["timeouts", "idle"],
    &["timeouts", "body_idle"],
    &["protocols"],
    &["trusted_proxies"],
    &["limits", "max_header_bytes"],
];

/// A model that is longer is several files: a reader takes 16 MiB of each, and nobody edits so much at once.
const LARGE: usize = 8 << 20;

impl Site {
    /// Writes the model, with what several items have alike as defaults.
    pub(crate) fn write(mut self) -> Model {
        let mut defaults = Draft::map();
        let forwards = |item: &&mut Item| item.fields.get(&["upstream"]).is_some();
        hoist(
            &mut self.routes.iter_mut().filter(forwards).collect::<Vec<_>>(),
            &OF_ROUTES,
            &mut defaults,
        );
        let mut upstreams: Vec<_> = self.upstreams.iter_mut().map(|(_, item)| item).collect();
        hoist(&mut upstreams, &OF_UPSTREAMS, &mut defaults);
        hoist(&mut self.listeners.iter_mut().collect::<Vec<_>>(), &OF_LISTENERS, &mut defaults);
        let all = self.listeners.len();
        for route in &mut self.routes {
            // A route that names no listener belongs to all.
            if matches!(route.fields.get(&["listeners"]), Some(Draft::List(list)) if list.len() == all)
            {
                route.fields.remove(&["listeners"]);
            }
        }
        Model { files: self.files(&defaults), site: self, defaults }
    }

    /// The texts of the files; several where one would be too large.
    fn files(&self, defaults: &Draft) -> Vec<String> {
        let mut files = Files::new(&self.heading);
        if let Draft::Map(entries) = &self.fields {
            section(files.text(), entries);
        }
        if *defaults != Draft::map() {
            section(files.text(), &[("defaults".into(), defaults.clone())]);
        }
        files.text().push_str("\nlisteners:\n");
        for item in &self.listeners {
            entry(files.text(), item, &[]);
        }
        for (number, (name, item)) in self.upstreams.iter().enumerate() {
            files.begin(number == 0, "upstreams");
            let out = files.text();
            for part in ["  # ", &item.origin, "\n  ", name, ":\n"] {
                out.push_str(part);
            }
            fields(out, &item.fields, 4);
        }
        for (number, item) in self.routes.iter().enumerate() {
            let first = files.begin(number == 0, "routes");
            files.text().push_str(if first { "" } else { "\n" });
            let name = item.fields.text(&["name"]).unwrap_or_default();
            let notes = self.notes.get(name).map_or(&[] as &[String], Vec::as_slice);
            entry(files.text(), item, notes);
        }
        files.all
    }
}

/// The files of a model on their way.
struct Files {
    all: Vec<String>,
    heading: String,
}

impl Files {
    fn new(heading: &str) -> Self {
        Self { all: vec![format!("{heading}version: 1\n")], heading: heading.to_owned() }
    }

    /// The last one.
    fn text(&mut self) -> &mut String {
        if self.all.is_empty() {
            self.all.push(String::new());
        }
        let last = self.all.len() - 1;
        &mut self.all[last]
    }

    /// Begins a section, or goes on with it in another file; whether an item is the first there.
    fn begin(&mut self, first: bool, key: &str) -> bool {
        let full = self.text().len() > LARGE;
        if full {
            self.all.push(format!("{}version: 1\nlisteners: []\n", self.heading));
        }
        if first || full {
            self.text().push_str(&format!("\n{key}:\n"));
        }
        first || full
    }
}

/// Moves what several items have alike into the defaults.
fn hoist(items: &mut [&mut Item], paths: &[&[&str]], defaults: &mut Draft) {
    if items.len() < 2 {
        return;
    }
    for path in paths {
        let Some(value) = items[0].fields.get(path).cloned() else { continue };
        if items.iter().all(|item| item.fields.get(path) == Some(&value)) {
            defaults.set(path, value);
            for item in items.iter_mut() {
                item.fields.remove(path);
            }
        }
    }
}

fn section(out: &mut String, entries: &[(CompactString, Draft)]) {
    for (key, value) in entries {
        out.push('\n');
        pair(out, key, value, 0);
    }
}

fn entry(out: &mut String, item: &Item, notes: &[String]) {
    out.push_str("  # ");
    out.push_str(&item.origin);
    for note in notes {
        out.push_str("\n  # ");
        // A comment ends with its line, and YAML takes few other marks.
        out.extend(note.chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
    out.push_str("\n  - ");
    // The first key stands behind the dash.
    let begin = out.len();
    fields(out, &item.fields, 4);
    if out[begin..].starts_with("    ") {
        out.replace_range(begin..begin + 4, "");
    }
}

fn fields(out: &mut String, draft: &Draft, indent: usize) {
    let Draft::Map(entries) = draft else { return };
    let mut sorted: Vec<_> = entries.iter().collect();
    let rank = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
    sorted.sort_by_cached_key(|(key, _)| rank(key));
    for (key, value) in sorted {
        pair(out, key, value, indent);
    }
}

/// The widest that a key and its value stand on one line.
const WIDTH: usize = 90;

fn pair(out: &mut String, key: &str, value: &Draft, indent: usize) {
    let begin = out.len();
    space(out, indent);
    scalar(out, key);
    out.push(':');
    let behind = out.len();
    out.push(' ');
    flow(out, value);
    out.push('\n');
    // A colon, a blank and the end of the line are not counted.
    if out.len() - begin <= WIDTH + 3 {
        return;
    }
    match value {
        Draft::Map(entries) => {
            out.truncate(behind);
            out.push('\n');
            for (key, value) in entries {
                pair(out, key, value, indent + 2);
            }
        }
        Draft::List(list) => {
            out.truncate(behind);
            out.push('\n');
            for value in list {
                space(out, indent + 2);
                out.push_str("- ");
                flow(out, value);
                out.push('\n');
            }
        }
        Draft::Text(_) | Draft::Plain(_) => {}
    }
}

fn space(out: &mut String, width: usize) {
    out.extend(std::iter::repeat_n(' ', width));
}

/// A value on one line.
fn flow(out: &mut String, draft: &Draft) {
    match draft {
        Draft::Plain(text) => out.push_str(text),
        Draft::Text(text) => scalar(out, text),
        Draft::List(list) => {
            out.push('[');
            for (number, value) in list.iter().enumerate() {
                out.push_str(if number == 0 { "" } else { ", " });
                flow(out, value);
            }
            out.push(']');
        }
        Draft::Map(entries) => {
            out.push('{');
            for (number, (key, value)) in entries.iter().enumerate() {
                out.push_str(if number == 0 { "" } else { ", " });
                scalar(out, key);
                out.push_str(": ");
                flow(out, value);
            }
            out.push('}');
        }
    }
}

/// A text that YAML reads as this text, in a flow too: bare where that is beyond doubt.
fn scalar(out: &mut String, text: &str) {
    let bare = text.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-./+".contains(&c));
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let special = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let duration = text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_digit() || "msdhKMGiB".contains(c));
    let is_special = || special.iter().any(|word| word.eq_ignore_ascii_case(text));
    if duration || (bare && begins && !is_special()) {
        return out.push_str(text);
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use wsgen_model::source::{Source, Sources};

    use super::*;

    #[test]
    fn what_is_too_large_is_several_files_of_one_model() {
        let mut site = Site::new(None);
        for number in 0..9_000 {
            let mut fields = Draft::of("respond", Draft::of("status", 200_u64));
            fields.set(&["respond", "body"], "long".repeat(250));
            let path = format!("/{number}");
            fields.set(&["match"], vec![Draft::of("path", Draft::of("exact", path))]);
            site.add_route("route", Item { origin: "a.conf:1".to_owned(), fields });
        }
        site.fill();
        let files = site.write();
        assert!(files.len() > 1 && files.iter().all(|text| text.len() < LARGE + 4096));
        let mut sources = Sources::default();
        for (number, text) in files.iter().cloned().enumerate() {
            sources.add(Source::new(format!("{number}.yaml"), text));
        }
        let (site, findings) = wsgen_model::read(&sources);
        assert!(!findings.has_errors(), "{:?}", findings.iter().next());
        assert_eq!(site.map(|site| site.routes.len()), Some(9_000));
    }

    #[test]
    fn texts_stay_what_they_are() {
        for (text, written) in [
            ("a.b", "a.b"),
            ("10m", "10m"),
            ("20MiB", "20MiB"),
            ("no", "\"no\""),
            ("1e3", "\"1e3\""),
            ("12", "\"12\""),
            ("/a", "/a"),
            ("10.0.0.1:80", "\"10.0.0.1:80\""),
            ("a: b", "\"a: b\""),
            ("\"\\", "\"\\\"\\\\\""),
            ("", "\"\""),
        ] {
            let mut out = String::new();
            scalar(&mut out, text);
            assert_eq!(out, written);
        }
    }
}
