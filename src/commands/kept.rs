//! Runs that start servers: whatever ends them, no server, container or folder is left behind.

use std::io::{BufReader, Write};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use wsgen_conformance::launch::keeper;

use crate::output::{self, Exit, Failure};

/// The signals that end a run, and their exit codes for a shell.
const SIGNALS: [(SignalKind, i32); 3] =
    [(SignalKind::hangup(), 129), (SignalKind::interrupt(), 130), (SignalKind::terminate(), 143)];

/// A run that is looked after until its end.
pub(super) struct Run {
    temporary: Option<TempDir>,
}

impl Run {
    /// Begins a run without a folder of its own.
    pub(super) fn begin() -> Result<Self, Failure> {
        let fail = |error: std::io::Error| {
            Failure::new(format!("cannot look after what is started: {error}"), "report this")
        };
        let mut command = Command::new(std::env::current_exe().map_err(fail)?);
        command.arg("keep");
        keeper::begin(command).map_err(fail)?;
        let waits = runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
        let thread = std::thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || waits.block_on(interrupted())).map_err(fail)?;
        Ok(Self { temporary: None })
    }

    /// Makes a folder that goes with the run, and that servers of other users can read.
    pub(super) fn folder(&mut self) -> std::io::Result<&Path> {
        let folder = tempfile::Builder::new().prefix("wsgen-").tempdir()?;
        keeper::folder(folder.path())?;
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open)?;
        Ok(self.temporary.insert(folder).path())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Ahead of the folder: whoever still works in it is ended.
        keeper::finish();
    }
}

/// Waits for a signal that ends the run, and ends what was started, then the process. A signal that is ignored (nohup) stays so.
async fn interrupted() {
    let ignored = ignored();
    let mut waiting = Vec::new();
    for (kind, code) in SIGNALS {
        let bit = u32::try_from(kind.as_raw_value() - 1).unwrap_or(0);
        if (ignored >> bit) & 1 == 1 {
            continue;
        }
        let Ok(mut signals) = signal(kind) else { continue };
        waiting.push(Box::pin(async move {
            signals.recv().await;
            code
        }));
    }
    if waiting.is_empty() {
        return;
    }
    let (code, ..) = futures_util::future::select_all(waiting).await;
    output::eprint("\ninterrupted: what was started is ended\n");
    let _pipe = keeper::close();
    std::process::exit(code);
}

/// The signals that this process was started with as ignored ones, as bits (proc(5), `SigIgn`).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

/// `wsgen keep`: ends what its starter has left behind.
pub(super) fn keep() -> Result<Exit, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(format!("cannot start: {error}"), "report this"))?;
    runtime.block_on(async {
        // Whoever ends everybody ends this last.
        let _held: Vec<_> = SIGNALS.into_iter().map(|(kind, _)| signal(kind)).collect();
        let ended = || {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(b".").and_then(|()| out.flush());
        };
        keeper::keep(BufReader::new(std::io::stdin()), ended).await;
    });
    Ok(Exit::Success)
}
