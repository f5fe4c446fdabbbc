//! `wsgen migrate`: import, check and render in one.

use super::{import, prove, render};
use crate::args::{Format, LayoutArgument, LossArgument, MigrateArguments, RenderArguments};
use crate::output::{Exit, Failure};
use crate::report;

pub(super) fn run(arguments: &MigrateArguments) -> Result<Exit, Failure> {
    let Some(mut reading) = import::read(&arguments.import)? else { return Ok(Exit::Loss) };
    if arguments.simplify {
        import::simplify(&mut reading.imported.model);
    }
    let folder = &arguments.output;
    std::fs::create_dir_all(folder).map_err(|error| {
        let message = format!("cannot make {}: {error}", folder.display());
        Failure::new(message, "name a folder that can be made")
    })?;
    // The model stays: it is what is kept up from now on.
    let file = folder.join("wsgen.yaml");
    let file = import::write(&file, &reading.imported.model)?;
    let rendering = RenderArguments {
        files: vec![file],
        target: vec![arguments.to.clone()],
        output: Some(folder.clone()),
        layout: LayoutArgument::Standalone,
        annotate: None,
        // What opens something is refused all the same.
        loss: arguments.import.loss.unwrap_or(LossArgument::Warn),
        strict: false,
        format: Format::Human,
        validate: arguments.validate,
        templates: None,
    };
    let rendered = render::saying(&rendering, &|diagnostics, sources| {
        if arguments.import.verbose {
            return report::print(Format::Human, diagnostics, sources);
        }
        report::print_folded(diagnostics, sources);
        Ok(())
    });
    let Some(how) = arguments.prove else { return rendered };
    match rendered {
        Ok(Exit::Success) => {
            let good = prove::run(arguments, how, &mut reading)?;
            Ok(if good { Exit::Success } else { Exit::Findings })
        }
        Ok(exit) => Ok(exit),
        // A certificate that is elsewhere keeps nobody from proving the rest.
        Err(failure) => {
            prove::run(arguments, how, &mut reading)?;
            Err(failure)
        }
    }
}
