//! `--annotate`: every directive says which field of the model it comes from, or which clause demands it.
//!
//! Templates and views mark where a block begins that belongs to a listener, an upstream or a route; a target's table
//! says what each of its directives stands for. The marks are always taken out of the text.

use wsgen_model::clause::{CLAUSES, Clause};

use crate::engine::Raw;

/// How much a rendering says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Annotate {
    /// Nothing.
    #[default]
    Nothing,
    /// The field or clause of each directive.
    Fields,
    /// That, and where a directive stands first, what it is for and who says so.
    Full,
}

/// Begins a mark; no value of a model can contain it.
const MARK: char = '\u{1}';

/// Marks the beginning of a text that is not ours, and its end.
pub(crate) const FOREIGN: (&str, &str) = ("\u{1}<", "\u{1}>");

/// What a block belongs to, as paths of the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// `listeners.NAME`.
    pub(crate) listener: Option<String>,
    /// `upstreams.NAME`.
    pub(crate) upstream: Option<String>,
    /// `routes.NAME`, or its number from 0 on.
    pub(crate) route: Option<String>,
    /// Whether it carries tunnels alone.
    pub(crate) tunnel: bool,
}

impl Scope {
    /// The mark, for a line of its own in a template.
    pub(crate) fn mark(&self) -> Raw {
        let path = |path: &Option<String>| path.clone().unwrap_or_default();
        let (listener, upstream, route) =
            (path(&self.listener), path(&self.upstream), path(&self.route));
        let tunnel = if self.tunnel { "tunnel" } else { "" };
        Raw(format!("{MARK}{listener}\t{upstream}\t{route}\t{tunnel}"))
    }

    fn read(mark: &str) -> Self {
        let mut parts = mark.split('\t');
        let mut path = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        Self { listener: path(), upstream: path(), route: path(), tunnel: path().is_some() }
    }
}

/// Whose field a directive comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The site's.
    Site,
    /// A listener's.
    Listener,
    /// An upstream's.
    Upstream,
    /// A route's.
    Route,
    /// Nobody's: it is there so that the server starts or works.
    House(&'static str),
}

/// Where a directive means this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// Everywhere.
    Both,
    /// Where tunnels are carried alone.
    Tunnels,
    /// Where plain requests are.
    Plain,
}

/// What a directive of a server stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    /// How its line begins.
    pub(crate) words: &'static str,
    on: On,
    owner: Owner,
    field: &'static str,
    clause: Option<Clause>,
    source: &'static str,
    truth: &'static str,
    values: bool,
}

/// A directive that comes from a field, or from a clause alone where the field is empty.
pub(crate) const fn from(
    words: &'static str,
    owner: Owner,
    field: &'static str,
    clause: Clause,
    source: &'static str,
) -> Origin {
    Origin {
        words,
        on: On::Both,
        owner,
        field,
        clause: Some(clause),
        source,
        truth: "",
        values: false,
    }
}

/// A directive that a clause demands of every model.
pub(crate) const fn demanded(words: &'static str, clause: Clause, source: &'static str) -> Origin {
    from(words, Owner::Site, "", clause, source)
}

/// A directive without which the server would not start or work as it is.
pub(crate) const fn house(words: &'static str, why: &'static str, source: &'static str) -> Origin {
    let owner = Owner::House(why);
    Origin { words, on: On::Both, owner, field: "", clause: None, source, truth: "", values: false }
}

impl Origin {
    /// Means this in some places only.
    pub(crate) const fn on(mut self, on: On) -> Self {
        self.on = on;
        self
    }

    /// What people believe of it, and what is true.
    pub(crate) const fn truth(mut self, truth: &'static str) -> Self {
        self.truth = truth;
        self
    }

    /// Opens a block of values, which are no directives.
    pub(crate) const fn of_values(mut self) -> Self {
        self.values = true;
        self
    }

    fn fits(&self, text: &str, scope: &Scope) -> bool {
        let on = match self.on {
            On::Both => true,
            On::Tunnels => scope.tunnel,
            On::Plain => !scope.tunnel,
        };
        on && text.starts_with(self.words)
    }

    /// The field in its scope, or the clause.
    fn place(&self, scope: &Scope) -> String {
        let clause = || self.clause.map_or("", Clause::as_str).to_owned();
        let owner = match self.owner {
            Owner::House(why) => return why.to_owned(),
            Owner::Site => None,
            Owner::Listener => Some(&scope.listener),
            Owner::Upstream => Some(&scope.upstream),
            Owner::Route => Some(&scope.route),
        };
        match owner {
            _ if self.field.is_empty() => clause(),
            None => self.field.to_owned(),
            Some(Some(path)) => format!("{path}.{}", self.field),
            Some(None) => clause(),
        }
    }

