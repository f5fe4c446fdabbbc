//! How HAProxy is run.

use crate::recipe::Recipe;

/// Its commands. The master (`-W`) is who can be asked to reload.
pub(super) const RECIPE: Recipe = Recipe {
    program: "haproxy",
    package: "haproxy",
    image: "haproxy",
    image_program: "haproxy",
    version: &["-v"],
    check: |folder| [vec!["-c".into()], arguments(folder)].concat(),
    strict: &["-dW"],
    warning: Some("[WARNING]"),
    run: |folder| [vec!["-W".into()], arguments(folder)].concat(),
    reload: "USR2",
    stop: "TERM",
    threads: Some("threads"),
    access_log: "stdout.log",
    error_log: "stderr.log",
};

fn arguments(folder: &str) -> Vec<String> {
    vec!["-f".into(), format!("{folder}/haproxy.cfg")]
}
