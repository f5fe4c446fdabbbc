//! How nginx is run.

use crate::recipe::Recipe;

/// Its commands.
pub(super) const RECIPE: Recipe = Recipe {
    program: "nginx",
    package: "nginx-light",
    image: "nginx",
    image_program: "nginx",
    version: &["-v"],
    check: |folder| [arguments(folder), vec!["-t".into()]].concat(),
    strict: &[],
    warning: Some("[warn]"),
    run: |folder| [arguments(folder), vec!["-g".into(), "daemon off;".into()]].concat(),
    reload: "HUP",
    stop: "TERM",
    threads: Some("workers"),
    access_log: "access.log",
    error_log: "error.log",
};

fn arguments(folder: &str) -> Vec<String> {
    let file = format!("{folder}/nginx.conf");
    // Its prefix is where relative names lead, so it needs its last slash.
    ["-p", &format!("{folder}/"), "-c", &file].map(str::to_owned).to_vec()
}
