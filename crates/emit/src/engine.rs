//! The template engine: strict about what is undefined, bounded in work, and every printed value goes
//! through the quoting of its target.

use std::collections::BTreeMap;

use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize;
use wsgen_templates::TEMPLATES;

use crate::selection::Problem;

/// Writes a text so that the server reads it as one value, or says why it cannot.
pub(crate) type Quote = fn(&str) -> Result<String, String>;

/// Marks a [`Raw`] on its way through a template; no value of a model can contain it.
const RAW: char = '\u{0}';

/// A text that is printed as it stands: its view has quoted it, or built it from numbers and constants of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Raw(pub(crate) String);

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{RAW}{}", self.0))
    }
}

/// Templates that take the place of those of the same name.
pub(crate) type Templates<'t> = &'t BTreeMap<String, String>;

/// Renders a template with a view.
pub(crate) fn render(
    template: &str,
    quote: Quote,
    own: Templates<'_>,
    view: &impl Serialize,
) -> Result<String, Problem> {
    let render = || -> Result<String, Error> {
        let mut engine = Environment::new();
        let syntax = minijinja::syntax::SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?;
        engine.set_syntax(syntax);
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        // A model of 10,000 routes needs a few million steps; a loop without end stops here.
        engine.set_fuel(Some(500_000_000));
        // The one filter that would let a value past its quoting.
        engine.remove_filter("safe");
        engine.add_filter("comment", comment);
        engine.add_global("mozilla", crate::mozilla::GUIDELINE);
        engine.set_auto_escape_callback(|_| AutoEscape::Custom("quoted by the target".into()));
        engine.set_formatter(move |out, _state, value| {
            let text = match value.kind() {
                ValueKind::Number => value.to_string(),
                // What a macro printed has been through here already.
                ValueKind::String if value.is_safe() => value.to_string(),
                ValueKind::String => {
                    let text = value.to_string();
                    match text.strip_prefix(RAW) {
                        Some(raw) => raw.to_owned(),
                        None => quote(&text)
                            .map_err(|why| Error::new(ErrorKind::InvalidOperation, why))?,
                    }
                }
                ValueKind::Undefined => {
                    return Err(Error::new(ErrorKind::UndefinedError, "a value is missing"));
                }
                kind => {
                    let why =
                        format!("a template prints {kind}; only text and numbers are printed");
                    return Err(Error::new(ErrorKind::InvalidOperation, why));
                }
            };
            out.write_str(&text).map_err(Error::from)
        });
        for (name, source) in TEMPLATES {
            engine.add_template(name, own.get(*name).map_or(source, String::as_str))?;
        }
        engine.get_template(template)?.render(Value::from(Serde(view)))
    };
    render().map_err(|error| Problem {
        message: format!("cannot render {template}: {error}"),
        help: if own.is_empty() {
            "this is a fault of the template; report it with the model".into()
        } else {
            "look at your own templates; the built-in ones are not at fault".into()
        },
    })
}

/// A text inside of a comment: one line of visible characters.
fn comment(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{RAW}{visible}")
}
