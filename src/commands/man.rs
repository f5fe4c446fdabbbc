//! `wsgen man`.

use std::path::Path;

use clap::CommandFactory;

use crate::args::Args;
use crate::output::{self, Exit, Failure, Readers};

pub(super) fn run(folder: Option<&Path>) -> Result<Exit, Failure> {
    let command = Args::command();
    let Some(folder) = folder else {
        output::print(&page(command)?)?;
        return Ok(Exit::Success);
    };
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::new(format!("cannot make {}: {error}", folder.display()), "name another folder")
    })?;
    let mut pages = vec![("wsgen".to_owned(), command.clone())];
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let name = format!("wsgen-{}", verb.get_name());
        // A page knows the whole name of its verb.
        pages.push((name.clone(), verb.clone().name(&*name.leak())));
    }
    for (name, command) in pages {
        let file = folder.join(format!("{name}.1"));
        output::write_file(&file, page(command)?.as_bytes(), Readers::All)?;
    }
    Ok(Exit::Success)
}

fn page(command: clap::Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::new(format!("cannot write the page: {error}"), "report this"))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
