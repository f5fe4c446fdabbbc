//! What a target can do, and what becomes of what it cannot.

use std::collections::{BTreeSet, HashSet};

use wsgen_model::code::Code;
use wsgen_model::diagnostic::{Diagnostic, Diagnostics, Severity};
use wsgen_model::feature::{FEATURES, Feature};
use wsgen_model::scalar::{Date, TargetVersion};
use wsgen_model::site::{Ask, Site};
use wsgen_model::source::Span;

use crate::target::Target;

/// How well a target keeps a feature. An answer of `Exact` is a claim that conformance runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// As the model means it.
    Exact,
    /// Nearly; the text says where the difference is.
    Approximate(&'static str),
    /// Not at all; the text says why.
    Lost(&'static str),
}

/// What becomes of a setting that somebody wrote and a target loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Loss {
    /// An error.
    #[default]
    Deny,
    /// A warning, except where the loss opens something.
    Warn,
    /// A note, except where the loss opens something.
    Allow,
}

/// How losses are judged.
#[derive(Debug, Clone, Copy, Default)]
pub struct LossPolicy {
    /// What becomes of them.
    pub loss: Loss,
    /// Today, by which accepted losses have ended; none has where this is not known.
    pub today: Option<Date>,
}

/// Judges everything that a site asks of a target. Findings that refuse the rendering are errors.
pub(crate) fn judge(
    site: &Site,
    target: &Target,
    version: Option<TargetVersion>,
    policy: LossPolicy,
    diagnostics: &mut Diagnostics,
) {
    let mut seen = HashSet::new();
    let mut defaults = BTreeSet::new();
    for ask in site.asks() {
        let entry = ask.feature.entry();
        let (lost, why) = match (target.support)(ask.feature, version) {
            Support::Exact => continue,
            Support::Approximate(why) => (false, why),
            Support::Lost(why) => (true, why),
        };
        let Some(span) = ask.span else {
            defaults.insert(entry.feature);
            continue;
        };
        // One line in `defaults` asks for every route; it is one finding.
        if accepted(site, target, &ask, policy.today) || !seen.insert((entry.code, span)) {
            continue;
        }
        let verb = if lost { "loses" } else { "keeps only in part" };
        let mut finding = Diagnostic::new(
            entry.code,
            format!("{} {verb} `{}`", target.title, entry.field),
        )
        .labelled(span, why)
        .help(format!(
            "change it, or accept it: `targets: {{{}: {{accept: [{{code: {}, reason: …}}]}}}}`",
            target.name, entry.code
        ))
        .clause(entry.clause);
        finding.severity = match (lost, policy.loss) {
            (true, _) if entry.guards => Severity::Error,
            (true, Loss::Deny) => Severity::Error,
            (true, Loss::Warn) | (false, _) => Severity::Warning,
            (true, Loss::Allow) => Severity::Note,
        };
        diagnostics.push(finding);
    }
    fold(target, version, &defaults, diagnostics);
}

/// What is assumed of a version that lies outside of the generations that were tried.
pub(crate) fn untried(
    target: &Target,
    version: TargetVersion,
    span: Option<Span>,
) -> Option<Diagnostic> {
    let (first, last) = (target.generations.first()?, target.generations.last()?);
    let generation = |version: TargetVersion| [version.parts()[0], version.parts()[1]];
    // Where all generations share a line, such as 2.4, its patches tell them apart.
    let line = generation(*first) == generation(*last);
    let (older, newer) = if line {
        (version < *first && version.parts()[2] > 0, version > *last)
    } else {
        (generation(version) < generation(*first), generation(version) > generation(*last))
    };
    let assumed = match (older, newer) {
        (true, _) => format!("nothing before {first} was ever run: what it lacks is not known"),
        (_, true) => format!("it is newer than {last}, as which it is taken"),
        _ => return None,
    };
    let message = format!("wsgen was never tried with {} {version}", target.title);
    let mut finding = Diagnostic::new(Code::UNTRIED_VERSION, message);
    if let Some(span) = span {
        finding = finding.at(span);
    }
    Some(finding.help(format!("{assumed}; `--validate` asks the server's own checker")))
}

/// One note for all built-in values that are not kept.
fn fold(
    target: &Target,
    version: Option<TargetVersion>,
    defaults: &BTreeSet<Feature>,
    diagnostics: &mut Diagnostics,
) {
    let list: Vec<String> = defaults
        .iter()
        .filter_map(|feature| match (target.support)(*feature, version) {
            Support::Approximate(why) | Support::Lost(why) => {
                Some(format!("`{}` ({why})", feature.entry().field))
            }
            Support::Exact => None,
        })
        .collect();
    if !list.is_empty() {
        diagnostics.push(
            Diagnostic::new(
                Code::LOSS_OF_DEFAULTS,
                format!(
                    "{} keeps these built-in values only in part: {}",
                    target.title,
                    list.join("; ")
                ),
            )
            .help(
                "nothing to do unless you rely on one; then write it, and hear of it at its line",
            ),
        );
    }
}

/// Whether somebody has looked at this loss and accepts it (`target/accept`).
pub(crate) fn accepted(site: &Site, target: &Target, ask: &Ask, today: Option<Date>) -> bool {
    let Some(settings) = site.targets.get(target.name) else { return false };
    let route = ask.route.and_then(|id| site.routes[id.0].name.as_ref());
    settings.fields.accept.iter().flat_map(|accept| &accept.value).any(|accept| {
        let code =
            accept.code.as_ref().is_some_and(|c| c.as_str() == ask.feature.entry().code.as_str());
        let place =
            accept.route.as_ref().is_none_or(|name| route.is_some_and(|r| r.value == name.value));
        let lasting = match (&accept.until, today) {
            (Some(until), Some(today)) => today <= until.value,
            _ => true,
        };
        code && place && lasting
    })
}

/// The text of a target's page: every feature, and how each generation keeps it.
pub(crate) fn page(target: &Target) -> String {
    let mut page = format!(
        "# {}\n\nHow well each feature is kept, printed from the answers that the command gives. `=` exact, `~` in part, `x` \
         lost. Without a version only what every generation accepts is used.\n\n| feature | code | any",
        target.title
    );
    for version in target.generations {
        page.push_str(&format!(" | {version}"));
    }
    page.push_str(" | why |\n|---|---|---");
    page.push_str(&"|---".repeat(target.generations.len() + 1));
    page.push_str("|\n");
    for entry in FEATURES {
        page.push_str(&format!("| `{}` | {}", entry.field, entry.code));
        let mut whys = BTreeSet::new();
        for version in std::iter::once(None).chain(target.generations.iter().copied().map(Some)) {
            let (mark, why) = match (target.support)(entry.feature, version) {
                Support::Exact => ("=", ""),
                Support::Approximate(why) => ("~", why),
                Support::Lost(why) => ("x", why),
            };
            page.push_str(&format!(" | {mark}"));
            whys.insert(why);
        }
        let whys: Vec<_> = whys.into_iter().filter(|why| !why.is_empty()).collect();
        page.push_str(&format!(" | {} |\n", whys.join("; ")));
    }
    page
}
