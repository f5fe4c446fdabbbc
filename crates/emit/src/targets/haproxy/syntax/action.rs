//! Actions of `http-request`, `http-response` and their like, and the older directives that do the same
//! (configuration manual, section 4.3).

use super::answer::{Body, Return, answer};
use super::condition::{Condition, Matcher};
use super::log_format::LogFormat;
use super::redirect::Redirect;
use super::sample::Sample;
use super::setting::time;
use crate::syntax::{Parsed, Unread, Words};

/// One rule: what is done, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What is done.
    pub action: Action,
    /// When it is done; always where there is none.
    pub condition: Option<Condition>,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ends the rules of this section for the request; it goes on.
    Allow,
    /// Answers with an error.
    Deny {
        /// The status, 403 where none is written.
        status: Option<u64>,
        /// Whether the answer has fields or a body of its own.
        has_body: bool,
    },
    /// Answers with an error after a while.
    Tarpit {
        /// The status, 500 where none is written.
        status: Option<u64>,
    },
    /// Closes the connection without an answer (`reject`, `silent-drop`).
    Drop,
    /// Answers.
    Return(Return),
    /// Answers with a redirect.
    Redirect(Redirect),
    /// Asks for a name and a password.
    Auth {
        /// The realm.
        realm: Option<String>,
    },
    /// Sets a field (`set-header`), or adds a line of it (`add-header`).
    Field {
        /// The name of the field.
        name: String,
        /// The value.
        value: LogFormat,
        /// Whether lines of the same name stay.
        adds: bool,
    },
    /// Takes fields out.
    DelHeader {
        /// A name, or the pattern of names.
        name: String,
        /// How the pattern is compared with names; as a whole where none is written.
        matcher: Option<Matcher>,
    },
    /// Replaces a part of a field's lines (`replace-header`, `replace-value`).
    ReplaceField {
        /// The name of the field.
        name: String,
        /// The regex.
        pattern: String,
        /// What takes its place.
        to: LogFormat,
        /// Whether each part between commas is a value of its own.
        values: bool,
    },
    /// Sets a part of the request's target.
    SetTarget {
        /// Which part.
        part: Target,
        /// The new text.
        value: LogFormat,
    },
    /// Replaces a part of the request's target as a whole where a regex fits in it.
    ReplaceTarget {
        /// Which part.
        part: Target,
        /// The regex.
        pattern: String,
        /// The new text, with `\1`.
        to: LogFormat,
    },
    /// Brings the path or the query into a normal form.
    NormalizeUri {
        /// The normalizer and its options.
        normalizer: String,
    },
    /// Sets the method.
    SetMethod(LogFormat),
    /// Sets a variable to a sample.
    SetVar {
        /// The name, with its scope.
        name: String,
        /// The sample.
        sample: Sample,
    },
    /// Sets a variable to a format string.
    SetVarFmt {
        /// The name, with its scope.
        name: String,
        /// The text.
        value: LogFormat,
    },
    /// Takes a variable away.
    UnsetVar {
        /// The name, with its scope.
        name: String,
    },
    /// Sets the client's address.
    SetSrc(Sample),
    /// Sets a timer of this request.
    SetTimeout {
        /// `server`, `tunnel` or `client`.
        which: String,
        /// Milliseconds; nothing where an expression says it.
        millis: Option<u64>,
    },
    /// Counts in a table.
    Track {
        /// The number of the counter.
        counter: String,
        /// What is counted.
        key: Sample,
        /// The table of another section.
        table: Option<String>,
    },
    /// Asks another program: Lua, or a group of SPOE messages.
    Ask {
        /// The name of the action.
        name: String,
    },
    /// Changes nothing of where a request goes, of its fields or its answer (`capture`, `set-log-level`).
    Aside {
        /// The name of the action.
        name: String,
    },
}

