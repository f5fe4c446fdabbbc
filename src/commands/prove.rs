//! `wsgen migrate --prove`.

mod misrender;

use wsgen_conformance::launch::Target as Installed;
use wsgen_conformance::prove::{self, Announced, Difference, Proof, Proved, Questions, Step};
use wsgen_emit::Selection;
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
    let from = Installed::installed(reading.from.target.name).ok_or_else(|| {
        Failure::new(
            format!(
                "{} is not installed, so the original cannot be run",
                reading.from.target.title
            ),
            format!("apt-get install {}", reading.from.target.recipe.package),
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
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(format!("cannot prove: {error}"), "run wsgen by its path"))?;
    let announced = Announced {
        reading: reading.imported.announced.clone(),
        rendering: wsgen_emit::rendering_announcements(&site, &selection),
        routes: reading.imported.routes.clone(),
    };
    #[cfg(debug_assertions)]
    if let Some(original) = reading.original.take() {
        reading.sources = original;
    }
    let mut tree = Tree::of(&arguments.import, &reading.from);
    let (original, ids) = (&mut reading.sources, &reading.ids);
    let relocate = reading.from.target.relocate;
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
        reference: Installed::reference(program),
        model,
        site,
        relocate: &mut moved,
        announced,
        timers: how == ProveArgument::Timers,
        fault: misrender::fault(),
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

/// The most examples of one kind of difference.
const EXAMPLES: usize = 3;

/// Returns the page: what had to be changed, what was not tried, and the differences by their kinds, those first that no
/// finding excuses.
fn page(proved: &Proved, titles: &(String, String)) -> String {
    let mut page = String::new();
    for change in &proved.changes {
        page.push_str(&format!("to run here: {change}\n"));
    }
    for left in &proved.left {
        page.push_str(&format!("{left}\n"));
    }
    let mut kinds: Vec<(&Difference, Vec<&Difference>)> = Vec::new();
    for difference in &proved.differences {
        let alike = |(first, _): &&mut (&Difference, Vec<&Difference>)| {
            (first.step, &first.topic, &first.announced)
                == (difference.step, &difference.topic, &difference.announced)
        };
        match kinds.iter_mut().find(alike) {
            Some((_, list)) => list.push(difference),
            None => kinds.push((difference, vec![difference])),
        }
    }
    kinds.sort_by_key(|(first, _)| first.announced.is_some());
    for (first, list) in &kinds {
        page.push_str(&kind(first, list, titles));
    }
    let (from, to) = titles;
    let unannounced = proved.differences.iter().filter(|d| d.announced.is_none()).count();
    let all = proved.differences.len();
    page.push_str(&format!(
        "\n{from} and {to} were asked {} questions ({}): {}, {unannounced} of them not announced\n",
        proved.probes,
        sources(proved),
        count(all, kinds.len()),
    ));
    page
}

/// Returns the numbers of differences and of their kinds.
fn count(differences: usize, kinds: usize) -> String {
    let plural = |number: usize| if number == 1 { "" } else { "s" };
    format!("{differences} difference{} of {kinds} kind{}", plural(differences), plural(kinds))
}

/// Returns where the questions came from.
fn sources(proved: &Proved) -> String {
    let Questions { model, original, new, protocol } = proved.asked;
    format!(
        "{model} from the model, {original} from the original's text, {new} from the new one, {protocol} about HTTP itself"
    )
}

/// Returns one kind of difference with a few examples.
fn kind(first: &Difference, list: &[&Difference], (from, to): &(String, String)) -> String {
    let (before, after, step) = match first.step {
        Step::Reading => (from.as_str(), "the model", "reading"),
        Step::Rendering => ("the model", to.as_str(), "rendering"),
    };
    let announced = match &first.announced {
        Some(title) => format!("announced, {title}"),
        None => "not announced".to_owned(),
    };
    let count = list.len();
    let mut text = format!("\n{}, made by {step} ({count}): {announced}\n", first.topic);
    for example in list.iter().take(EXAMPLES) {
        text.push_str(&format!(
            "  {}: {} on {before}, {} on {after}\n",
            example.probe, example.before, example.after
        ));
    }
    if count > EXAMPLES {
        text.push_str(&format!("  and {} more\n", count - EXAMPLES));
    }
    text
}
