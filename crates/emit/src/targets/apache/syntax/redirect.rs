//! `Redirect`, `RedirectMatch`, `RedirectPermanent` and `RedirectTemp` (`mod_alias`).

use crate::syntax::{Parsed, Unread, Words};

/// An answer with another place, or with a status alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The status of the answer.
    pub status: u16,
    /// The path, or the regex; a section around the directive may stand for it.
    pub from: Option<String>,
    /// Where it leads; statuses outside of 3xx have none.
    pub to: Option<String>,
    /// Whether `from` is a regex.
    pub regex: bool,
}

impl Redirect {
    pub(super) fn parse(name: &str, words: &mut Words<'_>) -> Parsed<Self> {
        let mut status = if name == "redirectpermanent" { 301 } else { 302 };
        if matches!(name, "redirect" | "redirectmatch") {
            let told = match words.peek_text().to_ascii_lowercase().as_str() {
                "permanent" => Some(301),
                "temp" => Some(302),
                "seeother" => Some(303),
                "gone" => Some(410),
                text => text.parse::<u16>().ok().filter(|status| (100..600).contains(status)),
            };
            if let Some(told) = told {
                status = told;
                words.take();
            }
        }
        let regex = name == "redirectmatch";
        let mut rest = words.rest().iter().map(|word| word.text.clone());
        let (one, two, three) = (rest.next(), rest.next(), rest.next());
        if three.is_some() {
            return Err(Unread::new(words.place(), "a word too many for a redirect"));
        }
        let leads = (300..400).contains(&status);
        let (from, to) = match (one, two, leads) {
            (from, Some(to), true) => (from, Some(to)),
            (to, None, true) => (None, to),
            (from, None, false) => (from, None),
            (_, Some(_), false) => {
                return Err(Unread::new(words.place(), "such an answer has no place to lead to"));
            }
        };
        Ok(Self { status, from, to, regex })
    }
}