impl Action {
    /// Returns whether the action refuses requests, or asks for a login.
    pub(crate) fn refuses(&self) -> bool {
        match self {
            Self::Deny { .. } | Self::Tarpit { .. } | Self::Drop | Self::Auth { .. } => true,
            Self::Return(answer) => answer.status.is_some_and(|status| status >= 300),
            Self::Allow
            | Self::Redirect(_)
            | Self::Field { .. }
            | Self::DelHeader { .. }
            | Self::ReplaceField { .. }
            | Self::SetTarget { .. }
            | Self::ReplaceTarget { .. }
            | Self::NormalizeUri { .. }
            | Self::SetMethod(_)
            | Self::SetVar { .. }
            | Self::SetVarFmt { .. }
            | Self::UnsetVar { .. }
            | Self::SetSrc(_)
            | Self::SetTimeout { .. }
            | Self::Track { .. }
            | Self::Ask { .. }
            | Self::Aside { .. } => false,
        }
    }
}

/// A part of a request's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The path.
    Path,
    /// The path and the query.
    PathQuery,
    /// The query.
    Query,
    /// The whole target.
    Uri,
}

/// Actions that change nothing that a model says.
const ASIDE: [&str; 22] = [
    "set-log-level",
    "capture",
    "set-mark",
    "set-tos",
    "set-nice",
    "set-priority-class",
    "set-priority-offset",
    "add-acl",
    "del-acl",
    "set-map",
    "del-map",
    "sc-inc-gpc0",
    "sc-inc-gpc1",
    "sc-inc-gpc",
    "sc-set-gpt0",
    "sc-add-gpc",
    "strict-mode",
    "disable-l7-retry",
    "wait-for-body",
    "wait-for-handshake",
    "cache-use",
    "cache-store",
];

impl Rule {
    /// Reads the words behind `http-request`, `http-response` or `http-after-response`.
    ///
    /// # Errors
    /// A word of the action or of its condition is not understood.
    pub fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let action = action(words)?;
        Ok(Self { action, condition: Condition::parse(words)? })
    }

    /// Reads the words behind `block` (before 2.1).
    ///
    /// # Errors
    /// A word of the condition is not understood.
    pub fn block(words: &mut Words<'_>) -> Parsed<Self> {
        let action = Action::Deny { status: None, has_body: false };
        Ok(Self { action, condition: Condition::parse(words)? })
    }

    /// Reads `reqadd` and `rspadd`, `reqdel` and `rspdel` and their forms for any case (before 2.1).
    ///
    /// # Errors
    /// The text is no field, or a regex that names more than one field.
    pub fn old(name: &str, words: &mut Words<'_>) -> Parsed<Self> {
        let word = words.expect("a field")?;
        let wrong = || Unread::word(word);
        let action = if name.ends_with("add") {
            let (field, value) = word.text.split_once(':').ok_or_else(wrong)?;
            let text = value.trim().to_owned();
            let parts = if text.is_empty() {
                Vec::new()
            } else {
                vec![super::log_format::Part::Text(text)]
            };
            let value = LogFormat { parts, span: word.span };
            Action::Field { name: field.to_owned(), value, adds: true }
        } else {
            // `^X-Debug:` and whatever stands behind.
            let field = word.text.strip_prefix('^').ok_or_else(wrong)?;
            let (field, rest) = field.split_once(':').unwrap_or((field, ""));
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            if field.is_empty() || !field.chars().all(plain) || !["", ".*", "\\ .*"].contains(&rest)
            {
                return Err(wrong());
            }
            Action::DelHeader { name: field.to_owned(), matcher: None }
        };
        Ok(Self { action, condition: Condition::parse(words)? })
    }
}

