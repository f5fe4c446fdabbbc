//! `wsgen import`.

#[cfg(debug_assertions)]
mod misread;
mod said;
mod simplified;
mod tree;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use wsgen_emit::{Imported, Model, Selection, TARGETS, Target, Verdict};
use wsgen_model::code::Code;
use wsgen_model::diagnostic::{Diagnostics, Severity};
use wsgen_model::source::{Source, SourceId, Sources};

use crate::args::{ImportArguments, LossArgument, ReadArguments};
use crate::output::{self, Exit, Failure, Readers};

pub(super) use self::tree::Tree;

/// What was read.
pub(super) struct Reading {
    pub(super) sources: Sources,
    /// Text of the files, where a test had the importer read another one.
    #[cfg(debug_assertions)]
    pub(super) original: Option<Sources>,
    pub(super) ids: Vec<SourceId>,
    pub(super) imported: Imported,
    pub(super) from: Selection,
}

pub(super) fn run(arguments: &ImportArguments) -> Result<Exit, Failure> {
    let Some(Reading { imported: Imported { mut model, .. }, .. }) = read(&arguments.read)? else {
        return Ok(Exit::Loss);
    };
    if arguments.simplify {
        simplify(&mut model);
    }
    match (&arguments.output, &*model) {
        (Some(file), model) => {
            write(file, model)?;
        }
        (None, [model]) => output::print(model)?,
        (None, _) => {
            return Err(Failure::new(
                "the model is too large for one file",
                "name a file with -o: `-o wsgen.yaml` makes the folder wsgen.d",
            ));
        }
    }
    Ok(Exit::Success)
}

/// Makes prefixes of segments of a model's texts, and prints what that changes.
pub(super) fn simplify(model: &mut Model) {
    output::eprint(&simplified::simplify(model));
}

/// Writes a model; one of several files is a folder beside the name: `wsgen.d` for `wsgen.yaml`. Gives what was written.
pub(super) fn write(file: &Path, model: &[String]) -> Result<PathBuf, Failure> {
    if let [model] = model {
        output::write_file(file, model.as_bytes(), Readers::All)?;
        output::eprint(&format!("wrote {}\n", file.display()));
        return Ok(file.to_owned());
    }
    let folder = file.with_extension("d");
    fs::create_dir_all(&folder).map_err(|error| {
        let message = format!("cannot make {}: {error}", folder.display());
        Failure::new(message, "name a file in a folder that can be written")
    })?;
    for (number, part) in model.iter().enumerate() {
        let file = folder.join(format!("{number:03}.yaml"));
        output::write_file(&file, part.as_bytes(), Readers::All)?;
    }
    output::eprint(&format!("wrote {} files into {}\n", model.len(), folder.display()));
    Ok(folder)
}

/// What is read, with everything that is to be said of it; nothing where a loss is an error.
pub(super) fn read(arguments: &ReadArguments) -> Result<Option<Reading>, Failure> {
    let reading = taken_in(arguments)?;
    let Reading { sources, imported, from, .. } = &reading;
    let findings = weighed(&imported.findings, arguments.loss);
    output::eprint(&said::said(imported, &findings, sources, arguments));
    output::eprint(&summary(from.target, imported));
    output::eprint(&said::by_kind(imported, arguments.verbose));
    for file in &arguments.report {
        let text = document(from.target, imported, sources);
        output::write_file(file, text.as_bytes(), Readers::All)?;
        output::eprint(&format!("wrote {}\n", file.display()));
    }
    if findings.count(Severity::Error) > 0 {
        output::eprint("nothing was written: look at the errors, then say --loss warn\n");
        return Ok(None);
    }
    Ok(Some(reading))
}

