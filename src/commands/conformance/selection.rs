//! Which cases, and which servers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wsgen_conformance::case::Case;
use wsgen_conformance::catalogue;
use wsgen_conformance::launch::{Container, REFERENCE, Target};
use wsgen_conformance::own::Own;
use wsgen_conformance::wire::Url;
use wsgen_emit::{Selection, TARGETS};

use crate::args::{ConformanceArguments, Launch};
use crate::output::{self, Failure};
use crate::{input, report};

/// The cases that a pattern names, of the catalogue or of those for a URL.
pub(super) fn cases(
    pattern: Option<&str>,
    url: Option<&str>,
) -> Result<Vec<&'static Case>, Failure> {
    let wanted = |case: &&Case| pattern.is_none_or(|pattern| matches(pattern, &case.id()));
    let cases: Vec<_> = match url {
        Some(_) => catalogue::REMOTE.iter().filter(wanted).collect(),
        None => catalogue::all().filter(wanted).collect(),
    };
    if cases.is_empty() {
        return Err(Failure::new(
            format!("no case matches `{}`", pattern.unwrap_or_default()),
            "see the list with --list; `*` stands for any text",
        ));
    }
    Ok(cases)
}

/// The cases of a model of one's own, if one is named; what cannot be tried of it is said.
pub(super) fn own(arguments: &ConformanceArguments) -> Result<Option<Vec<&'static Case>>, Failure> {
    if arguments.files.is_empty() {
        return Ok(None);
    }
    let input = input::read(&arguments.files)?;
    let mut sources = input.sources.iter();
    let (Some((_, source)), None) = (sources.next(), sources.next()) else {
        return Err(Failure::new("a model in several files cannot be tried", "name one file"));
    };
    let (site, diagnostics) = crate::commands::check::judge(&input);
    let Some(site) = site else {
        let said = report::human(&diagnostics, &input.sources);
        return Err(Failure::new(format!("the model is wrong\n{said}"), "see `wsgen check`"));
    };
    let folder = Path::new(source.name()).parent().map_or_else(PathBuf::new, Path::to_owned);
    let folder = std::path::absolute(folder.join(".")).unwrap_or(folder);
    let text = source.text().to_owned();
    let own = Arc::new(Own { text, folder, site, slow: arguments.slow });
    let (cases, left) = wsgen_conformance::own::cases(&own);
    for why in left {
        output::eprint(&format!("{why}\n"));
    }
    let pattern = arguments.case.as_deref();
    let wanted = |case: &&Case| pattern.is_none_or(|pattern| matches(pattern, &case.id()));
    let cases: Vec<_> = cases.into_iter().filter(wanted).collect();
    if cases.is_empty() {
        return Err(Failure::new(
            "nothing of this model can be tried",
            "give its routes an `expect`",
        ));
    }
    Ok(Some(cases))
}

/// Whether a text matches a pattern with `*`; one without is looked for anywhere.
fn matches(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return text.contains(pattern) };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The servers that were asked for, or all that are there.
pub(super) async fn targets(
    arguments: &ConformanceArguments,
    folder: &Path,
) -> Result<Vec<Target>, Failure> {
    let program = std::env::current_exe();
    let program = program
        .map_err(|error| Failure::new(format!("cannot find myself: {error}"), "report this"))?;
    if let Some(text) = &arguments.url {
        let url = Url::parse(text).ok_or_else(|| {
            Failure::new(format!("`{text}` is no URL of a WebSocket"), "write ws://HOST:PORT/PATH")
        })?;
        return Ok(vec![Target::running(url)]);
    }
    if arguments.launch == Launch::Docker {
        return contained(arguments, &program, folder).await;
    }
    let mut targets = Vec::new();
    if arguments.target.is_empty() {
        targets.push(Target::reference(program));
        for target in TARGETS {
            match Target::installed(target.name) {
                Some(found) => targets.push(found),
                None => output::eprint(&format!(
                    "not run: {} is not installed (`apt-get install {}`)\n",
                    target.name, target.recipe.package
                )),
            }
        }
        return Ok(targets);
    }
    for name in &arguments.target {
        if name == REFERENCE {
            targets.push(Target::reference(program.clone()));
            continue;
        }
        let wanted = selection(name)?;
        let found = Target::installed(wanted.target.name).ok_or_else(|| {
            let package = wanted.target.recipe.package;
            Failure::new(format!("{name} is not installed"), format!("apt-get install {package}"))
        })?;
        expected(name, &wanted, &found)?;
        targets.push(found);
    }
    Ok(targets)
}

