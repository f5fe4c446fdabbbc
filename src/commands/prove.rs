//! `wsgen migrate --prove`.

use wsgen_conformance::launch::Target as Installed;
use wsgen_conformance::prove::{self, Announcement, Proof, Proved};
use wsgen_emit::{Handed, Loss, LossPolicy, Options, Selection};
use wsgen_model::code::Code;
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::site::Site;
use wsgen_model::source::{Source, Sources};

use super::import::{Reading, Tree};
use super::kept::Run;
use super::validate;
use crate::args::{MigrateArguments, ProveArgument};
use crate::output::{self, Failure};

/// Proves a migration; whether every difference was announced.
pub(super) fn run(
    arguments: &MigrateArguments,
    how: ProveArgument,
    reading: &mut Reading,
) -> Result<bool, Failure> {
    let selection = Selection::parse(&arguments.to);
    let selection = selection.map_err(|problem| Failure::new(problem.message, problem.help))?;
    let (to, selection) = validate::installed(&selection)?;
    let from = Installed::installed(reading.from.name).ok_or_else(|| {
        Failure::new(
            format!("{} is not installed, so the original cannot be run", reading.from.title),
            format!("apt-get install {}", reading.from.recipe.package),
        )
    })?;
    let [model] = &*reading.imported.model else {
        let help = "prove a part of the configuration";
        return Err(Failure::new("the model is too large to be proved", help));
    };
    let model = model.clone();
    let mut sources = Sources::default();
    sources.add(Source::new("wsgen.yaml", model.clone()));
    let (site, _) = wsgen_model::read(&sources);
    let site = site.ok_or_else(|| Failure::new("the model is none", "report this"))?;
    let announced = announced(reading, &site, &selection, &sources);
    let mut tree = Tree::of(&arguments.import, reading.from);
    let (original, ids) = (&mut reading.sources, &reading.ids);
    let relocate = reading.from.relocate;
    let mut moved = |elsewhere: &mut dyn wsgen_emit::Elsewhere, unknown: &[String]| {
        relocate(original, ids, &mut tree, elsewhere, unknown)
    };
    let fail = |error: std::io::Error| {
        Failure::new(format!("cannot prove: {error}"), "check the temporary folder (TMPDIR)")
    };
    let mut kept = Run::begin()?;
    let folder = kept.folder().map_err(fail)?.to_owned();
    let titles = (from.title(), to.title());
    let proof = Proof {
        from,
        to,
        model,
        site,
        relocate: &mut moved,
        announced,
        timers: how == ProveArgument::Timers,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(fail)?;
    let proved = runtime.block_on(prove::run(proof, &folder));
    drop(kept);
    let proved = proved.map_err(|why| {
        let why = why.replace(&folder.display().to_string(), "…");
        Failure::new(format!("cannot prove: {why}"), "look at what the server says of it")
    })?;
    output::print(&page(&proved, &titles))?;
    Ok(proved.differences.iter().all(|difference| difference.announced.is_some()))
}

/// What was said when the configuration was read, and what is said when the model is rendered.
fn announced(
    reading: &Reading,
    site: &Site,
    selection: &Selection,
    sources: &Sources,
) -> Vec<Announcement> {
    let mut handed = Handed::new();
    for need in wsgen_emit::needs(site, selection) {
        handed.insert(need.path, b"wsgen:x\n".to_vec());
    }
    let policy = LossPolicy { loss: Loss::Warn, today: None };
    let options = Options { policy, handed, ..Options::default() };
    let mut rendered = Diagnostics::default();
    // What cannot be rendered is said elsewhere.
    let _ = wsgen_emit::render(site, selection, &options, &mut rendered);
    let words = |findings: &Diagnostics, sources: &Sources| -> Vec<Announcement> {
        let real = findings.iter().filter(|finding| {
            ![Code::IMPORT_SYNTAX, Code::IMPORT_MISSING, Code::LOSS_OF_DEFAULTS]
                .contains(&finding.code)
        });
        real.map(|finding| {
            let labels = finding.primary.iter().chain(&finding.secondary);
            let texts: Vec<String> = labels
                .map(|label| format!("{} {}", label.text, sources.slice(label.span)))
                .collect();
            Announcement {
                title: format!("{}: {}", finding.code, finding.message),
                words: format!("{} {}", finding.message, texts.join(" ")),
            }
        })
        .collect()
    };
    let mut all = words(&reading.imported.findings, &reading.sources);
    all.extend(words(&rendered, sources));
    all
}

/// What is printed: what had to be changed, what was not tried, and every difference.
fn page(proved: &Proved, (from, to): &(String, String)) -> String {
    let mut page = String::new();
    for change in &proved.changes {
        page.push_str(&format!("to run here: {change}\n"));
    }
    for left in &proved.left {
        page.push_str(&format!("{left}\n"));
    }
    for difference in &proved.differences {
        let announced = difference
            .announced
            .as_ref()
            .map_or_else(|| "not announced".to_owned(), |title| format!("announced, {title}"));
        page.push_str(&format!(
            "\n{}\n  {}: {} on {from}, {} on {to}\n  {announced}\n",
            difference.probe, difference.topic, difference.original, difference.migrated
        ));
    }
    let unannounced = proved.differences.iter().filter(|d| d.announced.is_none()).count();
    page.push_str(&format!(
        "\n{from} and {to} were asked {} questions: {} differences, {unannounced} of them not announced\n",
        proved.probes,
        proved.differences.len()
    ));
    page
}