    /// What it is for, unless that was said already, and who says so.
    fn explained(&self, said: &mut Vec<Clause>) -> Vec<String> {
        let clause = CLAUSES.iter().find(|entry| Some(entry.clause) == self.clause);
        let new = clause.filter(|entry| !said.contains(&entry.clause));
        said.extend(new.map(|entry| entry.clause));
        let sentence = new.map(|entry| format!("{} ({})", entry.sentence, entry.clause));
        let source = format!("Server documentation: {}.", self.source);
        let truth = (!self.truth.is_empty()).then(|| self.truth.to_owned());
        sentence.into_iter().chain([source]).chain(truth).collect()
    }
}

/// Where a server's comments may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comments {
    /// At the end of a line.
    Behind,
    /// On a line of their own.
    Above,
}

/// What annotating a target needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Annotations {
    /// Where comments stand.
    pub(crate) comments: Comments,
    /// Every directive of its templates and views.
    pub(crate) origins: &'static [Origin],
    /// How lines begin that are no directives: the ends of blocks.
    pub(crate) ends: &'static [&'static str],
}

/// A line that would grow beyond this gets its comment above: HAProxy ends lines at 2048 bytes.
const LONGEST: usize = 1000;

/// Takes the marks out of a text, and annotates it if that is asked for. Directives that the table does not know are
/// given back.
pub(crate) fn finish(text: &str, target: &Annotations, how: Annotate) -> (String, Vec<String>) {
    let mut out = String::with_capacity(text.len());
    let (mut scope, mut foreign, mut values) = (Scope::default(), false, false);
    let (mut explained, mut said): (Vec<&Origin>, _) = (Vec::new(), Vec::new());
    let mut above = String::new();
    let mut unknown = Vec::new();
    for line in text.split_inclusive('\n') {
        if let Some((line, mark)) = line.split_once(MARK) {
            if !line.trim().is_empty() {
                out.push_str(line);
                out.push('\n');
            }
            match mark.trim_end_matches('\n') {
                "<" => foreign = true,
                ">" => foreign = false,
                mark => scope = Scope::read(mark),
            }
            above.clear();
            continue;
        }
        let bare = line.trim();
        let end = target.ends.iter().any(|end| bare.starts_with(end));
        values &= !end;
        if how == Annotate::Nothing
            || bare.is_empty()
            || bare.starts_with('#')
            || end
            || foreign
            || values
        {
            out.push_str(line);
            above.clear();
            continue;
        }
        let fitting = target.origins.iter().filter(|origin| origin.fits(bare, &scope));
        let Some(origin) = fitting.max_by_key(|origin| origin.words.len()) else {
            unknown.push(bare.to_owned());
            out.push_str(line);
            continue;
        };
        values = origin.values;
        let indent = &line[..line.len() - line.trim_start().len()];
        if how == Annotate::Full && !explained.iter().any(|known| std::ptr::eq(*known, origin)) {
            explained.push(origin);
            for text in origin.explained(&mut said) {
                out.push_str(&format!("{indent}# {text}\n"));
            }
        }
        let place = origin.place(&scope);
        if target.comments == Comments::Behind && line.len() < LONGEST {
            out.push_str(&format!("{} # {place}\n", line.trim_end()));
            continue;
        }
        // What comes from one place says so once.
        if above != place {
            out.push_str(&format!("{indent}# {place}\n"));
            above = place;
        }
        out.push_str(line);
    }
    (out, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Annotations = Annotations {
        comments: Comments::Behind,
        origins: &[
            from("read", Owner::Route, "timeouts.tunnel_idle", Clause::TIMER_TUNNEL_IDLE, "a page")
                .on(On::Tunnels)
                .truth("A day hides dead peers."),
            house("pid", "it starts as it is", "a page"),
            demanded("map", Clause::HANDSHAKE_STRICT_TOKEN, "a page").of_values(),
        ],
        ends: &["}"],
    };

    #[test]
    fn directives_say_where_they_come_from() {
        let scope = Scope { route: Some("routes.chat".into()), tunnel: true, ..Scope::default() };
        let mark = scope.mark().0;
        let text = format!(
            "pid x;\nmap a b {{\n  c d;\n}}\n# mine{}\nread 1;{}\n\n{mark}\n  read 9s;\n  read 9s;\nother\n",
            FOREIGN.0, FOREIGN.1
        );
        let (plain, _) = finish(&text, &TARGET, Annotate::Nothing);
        assert_eq!(
            plain,
            "pid x;\nmap a b {\n  c d;\n}\n# mine\nread 1;\n\n  read 9s;\n  read 9s;\nother\n"
        );
        let (fields, unknown) = finish(&text, &TARGET, Annotate::Fields);
        assert_eq!(unknown, ["other"]);
        assert_eq!(
            fields,
            "pid x; # it starts as it is\nmap a b { # handshake/strict-token\n  c d;\n}\n# mine\nread 1;\n\n  \
             read 9s; # routes.chat.timeouts.tunnel_idle\n  read 9s; # routes.chat.timeouts.tunnel_idle\nother\n"
        );
        let (full, _) = finish(&text, &TARGET, Annotate::Full);
        assert_eq!(full.matches("No byte in either direction").count(), 1, "{full}");
        assert!(full.contains("  # A day hides dead peers.\n  read 9s; # routes.chat"), "{full}");
    }
}
