//! What leaves the program: text, files, and the exit code.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// How a command ended (documented in the README).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything as it should be.
    Success = 0,
    /// Findings in the input, or an unexpected result.
    Findings = 1,
    /// It could not be done: usage, unreadable input, missing server.
    Failed = 2,
    /// A loss was refused.
    Loss = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not be done.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What could not be done.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: String,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// Writes to standard output. A reader that has gone away is no error: `wsgen … | head` is fine.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(
            format!("cannot write to standard output: {error}"),
            "check where the output goes",
        )),
        _ => Ok(()),
    }
}

/// Writes messages to standard error; nothing can be done about a failure there.
pub(crate) fn eprint(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Who may read a file that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Everybody.
    All,
    /// Its owner: it holds a secret.
    Owner,
}

/// Writes a file whole or not at all: beside it first, then by renaming.
pub(crate) fn write_file(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), Failure> {
    let written = || -> io::Result<()> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        // A temporary file is private; a file that is replaced keeps its mode.
        match path.metadata() {
            _ if readers == Readers::Owner => {}
            Ok(metadata) => file.as_file().set_permissions(metadata.permissions())?,
            Err(_) => readable(file.as_file())?,
        }
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    written().map_err(|error| {
        Failure::new(
            format!("cannot write {}: {error}", path.display()),
            "check the folder and its permissions; nothing was changed",
        )
    })
}

#[cfg(unix)]
fn readable(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_file: &std::fs::File) -> io::Result<()> {
    Ok(())
}
