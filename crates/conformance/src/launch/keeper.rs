//! A process that outlives its starter and ends what that has left behind: servers, containers and folders. It reads a pipe,
//! whose end is the end of its starter, whatever that died of.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::RemoveContainerOptionsBuilder;

/// Time for servers to end in order, and time for them to end at all.
const IN_ORDER: Duration = Duration::from_millis(300);
const AT_ALL: Duration = Duration::from_secs(5);

/// The keeper of this process. Without one, what is started ends with its owner alone.
static KEEPER: Mutex<Keeper> = Mutex::new(Keeper::None);

#[derive(Debug)]
enum Keeper {
    None,
    Runs(ChildStdin, Child),
    /// This process is about to end; nothing more is started.
    Closing,
}

fn keeper() -> MutexGuard<'static, Keeper> {
    KEEPER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the keeper of this process: a command that calls [`keep`] with its standard input.
pub fn begin(mut command: Command) -> io::Result<()> {
    use std::os::unix::process::CommandExt;
    // A terminal's signals go to the group of its starter, and the keeper works when that has ended.
    command.process_group(0).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let input = child.stdin.take().ok_or_else(|| io::Error::other("a keeper without a pipe"))?;
    *keeper() = Keeper::Runs(input, child);
    Ok(())
}

/// Has a folder removed at the end, with every process that works in it.
pub fn folder(path: &Path) -> io::Result<()> {
    note("folder", &path.display().to_string())
}

/// Ends the keeper behind a run that has ended in order.
pub fn finish() {
    let mut keeper = keeper();
    match std::mem::replace(&mut *keeper, Keeper::None) {
        Keeper::Closing => wait_for_the_end(keeper),
        Keeper::Runs(input, child) => wait(input, child),
        Keeper::None => {}
    }
}

/// Has all servers and containers ended now, because this process is about to end. From here on, whoever starts something
/// waits. Folders are removed behind the end of this process, because its threads may still write into them. The pipe is
/// given back: its end is the end of this process.
pub fn close() -> Option<ChildStdin> {
    let before = std::mem::replace(&mut *keeper(), Keeper::Closing);
    let Keeper::Runs(mut input, mut child) = before else { return None };
    if writeln!(input, "end all").is_ok() {
        // One byte, or the end of a keeper that is gone.
        let _ = child.stdout.take().map(|mut said| said.read(&mut [0]));
    }
    Some(input)
}