fn selection(name: &str) -> Result<Selection, Failure> {
    Selection::parse(name).map_err(|problem| Failure::new(problem.message, problem.help))
}

/// A version that was asked for must be the one that is there, as far as it was given.
fn expected(name: &str, wanted: &Selection, found: &Target) -> Result<(), Failure> {
    let Some((_, version)) = name.split_once('@') else { return Ok(()) };
    let same = found.version == version || found.version.starts_with(&format!("{version}."));
    if same || wanted.version.is_none() {
        return Ok(());
    }
    Err(Failure::new(
        format!("{name} was asked for, and {} is here", found.title()),
        "leave the version out, or run it in a container with --launch docker",
    ))
}

/// Servers in containers: of the official image with the version as its tag, or of the image that is named.
async fn contained(
    arguments: &ConformanceArguments,
    program: &Path,
    folder: &Path,
) -> Result<Vec<Target>, Failure> {
    let mut named = BTreeMap::new();
    for image in &arguments.image {
        let Some((target, image)) = image.split_once('=') else {
            return Err(Failure::new(
                format!("--image {image} names no target"),
                "write TARGET=IMAGE, such as NAME=NAME:1.30",
            ));
        };
        named.insert(target, image);
    }
    let all: Vec<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    let wanted = if arguments.target.is_empty() { &all } else { &arguments.target };
    let mut containers: BTreeMap<String, Arc<Container>> = BTreeMap::new();
    let mut targets = Vec::new();
    for name in wanted {
        if name == REFERENCE {
            targets.push(Target::reference(program.to_owned()));
            continue;
        }
        let selected = selection(name)?;
        let short = selected.target.name;
        let tag = name.split_once('@').map_or("latest", |(_, version)| version);
        let official = format!("{}:{tag}", selected.target.recipe.image);
        let image = named.get(name.as_str()).or_else(|| named.get(short));
        let image = image.map_or(official, |image| (*image).to_owned());
        // Targets of one image share its container.
        let container = match containers.get(&image) {
            Some(container) => container.clone(),
            None => {
                let started = Container::start(&image, folder).await;
                let started = started.map_err(|why| {
                    Failure::new(
                        why,
                        "--image names another; --launch native runs what is installed",
                    )
                })?;
                let started = Arc::new(started);
                containers.insert(image.clone(), started.clone());
                started
            }
        };
        let found = Target::contained(short, container).await;
        let found = found.ok_or_else(|| {
            Failure::new(
                format!("{image} holds no {short}"),
                "name an image that does, with --image",
            )
        })?;
        if named.is_empty() {
            expected(name, &selected, &found)?;
        }
        targets.push(found);
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_whole_ids_and_words_match_anywhere() {
        for (pattern, id, fits) in [
            ("timers", "timers/idle-fires", true),
            ("idle", "timers/idle-fires", true),
            ("timers/*", "timers/idle-fires", true),
            ("*/idle-*", "timers/idle-fires", true),
            ("timers/*-fires", "timers/idle-fires", true),
            ("idle*", "timers/idle-fires", false),
            ("timers/*x", "timers/idle-fires", false),
        ] {
            assert_eq!(matches(pattern, id), fits, "{pattern} {id}");
        }
    }
}
