//! The answers of `http-request return`, `deny` and `tarpit` (configuration manual, section 4.3).

use super::log_format::LogFormat;
use crate::syntax::{Parsed, Unread, Words};

/// The answer of `http-request return`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Return {
    /// The status, 200 where none is written.
    pub status: Option<u64>,
    /// The type of the content.
    pub content_type: Option<String>,
    /// Fields of the answer.
    pub fields: Vec<(String, LogFormat)>,
    /// The body.
    pub body: Body,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Body {
    /// None is written.
    #[default]
    None,
    /// A text (`string`).
    Text(String),
    /// A format string (`lf-string`), or a file (`file`, `lf-file`, `errorfile`, `errorfiles`).
    Computed,
}

/// Reads the status of a final answer.
fn status(text: &str) -> Option<u64> {
    text.parse().ok().filter(|status| (200..600).contains(status))
}

/// Reads the options of `return`, `deny` and `tarpit`.
pub(super) fn answer(words: &mut Words<'_>, status_word: &str) -> Parsed<Return> {
    let mut answer = Return::default();
    while let Some(word) = words.peek() {
        match word.as_str() {
            "if" | "unless" if !word.quoted => break,
            text if text == status_word || text == "status" => {
                words.take();
                answer.status = Some(words.read("a status from 200 to 599", status)?);
            }
            "content-type" => {
                words.take();
                answer.content_type = Some(words.expect("a media type")?.text.clone());
            }
            "hdr" => {
                words.take();
                let name = words.expect("the name of a field")?.text.clone();
                answer.fields.push((name, LogFormat::parse(words.expect("a value")?)?));
            }
            "string" => {
                words.take();
                answer.body = Body::Text(words.expect("a text")?.text.clone());
            }
            "lf-string" | "file" | "lf-file" | "errorfile" | "errorfiles" => {
                words.take();
                words.expect("a name or a text")?;
                answer.body = Body::Computed;
            }
            "default-errorfiles" => {
                words.take();
                answer.body = Body::Computed;
            }
            _ => return Err(Unread::word(word)),
        }
    }
    Ok(answer)
}
