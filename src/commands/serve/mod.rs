//! `wsgen serve`.

mod demo;
mod watched;

use std::num::NonZeroUsize;

use wsgen_model::config::AccessLogFormat;
use wsgen_model::located::Located;
use wsgen_model::secret;
use wsgen_model::site::{Setting, Site};
use wsgen_model::source::{Sources, Span};
use wsgen_proxy::{ErrorLog, Proxy, StartError, Style, Verdict};

use self::watched::Watched;
use crate::args::{LogFormat, ServeArguments};
use crate::input::{self, Input};
use crate::output::{Exit, Failure};
use crate::report;

pub(super) fn run(arguments: &ServeArguments) -> Result<Exit, Failure> {
    let style = match arguments.log_format {
        Some(LogFormat::Json) => Style::Json,
        Some(LogFormat::Text) | None => Style::Text,
    };
    let filter = arguments.log_level.clone().unwrap_or_default();
    let log = ErrorLog::start(filter, style).map_err(|error| {
        Failure::new(format!("cannot start a thread: {error}"), "allow more threads")
    })?;
    match serve(arguments, &log) {
        // Whoever reads the log by a program gets the reason there.
        Err(failure) if !log.is_for_people() => {
            log.failed(&failure.message, &failure.help);
            Ok(Exit::Failed)
        }
        served => served,
    }
}

fn serve(arguments: &ServeArguments, log: &ErrorLog) -> Result<Exit, Failure> {
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok());
    let threads = threads.map_or(1, NonZeroUsize::get);
    // An echo that is dropped would end.
    let (input, _echo) =
        if arguments.demo { demo::start()? } else { (input::read(&arguments.files)?, None) };
    let (site, said) = judge(&input, arguments);
    log.findings(&said);
    let Some(site) = site else { return Ok(Exit::Findings) };
    let listeners: Vec<(String, String)> = site
        .listeners
        .iter()
        .map(|l| (l.name.value.to_string(), l.address.value.to_string()))
        .collect();
    let proxy = Proxy::start(site, text(&input.sources), threads, arguments.relay.into())
        .map_err(|error| failure(&error, &input.sources))?;
    for (name, address) in listeners {
        log.listening(&name, &address);
    }
    let mut watched = Watched::new(&input.sources);
    let changed = || arguments.watch && !arguments.demo && watched.has_changed();
    let served = proxy.run(|proxy| reload(proxy, arguments, log), changed);
    let fault = |error| Failure::new(format!("cannot go on: {error}"), "report this");
    served.map_err(fault)?;
    Ok(Exit::Success)
}

/// The model as it was written, file by file, with its secrets masked.
fn text(sources: &Sources) -> String {
    let all: Vec<_> = sources.iter().collect();
    let one = |source: &wsgen_model::source::Source| {
        format!("# {}\n{}", source.name(), secret::mask(source.text()))
    };
    all.iter().map(|(_, source)| one(source)).collect::<Vec<_>>().join("---\n")
}

/// The site of a model, if nothing is wrong with it and all of it can be run; and the findings, as people read them.
fn judge(input: &Input, arguments: &ServeArguments) -> (Option<Site>, String) {
    let (mut site, diagnostics) = super::check::judge(input);
    if let Some(site) = &mut site {
        input::resolve_files(site, &input.sources);
        override_with(site, arguments);
    }
    let site = site.filter(|_| !diagnostics.has_errors());
    (site, report::human(&diagnostics, &input.sources))
}

/// What the command line says wins over the model.
fn override_with(site: &mut Site, arguments: &ServeArguments) {
    if let Some(address) = &arguments.admin {
        site.admin = Some(Located::new(address.clone(), Span::default()));
    }
    match arguments.log_format {
        Some(LogFormat::Json) => site.access_log.format = Setting::built_in(AccessLogFormat::Json),
        Some(LogFormat::Text) => {
            site.access_log.format = Setting::built_in(AccessLogFormat::Combined);
        }
        None => {}
    }
}

/// Reads the model anew; a bad one is told and changes nothing.
fn reload(proxy: &mut Proxy, arguments: &ServeArguments, log: &ErrorLog) -> Verdict {
    let mut outcome = || -> Result<(bool, String), Failure> {
        let input = input::read(&arguments.files)?;
        let (site, said) = judge(&input, arguments);
        let Some(site) = site else { return Ok((false, said)) };
        let reloaded = proxy.reload(site, text(&input.sources));
        reloaded.map_err(|error| failure(&error, &input.sources))?;
        Ok((true, said))
    };
    let (good, mut said) = if arguments.demo {
        (false, "the demonstration has no file\n".to_owned())
    } else {
        outcome()
            .unwrap_or_else(|failure| (false, format!("{}; {}\n", failure.message, failure.help)))
    };
    log.findings(&said);
    let word = if good { "reloaded" } else { "not reloaded: the configuration of before goes on" };
    log.reloaded(good, word);
    said.push_str(word);
    said.push('\n');
    Verdict { good, said }
}

fn failure(error: &StartError, sources: &Sources) -> Failure {
    // What the command line says has no place.
    let span = error.span.filter(|span| *span != Span::default());
    let place = span.and_then(|span| {
        let source = sources.get(span.source)?;
        let at = source.position(span.range().start);
        Some(format!("{}:{}:{}: ", source.name(), at.line, at.column))
    });
    Failure::new(format!("{}{}", place.unwrap_or_default(), error.message), error.help.clone())
}
