//! The whole way from texts to a site.

use crate::check;
use crate::code::Code;
use crate::config::Config;
use crate::decode::{Decode, Decoder};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::merge::merge;
use crate::resolve::resolve;
use crate::site::Site;
use crate::source::Sources;
use crate::tree;

/// Reads the texts as one model. The site is there exactly if no finding is an error; the findings stand in
/// the order of the files.
pub fn read(sources: &Sources) -> (Option<Site>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let mut complete = true;
    let mut configs = Vec::new();
    for (id, source) in sources.iter() {
        let tree = tree::read(id, source.text(), &mut diagnostics);
        complete &= tree.complete;
        if tree.complete || !is_empty(&tree) {
            let mut decoder = Decoder::new(&mut diagnostics, tree.complete);
            configs.extend(Config::decode(&tree.root, &mut decoder));
        }
    }
    let mut references = Diagnostics::default();
    let draft = resolve(merge(configs, &mut references), &mut references);
    if complete {
        diagnostics.extend(references);
    }
    let mut advice = Diagnostics::default();
    check::run(&draft, &mut advice);
    if diagnostics.has_errors() {
        // Advice about a model that was not understood is guesswork, and so is calling a list empty whose
        // items could not be read; where a file broke off, so are references into the missing part.
        advice.retain(|finding: &Diagnostic| {
            let absence = [Code::NO_SERVER, Code::TLS_WITHOUT_CERTIFICATE].contains(&finding.code);
            complete && finding.severity == Severity::Error && !absence
        });
    }
    diagnostics.extend(advice);
    diagnostics.sort();
    let site = (!diagnostics.has_errors()).then_some(draft);
    (site, diagnostics)
}

fn is_empty(tree: &tree::Tree) -> bool {
    matches!(&tree.root.value, tree::Value::Mapping(entries) if entries.is_empty())
}