/// Reads an action up to its condition.
fn action(words: &mut Words<'_>) -> Parsed<Action> {
    let first = words.expect("an action")?;
    let (name, argument) = match first.text.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')')),
        None => (first.text.as_str(), None),
    };
    let variable = || {
        let name = argument.and_then(|text| text.split(',').next());
        name.map(str::to_owned)
            .ok_or_else(|| Unread::new(first.span, "the variable's name is missing"))
    };
    Ok(match name {
        "allow" => Action::Allow,
        "deny" => {
            let answer = answer(words, "deny_status")?;
            let has_body = answer.body != Body::None
                || !answer.fields.is_empty()
                || answer.content_type.is_some();
            Action::Deny { status: answer.status, has_body }
        }
        "tarpit" => Action::Tarpit { status: answer(words, "deny_status")?.status },
        "reject" | "silent-drop" => Action::Drop,
        "return" => Action::Return(answer(words, "status")?),
        "redirect" => Action::Redirect(Redirect::parse(words)?),
        "auth" => Action::Auth {
            realm: if words.take_if("realm") {
                Some(words.expect("a realm")?.text.clone())
            } else {
                None
            },
        },
        "set-header" | "add-header" => Action::Field {
            name: words.expect("the name of a field")?.text.clone(),
            value: LogFormat::parse(words.expect("a value")?)?,
            adds: name == "add-header",
        },
        "del-header" => Action::DelHeader {
            name: words.expect("the name of a field")?.text.clone(),
            matcher: if words.take_if("-m") {
                let matcher = words.read("a matching method", Matcher::parse)?;
                (matcher != Matcher::Str).then_some(matcher)
            } else {
                None
            },
        },
        "replace-header" | "replace-value" => Action::ReplaceField {
            name: words.expect("the name of a field")?.text.clone(),
            pattern: words.expect("a regex")?.text.clone(),
            to: LogFormat::parse(words.expect("a replacement")?)?,
            values: name == "replace-value",
        },
        "set-path" | "set-pathq" | "set-query" | "set-uri" => Action::SetTarget {
            part: target(name),
            value: LogFormat::parse(words.expect("a text")?)?,
        },
        "replace-path" | "replace-pathq" | "replace-uri" => Action::ReplaceTarget {
            part: target(name),
            pattern: words.expect("a regex")?.text.clone(),
            to: LogFormat::parse(words.expect("a replacement")?)?,
        },
        "normalize-uri" => {
            let mut normalizer = words.expect("a normalizer")?.text.clone();
            while let Some(option) = words.take_any(&["strict", "full", "strict-mode"]) {
                normalizer = format!("{normalizer} {}", option.text);
            }
            Action::NormalizeUri { normalizer }
        }
        "set-method" => Action::SetMethod(LogFormat::parse(words.expect("a method")?)?),
        "set-var" => Action::SetVar {
            name: variable()?,
            sample: Sample::parse(words.expect("an expression")?)?,
        },
        "set-var-fmt" => Action::SetVarFmt {
            name: variable()?,
            value: LogFormat::parse(words.expect("a format string")?)?,
        },
        "unset-var" => Action::UnsetVar { name: variable()? },
        "set-src" => Action::SetSrc(Sample::parse(words.expect("an expression")?)?),
        "set-timeout" => {
            let which = words.take_any(&["server", "tunnel", "client"]);
            let which =
                which.ok_or_else(|| Unread::new(words.place(), "the timer's name is missing"))?;
            let millis = time(&words.expect("a time")?.text);
            Action::SetTimeout { which: which.text.clone(), millis }
        }
        name if name.starts_with("track-sc") => Action::Track {
            counter: name.trim_start_matches("track-sc").to_owned(),
            key: Sample::parse(words.expect("what is counted")?)?,
            table: if words.take_if("table") {
                Some(words.expect("a table")?.text.clone())
            } else {
                None
            },
        },
        name if name.starts_with("lua.") || name == "send-spoe-group" => {
            while !["", "if", "unless"].contains(&words.peek_text()) {
                words.take();
            }
            Action::Ask { name: name.to_owned() }
        }
        name if ASIDE.contains(&name) => {
            while !["", "if", "unless"].contains(&words.peek_text()) {
                words.take();
            }
            Action::Aside { name: name.to_owned() }
        }
        _ => return Err(Unread::word(first)),
    })
}

fn target(name: &str) -> Target {
    match name.split_once('-').map_or(name, |(_, part)| part) {
        "path" => Target::Path,
        "pathq" => Target::PathQuery,
        "query" => Target::Query,
        _ => Target::Uri,
    }
}