fn wait(input: ChildStdin, mut child: Child) {
    drop(input);
    let deadline = Instant::now() + 2 * AT_ALL;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Another thread ends this process.
fn wait_for_the_end(keeper: MutexGuard<'_, Keeper>) -> ! {
    drop(keeper);
    loop {
        std::thread::park();
    }
}

/// Starts something and notes it, with nothing between the two that could end this process in order.
pub(super) fn started<T>(
    start: impl FnOnce() -> io::Result<T>,
    group: impl FnOnce(&T) -> Option<u32>,
) -> io::Result<T> {
    let mut keeper = keeper();
    if matches!(*keeper, Keeper::Closing) {
        wait_for_the_end(keeper);
    }
    let begun = start()?;
    if let (Keeper::Runs(input, _), Some(group)) = (&mut *keeper, group(&begun)) {
        // A keeper that is gone keeps nobody from working.
        let _ = writeln!(input, "group {group}");
    }
    Ok(begun)
}

/// Notes the process group of a server that has ended: its number may be given to another.
pub(super) fn ended(group: i32) {
    let _ = note("ended", &group.to_string());
}

/// Notes a container that was started. It is removed at the end where it is still there.
pub(super) fn container(id: &str) {
    let _ = note("container", id);
}

fn note(kind: &str, what: &str) -> io::Result<()> {
    match &mut *keeper() {
        Keeper::Runs(input, _) => writeln!(input, "{kind} {what}"),
        Keeper::None | Keeper::Closing => Ok(()),
    }
}

/// Processes, containers and folders that a run has left behind.
#[derive(Debug, Default)]
struct Left {
    groups: BTreeSet<i32>,
    containers: BTreeSet<String>,
    folders: BTreeSet<PathBuf>,
}

/// Reads what a starter does until it ends, and ends what is left then. This is all that a keeper does.
/// `ended` tells the starter that it may end.
pub async fn keep(input: impl BufRead, mut ended: impl FnMut()) {
    let mut left = Left::default();
    for line in input.lines().map_while(Result::ok) {
        let Some((kind, what)) = line.split_once(' ') else { continue };
        match (kind, what.parse::<i32>()) {
            ("group", Ok(number)) => {
                left.groups.insert(number);
            }
            ("ended", Ok(number)) => {
                left.groups.remove(&number);
            }
            ("container", _) => {
                left.containers.insert(what.to_owned());
            }
            ("folder", _) => {
                left.folders.insert(PathBuf::from(what));
            }
            ("end", _) => {
                left.end().await;
                ended();
            }
            _ => {}
        }
    }
    left.end().await;
    for folder in &left.folders {
        let _ = std::fs::remove_dir_all(folder);
    }
}

impl Left {
    /// Ends processes and containers.
    async fn end(&self) {
        let groups: Vec<Pid> = self.groups.iter().filter_map(|id| Pid::from_raw(*id)).collect();
        for group in &groups {
            let _ = kill_process_group(*group, Signal::TERM);
        }
        let begin = Instant::now();
        loop {
            let lives = |group: &&Pid| test_kill_process_group(**group).is_ok();
            let living: Vec<&Pid> = groups.iter().filter(lives).collect();
            // What was started in the moment in which its starter was killed is known by its folder alone.
            let strays = workers(&self.folders);
            if living.is_empty() && strays.is_empty() || begin.elapsed() > AT_ALL {
                break;
            }
            if begin.elapsed() > IN_ORDER {
                for group in living {
                    let _ = kill_process_group(*group, Signal::KILL);
                }
                for stray in strays {
                    let _ = kill_process(stray, Signal::KILL);
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if !self.containers.is_empty() {
            self.remove_containers().await;
        }
    }

    async fn remove_containers(&self) {
        let Ok(engine) = Docker::connect_with_defaults() else { return };
        for id in &self.containers {
            let at_once = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            let removed = engine.remove_container(id, Some(at_once));
            let _ = tokio::time::timeout(AT_ALL, removed).await;
        }
    }
}

/// Processes that work in one of these folders.
fn workers(folders: &BTreeSet<PathBuf>) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let number = |entry: io::Result<std::fs::DirEntry>| {
        let number: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let place = std::fs::read_link(format!("/proc/{number}/cwd")).ok()?;
        folders.iter().any(|folder| place.starts_with(folder)).then_some(number)
    };
    let numbers =
        if folders.is_empty() { Vec::new() } else { entries.filter_map(number).collect() };
    numbers.into_iter().filter_map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_left_is_ended_and_what_has_ended_is_left_alone() {
        use std::os::unix::process::CommandExt;
        let folder = tempfile::tempdir().unwrap();
        let sleeper = |at: &Path| {
            Command::new("sleep").arg("60").process_group(0).current_dir(at).spawn().unwrap()
        };
        let mut left = sleeper(Path::new("/"));
        let mut stray = sleeper(folder.path());
        let mut other = sleeper(Path::new("/"));
        let notes = format!(
            "group {left}\ngroup {other}\nended {other}\nnonsense\nfolder {}\n",
            folder.path().display(),
            left = left.id(),
            other = other.id()
        );
        // Children that nobody waits for stay in their groups.
        let waiting = std::thread::spawn(move || (left.wait().unwrap(), stray.wait().unwrap()));
        keep(notes.as_bytes(), || {}).await;
        let (left, stray) = waiting.join().unwrap();
        assert!(!left.success() && !stray.success());
        assert!(!folder.path().exists());
        assert!(matches!(other.try_wait(), Ok(None)));
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
