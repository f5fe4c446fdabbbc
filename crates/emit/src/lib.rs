//! Everything in wsgen that speaks a server's own language: writing it, and later reading it back.
//!
//! A target is one folder below `targets/`; nothing outside of it names the target. The crate knows no
//! file system, no environment and no clock.

mod annotate;
mod engine;
mod import;
mod layout;
mod mozilla;
mod quoted;
mod recipe;
mod rendering;
mod selection;
mod subject;
mod support;
pub mod syntax;
mod target;
mod targets;

pub use annotate::Annotate;
pub use import::relocate::{Elsewhere, Pair, Relocate, Relocated};
pub use import::{
    Change, Files, Folded, Import, Imported, Judged, Kind, Loss as ImportLoss, Model, NoFiles,
    RouteOrigin, Simplified, Unreadable, Verdict,
};
pub use layout::{Installation, Layout, Place, Step};
pub use recipe::Recipe;
pub use selection::{Problem, Selection};
pub use subject::{Announcement, Subject, Unusual, Waiting, rendering_announcements};
pub use support::{Loss, LossPolicy, Support};
pub use target::{Need, Rendered, RenderedFile, Target};

use std::collections::BTreeMap;

use wsgen_model::code::Code;
use wsgen_model::decode::{Decoder, suggestion};
use wsgen_model::diagnostic::{Diagnostic, Diagnostics, Severity};
use wsgen_model::field::Section;
use wsgen_model::located::Located;
use wsgen_model::site::Site;

use crate::rendering::Rendering;

/// Every target, in the order of the documentation.
pub const TARGETS: &[&Target] = targets::ALL;

/// The descriptions of the targets' own settings, by target.
pub fn target_sections() -> Vec<(&'static str, Section)> {
    TARGETS.iter().map(|target| (target.name, (target.settings)())).collect()
}

/// Lets every target judge what a model says to it: its own settings, its name in snippets.
pub fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for (name, settings) in &site.targets {
        match find(name) {
            Some(target) => {
                let mut out = Decoder::new(diagnostics, true);
                (target.check_settings)(&settings.value.own, &mut out);
            }
            None => diagnostics.push(unknown(&Located::new(name.as_str(), settings.span))),
        }
    }
    for snippet in site.routes.iter().flat_map(|route| &route.snippets) {
        if let Some(name) =
            snippet.value.target.as_ref().filter(|name| find(name.as_str()).is_none())
        {
            diagnostics.push(unknown(&Located::new(name.as_str(), name.span)));
        }
    }
}

/// The files of a model whose bytes a target must see.
pub fn needs(site: &Site, selection: &Selection) -> Vec<Need> {
    (selection.target.needs)(site)
}

/// The bytes of files that a model names, by the names that it has for them.
pub type Handed = BTreeMap<String, Vec<u8>>;

/// What a rendering is made with, beside the site.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How losses are judged.
    pub policy: LossPolicy,
    /// The files that the target [needs].
    pub handed: Handed,
    /// Templates that take the place of those of the same name.
    pub templates: BTreeMap<String, String>,
    /// Where the files will lie.
    pub layout: Layout,
    /// How much the configuration says about where it comes from.
    pub annotate: Annotate,
}

/// The name of every template that `Options::templates` can replace.
pub fn template_names() -> impl Iterator<Item = &'static str> {
    wsgen_templates::TEMPLATES.iter().map(|(name, _)| *name)
}

/// Renders a site. `Ok(None)` means that it was refused; the findings say why.
pub fn render(
    site: &Site,
    selection: &Selection,
    options: &Options,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Rendered>, Problem> {
    let target = selection.target;
    // The command line beats the model (`target/settings`).
    let written = site.targets.get(target.name).and_then(|t| t.fields.version.as_ref());
    let version = selection.version_in(site);
    let before = diagnostics.count(Severity::Error);
    support::judge(site, target, version, options.policy, diagnostics);
    if let Some(version) = version {
        // The place, where the model says it and the command line does not.
        let span = written.filter(|_| selection.version.is_none()).map(|written| written.span);
        if let Some(finding) = support::untried(target, version, span) {
            diagnostics.push(finding);
        }
    }
    if diagnostics.count(Severity::Error) > before {
        return Ok(None);
    }
    let mut rendered =
        (target.render)(Rendering::new(target, site, version, options, diagnostics))?;
    let finish = |text: &str| annotate::finish(text, &target.annotations, options.annotate);
    (rendered.main, rendered.unannotated) = finish(&rendered.main);
    // Parts of the configuration; others are certificates and the like.
    let is_part = |name: &str| std::path::Path::new(name).extension().is_some_and(|e| e == "conf");
    for part in rendered.files.iter_mut().filter(|file| is_part(&file.name)) {
        let (text, unknown) = finish(&String::from_utf8_lossy(&part.bytes));
        part.bytes = text.into_bytes();
        rendered.unannotated.extend(unknown);
    }
    Ok((diagnostics.count(Severity::Error) == before).then_some(rendered))
}

/// The text of a target's page in `docs/targets/`.
pub fn target_page(target: &Target) -> String {
    support::page(target)
}

fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

fn names() -> impl Iterator<Item = &'static str> {
    TARGETS.iter().map(|target| target.name)
}

fn unknown(name: &Located<&str>) -> Diagnostic {
    let list = names().collect::<Vec<_>>().join(", ");
    let help = suggestion(name.value, names())
        .map_or_else(|| format!("use one of: {list}"), |close| format!("did you mean `{close}`?"));
    Diagnostic::new(Code::UNKNOWN_REFERENCE, format!("there is no target named `{}`", name.value))
        .labelled(name.span, "expected the name of a target")
        .help(help)
}