/// Reads everything that was named, in its dialect.
fn taken_in(arguments: &ReadArguments) -> Result<Reading, Failure> {
    let mut sources = Sources::default();
    let mut ids = Vec::new();
    for path in &arguments.paths {
        let text = text(path).map_err(|error| {
            let message = format!("{}: cannot read {}: {error}", Code::UNREADABLE, path.display());
            Failure::new(
                message,
                "name the main file of a configuration, or the files of its sites",
            )
        })?;
        let name = if is_stdin(path) { "<stdin>".to_owned() } else { path.display().to_string() };
        ids.push(sources.add(Source::new(name, text)));
    }
    let from = match &arguments.from {
        Some(name) => {
            Selection::parse(name).map_err(|problem| Failure::new(problem.message, problem.help))?
        }
        None => Selection { target: guess(&sources)?, version: None },
    };
    #[cfg(debug_assertions)]
    let original = misread::instead(&sources).map(|read| std::mem::replace(&mut sources, read));
    let mut tree = Tree::of(arguments, &from);
    let imported = (from.target.import)(&mut sources, &ids, &mut tree);
    Ok(Reading {
        sources,
        #[cfg(debug_assertions)]
        original,
        ids,
        imported,
        from,
    })
}

/// The text of a file, or of standard input. Bytes that are no UTF-8 stand in comments of old files mostly.
fn text(path: &Path) -> std::io::Result<String> {
    let bytes = if is_stdin(path) {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        bytes
    } else {
        fs::read(path)?
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a path stands for standard input.
fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The dialect of a text, by what only one of them has.
fn guess(sources: &Sources) -> Result<&'static Target, Failure> {
    let text: String = sources.iter().map(|(_, source)| source.text()).collect();
    let found = TARGETS.iter().copied().max_by_key(|target| (target.traits)(&text));
    let found = found.filter(|target| (target.traits)(&text) > 0);
    let found = found.ok_or_else(|| {
        Failure::new(
            "this looks like no configuration that wsgen knows",
            "say whose it is with --from",
        )
    })?;
    output::eprint(&format!("taken for the configuration of {}\n", found.title));
    Ok(found)
}

/// Findings as the command line weighs them, in the order of the files.
fn weighed(findings: &Diagnostics, loss: Option<LossArgument>) -> Diagnostics {
    let mut all = Diagnostics::default();
    for finding in findings {
        all.push(said::weighed(finding, loss));
    }
    all.sort();
    all
}

/// How much of it is in the model.
fn summary(from: &Target, imported: &Imported) -> String {
    let (mut taken, mut dropped, mut lost) = (0, 0, 0);
    for judged in imported.directives.iter().filter(|judged| judged.proxying) {
        match &judged.verdict {
            Verdict::Taken(_) => taken += 1,
            Verdict::Dropped(_) => dropped += 1,
            Verdict::Lost(_) => lost += 1,
        }
    }
    let others = imported.directives.len() - taken - dropped - lost;
    format!(
        "{}: {} directives that proxy: {taken} taken, {dropped} left out for a reason, {lost} lost; {others} others\n",
        from.title,
        taken + dropped + lost
    )
}

/// Every directive with its verdict, for programs.
fn document(from: &Target, imported: &Imported, sources: &Sources) -> String {
    let directives: Vec<_> = imported
        .directives
        .iter()
        .filter_map(|judged| {
            let source = sources.get(judged.span.source)?;
            let at = source.position(judged.span.range().start);
            let (verdict, detail, opens) = match &judged.verdict {
                Verdict::Taken(field) => ("taken", field.as_ref(), false),
                Verdict::Dropped(why) => ("dropped", why.as_ref(), false),
                Verdict::Lost(loss) if loss.kept => ("kept", loss.why.as_ref(), false),
                Verdict::Lost(loss) => ("lost", loss.why.as_str(), loss.opens),
            };
            Some(serde_json::json!({
                "file": source.name(), "line": at.line, "column": at.column, "directive": judged.name,
                "proxying": judged.proxying, "verdict": verdict, "detail": detail, "opens": opens,
            }))
        })
        .collect();
    let all = serde_json::json!({"from": from.name, "directives": directives});
    format!("{all:#}\n")
}
