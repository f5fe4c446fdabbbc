//! Configurations of the world as cases: moved to places of this machine by their target, with names between `@`.

use std::collections::BTreeMap;

use wsgen_emit::{Elsewhere, Files, Pair, Target};
use wsgen_model::source::{SourceId, Sources};

use super::Case;

/// Gives every address a name between `@`.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    listeners: BTreeMap<String, usize>,
    servers: BTreeMap<String, usize>,
}

impl Elsewhere for Marks {
    fn listener(&mut self, address: &str) -> String {
        let next = self.listeners.len() + 1;
        format!("@listen{}@", self.listeners.entry(address.to_owned()).or_insert(next))
    }

    fn server(&mut self, address: &str) -> String {
        let next = self.servers.len() + 1;
        format!("@server{}@", self.servers.entry(address.to_owned()).or_insert(next))
    }

    fn certificate(&mut self) -> Pair {
        Pair {
            certificate: "@certificate@".to_owned(),
            key: "@key@".to_owned(),
            both: "@both@".to_owned(),
        }
    }

    fn file(&mut self, name: &str) -> String {
        let authorities = ["pem", "crt", "cer", "ca"].iter().any(|end| name.ends_with(end));
        if authorities { "@certificate@" } else { "@users@" }.to_owned()
    }
}

/// Returns a file as a case. Directives of these names are left out, because the server does not know them.
pub fn relocated(
    target: &Target,
    name: &str,
    (sources, ids): (&mut Sources, &[SourceId]),
    files: &mut dyn Files,
    unknown: &[String],
) -> Case {
    let moved = (target.relocate)(sources, ids, files, &mut Marks::default(), unknown);
    Case { name: name.to_owned(), text: moved.text, misread: None, whole: true }
}
