//! A new program in place of this one, without a lost connection: it gets the listening sockets, and once it serves,
//! this one takes no more and lets its tunnels end.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::parent_id;
use std::process::{Child, Command};

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, getppid, kill_process};
use sd_notify::NotifyState;

/// Whom the new process tells that it serves.
const PREDECESSOR: &str = "WSGEN_PREDECESSOR";
/// The first descriptor that is handed over (`sd_listen_fds(3)`).
const FIRST: i32 = 3;

/// Starts the program anew, as it was started, with these sockets.
pub(crate) fn start(sockets: Vec<OwnedFd>) -> io::Result<Child> {
    let mut arguments = std::env::args_os();
    let program = arguments.next().ok_or(io::ErrorKind::NotFound)?;
    let mut command = Command::new(program);
    command.args(arguments);
    command.env("LISTEN_FDS", sockets.len().to_string()).env_remove("LISTEN_PID");
    command.env(PREDECESSOR, std::process::id().to_string());
    let mappings = sockets.into_iter().zip(FIRST..);
    let mappings = mappings.map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd });
    command.fd_mappings(mappings.collect()).map_err(io::Error::other)?;
    command.spawn()
}

/// Says that this process serves: to the process that it takes the place of, and to systemd (`sd_notify(3)`).
pub(crate) fn serves() {
    let parent = std::env::var(PREDECESSOR).ok().and_then(|id| id.parse().ok());
    if parent == Some(parent_id())
        && let Some(parent) = getppid()
    {
        let _ = kill_process(parent, Signal::QUIT);
    }
    let me = Pid::as_raw(Some(rustix::process::getpid()));
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::MainPid(me.unsigned_abs())]);
}

/// Says to systemd that it stops.
pub(crate) fn stops() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}
