//! Where a model comes from: a file, a folder, several of them, or standard input.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use wsgen_emit::{Handed, Need};
use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::diagnostic::{Diagnostic, Diagnostics};
use wsgen_model::scalar::FilePath;
use wsgen_model::site::Site;
use wsgen_model::source::{Source, Sources, Span};

use crate::output::Failure;

/// The texts of a model, and what was wrong with their bytes.
pub(crate) struct Input {
    pub(crate) sources: Sources,
    pub(crate) diagnostics: Diagnostics,
}

/// The file that is read when none is named.
pub(crate) const DEFAULT_FILE: &str = "wsgen.yaml";

/// Reads everything that was named; a failure means that something could not be read at all.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Input, Failure> {
    let default = [PathBuf::from(DEFAULT_FILE)];
    let paths = if paths.is_empty() { &default[..] } else { paths };
    let mut input = Input { sources: Sources::default(), diagnostics: Diagnostics::default() };
    for path in paths {
        if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|error| unreadable(Path::new("<stdin>"), &error))?;
            input.add("<stdin>".into(), bytes);
        } else if path.is_dir() {
            for file in models(path)? {
                input.add_file(&file)?;
            }
        } else {
            input.add_file(path)?;
        }
    }
    Ok(input)
}

/// Reads a folder of templates; one that would replace nothing is refused, because its name is wrong.
pub(crate) fn templates(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut templates = BTreeMap::new();
    let entries = |folder: &Path| -> Result<Vec<PathBuf>, Failure> {
        let list = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let list = list.map_err(|error| unreadable(folder, &error))?;
        Ok(list.into_iter().map(|entry| entry.path()).collect())
    };
    for path in entries(folder)? {
        let inner = if path.is_dir() { entries(&path)? } else { vec![path] };
        for file in inner.into_iter().filter(|file| file.extension().is_some_and(|e| e == "j2")) {
            let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
            if !wsgen_emit::template_names().any(|known| known == name) {
                let known = wsgen_emit::template_names().collect::<Vec<_>>().join(", ");
                return Err(Failure::new(
                    format!("{} takes the place of no template", file.display()),
                    format!("use one of the names: {known}"),
                ));
            }
            let text = fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
            templates.insert(name, text);
        }
    }
    if templates.is_empty() {
        let first = wsgen_emit::template_names().next().unwrap_or_default();
        return Err(Failure::new(
            format!("{} holds no template", folder.display()),
            format!("put a file such as {first} into it"),
        ));
    }
    Ok(templates)
}

/// Reads the files that a target must see. Relative names are relative to the file that holds them.
pub(crate) fn hand(needs: &[Need], sources: &Sources) -> Result<Handed, Failure> {
    let mut handed = Handed::new();
    for need in needs {
        let Some(model) = sources.get(need.span.source) else { continue };
        let beside = Path::new(model.name()).parent().unwrap_or(Path::new(""));
        let path = beside.join(&need.path);
        let bytes = fs::read(&path).map_err(|error| {
            let at = model.position(need.span.range().start);
            Failure::new(
                format!(
                    "{}: cannot read {}, which {}:{}:{} names: {error}",
                    Code::UNREADABLE,
                    path.display(),
                    model.name(),
                    at.line,
                    at.column
                ),
                "make the file readable; this target needs what is in it",
            )
        })?;
        handed.insert(need.path.clone(), bytes);
    }
    Ok(handed)
}

/// Makes the names of a site's files those of this process: relative names are relative to the file that holds
/// them.
pub(crate) fn resolve_files(site: &mut Site, sources: &Sources) {
    for file in site.files_mut() {
        let Some(model) = sources.get(file.span.source) else { continue };
        let beside = Path::new(model.name()).parent().unwrap_or(Path::new(""));
        let path = beside.join(file.as_str()).display().to_string();
        if let Ok(resolved) = FilePath::parse(&path) {
            file.value = resolved;
        }
    }
}

impl Input {
    fn add_file(&mut self, path: &Path) -> Result<(), Failure> {
        let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
        self.add(path.display().to_string(), bytes);
        Ok(())
    }

    fn add(&mut self, name: String, bytes: Vec<u8>) {
        match String::from_utf8(bytes) {
            Ok(text) => {
                self.sources.add(Source::new(name, text));
            }
            Err(error) => {
                // The part before the bad byte is shown, so that the place has a line and a column.
                let at = error.utf8_error().valid_up_to();
                let byte = error.as_bytes()[at];
                let good = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
                let end = good.len();
                let id = self.sources.add(Source::new(name, good));
                self.diagnostics.push(
                    Diagnostic::new(Code::NOT_UTF8, format!("byte {byte:#04x} is not UTF-8"))
                        .labelled(Span::new(id, end..end), "expected UTF-8 from here on")
                        .help(
                            "save the file as UTF-8, or find the byte with `iconv -f UTF-8 FILE`",
                        ),
                );
            }
        }
    }
}

/// The model files of a folder, in the order of their names.
fn models(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let listing = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut files: Vec<PathBuf> = listing
        .map_err(|error| unreadable(folder, &error))?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension().is_some_and(|e| e == "yaml" || e == "yml") && path.is_file()
        })
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(Failure::new(
            format!("{} holds no .yaml file", folder.display()),
            "name a folder with model files, or one file",
        ));
    }
    Ok(files)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let help = match error.kind() {
        io::ErrorKind::NotFound if path == Path::new(DEFAULT_FILE) => {
            "name a file, or write a first model with `wsgen init`"
        }
        io::ErrorKind::NotFound => "check the name",
        io::ErrorKind::PermissionDenied => "check the permissions of the file and its folders",
        _ => "name a file or folder that can be read",
    };
    Failure::new(format!("{}: cannot read {}: {error}", Code::UNREADABLE, path.display()), help)
}
