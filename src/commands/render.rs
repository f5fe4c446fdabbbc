//! `wsgen render`.

use std::path::Path;

use wsgen_emit::{
    Annotate, Layout, Loss, LossPolicy, Options, Problem, Rendered, Selection, TARGETS,
};
use wsgen_model::diagnostic::{Diagnostics, Severity};
use wsgen_model::secret;
use wsgen_model::source::Sources;

use super::{layout, validate};
use crate::args::{AnnotateArgument, Format, LayoutArgument, LossArgument, RenderArguments};
use crate::output::{self, Exit, Failure, Readers};
use crate::{input, report};

pub(super) fn run(arguments: &RenderArguments) -> Result<Exit, Failure> {
    saying(arguments, &|diagnostics, sources| report::print(arguments.format, diagnostics, sources))
}

/// Renders, and hands the findings to what prints them.
pub(super) fn saying(
    arguments: &RenderArguments,
    print: &dyn Fn(&Diagnostics, &Sources) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let folder = arguments.output.as_deref();
    let mut selections = select(&arguments.target)?;
    if folder.is_none() && selections.len() > 1 {
        return Err(Failure::new(
            "several targets do not fit onto standard output",
            "name a folder with -o, or one target",
        ));
    }
    let tree = Layout::from(arguments.layout);
    if folder.is_none() && tree != Layout::Standalone {
        return Err(Failure::new(
            "the tree of a distribution does not fit onto standard output",
            "name a folder with -o",
        ));
    }
    if folder.is_none() && arguments.format != Format::Human {
        return Err(Failure::new(
            "findings in this form and a configuration do not both fit onto standard output",
            "name a folder with -o",
        ));
    }
    let mut servers = Vec::new();
    if arguments.validate {
        for selection in &mut selections {
            let (server, found) = validate::installed(selection)?;
            *selection = found;
            servers.push(server);
        }
    }
    let input = input::read(&arguments.files)?;
    let (site, mut diagnostics) = super::check::judge(&input);
    let Some(site) = site else {
        print(&diagnostics, &input.sources)?;
        return Ok(Exit::Findings);
    };
    let policy = LossPolicy { loss: arguments.loss.into(), today: crate::today::today() };
    let templates = arguments.templates.as_deref().map(input::templates).transpose()?;
    let annotate = arguments.annotate.map_or(Annotate::Nothing, |how| match how {
        AnnotateArgument::Fields => Annotate::Fields,
        AnnotateArgument::Full => Annotate::Full,
    });
    let mut options = Options {
        policy,
        templates: templates.unwrap_or_default(),
        layout: tree,
        annotate,
        ..Options::default()
    };
    let mut rendered: Vec<(Selection, Rendered)> = Vec::new();
    for selection in selections {
        let needs = wsgen_emit::needs(&site, &selection);
        options.handed = input::hand(&needs, &input.sources)?;
        let (mut settled, mut files) = (site.clone(), Vec::new());
        if tree != Layout::Standalone {
            let place = (selection.target.place)(tree);
            files = layout::settle(&mut settled, &place, &mut options.handed, &input.sources)?;
        }
        let one = wsgen_emit::render(&settled, &selection, &options, &mut diagnostics);
        rendered.extend(one.map_err(failure)?.map(|mut one| {
            one.files.extend(files);
            (selection, one)
        }));
    }
    if arguments.strict {
        diagnostics.escalate();
    }
    let lost = diagnostics.count(Severity::Error) > 0;
    for (server, (selection, _)) in servers.iter().zip(&rendered).filter(|_| !lost) {
        // The checker reads files by the names that the server will use: those that are relative are this model's.
        let mut here = site.clone();
        options.layout = Layout::Standalone;
        options.handed = input::hand(&wsgen_emit::needs(&here, selection), &input.sources)?;
        input::resolve_files(&mut here, &input.sources);
        let mut quiet = Diagnostics::default();
        let one = wsgen_emit::render(&here, selection, &options, &mut quiet).map_err(failure)?;
        let refused = one.map(|one| validate::check(server, &one, &here)).transpose()?.flatten();
        match refused {
            Some(finding) => diagnostics.push(finding),
            None => output::eprint(&format!("{} takes it\n", server.title())),
        }
    }
    diagnostics.sort();
    print(&diagnostics, &input.sources)?;
    if diagnostics.count(Severity::Error) > 0 {
        return Ok(if lost { Exit::Loss } else { Exit::Findings });
    }
    for (selection, one) in &rendered {
        for line in &one.unannotated {
            output::eprint(&format!("where this comes from is not known: {line}\n"));
        }
        match folder {
            None if one.files.is_empty() => output::print(&one.main)?,
            None => {
                let names: Vec<_> = one.files.iter().map(|file| file.name.as_str()).collect();
                return Err(Failure::new(
                    format!(
                        "{} wants files beside its own: {}",
                        selection.target.title,
                        names.join(", ")
                    ),
                    "name a folder with -o",
                ));
            }
            Some(folder) => write(folder, (selection.target.place)(tree).main, one)?,
        }
    }
    if let Some(folder) = folder.filter(|_| tree != Layout::Standalone) {
        let places = rendered.iter();
        let places = places.map(|(s, one)| (s.target.title, (s.target.place)(tree), one));
        let page = layout::page(tree, &places.collect::<Vec<_>>());
        let path = folder.join("INSTALL.md");
        output::write_file(&path, page.as_bytes(), Readers::All)?;
        output::eprint(&format!("wrote {}: what to do next\n", path.display()));
    }
    Ok(Exit::Success)
}

/// Writes a rendering; its main file comes last, so that it never names a file that is not there.
fn write(folder: &Path, main: &str, rendered: &Rendered) -> Result<(), Failure> {
    let files = rendered.files.iter().map(|file| {
        let readers = if file.private { Readers::Owner } else { Readers::All };
        (file.name.as_str(), file.bytes.as_slice(), readers)
    });
    // Some servers take passwords and fields with credentials into their own configuration.
    let readers = if secret::holds(&rendered.main) { Readers::Owner } else { Readers::All };
    for (name, bytes, readers) in files.chain([(main, rendered.main.as_bytes(), readers)]) {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|error| {
            Failure::new(
                format!("cannot make {}: {error}", parent.display()),
                "name a folder that can be made",
            )
        })?;
        output::write_file(&path, bytes, readers)?;
        output::eprint(&format!("wrote {}\n", path.display()));
    }
    Ok(())
}

/// `all` is every target.
fn select(targets: &[String]) -> Result<Vec<Selection>, Failure> {
    if targets.iter().any(|target| target == "all") {
        return Ok(TARGETS.iter().map(|target| Selection { target, version: None }).collect());
    }
    targets.iter().map(|target| Selection::parse(target).map_err(failure)).collect()
}

fn failure(problem: Problem) -> Failure {
    Failure::new(problem.message, problem.help)
}

impl From<LayoutArgument> for Layout {
    fn from(argument: LayoutArgument) -> Self {
        match argument {
            LayoutArgument::Standalone => Self::Standalone,
            LayoutArgument::Debian => Self::Debian,
            LayoutArgument::Rhel => Self::Rhel,
        }
    }
}

impl From<LossArgument> for Loss {
    fn from(argument: LossArgument) -> Self {
        match argument {
            LossArgument::Deny => Self::Deny,
            LossArgument::Warn => Self::Warn,
            LossArgument::Allow => Self::Allow,
        }
    }
}
