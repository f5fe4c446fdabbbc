//! How Apache is run.

use crate::recipe::Recipe;

/// Its commands.
pub(super) const RECIPE: Recipe = Recipe {
    program: "apache2",
    package: "apache2",
    image: "httpd",
    image_program: "httpd",
    version: &["-v"],
    check: |folder| [arguments(folder), vec!["-t".into()]].concat(),
    strict: &[],
    warning: Some(":warn]"),
    run: |folder| {
        // Who is root must say who serves.
        let user = ["-c", "User nobody", "-c", "Group nogroup", "-D", "FOREGROUND"];
        [arguments(folder), user.map(str::to_owned).to_vec()].concat()
    },
    reload: "USR1",
    stop: "TERM",
    threads: None,
    access_log: "access.log",
    error_log: "error.log",
};

fn arguments(folder: &str) -> Vec<String> {
    ["-d", folder, "-f", "httpd.conf"].map(str::to_owned).to_vec()
}
