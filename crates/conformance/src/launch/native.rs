//! Programs of this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wsgen_emit::Recipe;

/// How the reference proxy is run.
pub const REFERENCE_RECIPE: Recipe = Recipe {
    program: "wsgen",
    package: "wsgen",
    image: "wsgen",
    image_program: "wsgen",
    version: &["--version"],
    check: |folder| vec!["check".into(), format!("{folder}/wsgen.yaml")],
    // Its warnings are about models, not about what was rendered.
    strict: &[],
    warning: None,
    run: |folder| vec!["serve".into(), format!("{folder}/wsgen.yaml")],
    reload: "HUP",
    stop: "TERM",
    threads: None,
    access_log: "stdout.log",
    error_log: "stderr.log",
};

/// Where Debian keeps servers, which a user's PATH mostly leaves out.
const MORE: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Looks for a program as a shell does, and where servers are.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(MORE.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// What a program says, on either output.
pub(super) fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let both = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&both).into_owned())
}
