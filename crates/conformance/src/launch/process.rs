//! A running server.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::{Place, Target, keeper};
use crate::wire::PATIENCE;

/// A server that was started. It ends with its owner; whom a master leaves behind ends too.
#[derive(Debug)]
pub struct Process {
    running: Running,
    target: Target,
    folder: PathBuf,
}

#[derive(Debug)]
enum Running {
    /// The leader of a process group.
    Here(Child),
    /// The number of a process in a container.
    In(Pid),
}

const RUNS_ALREADY: &str = "it runs already, and is not started here";

/// How long a server has to end in order.
const LAST_MOMENTS: Duration = Duration::from_millis(200);

/// Runs a target's checker; an error is what it says. A warning is a refusal where that is asked for.
pub(super) async fn check(target: &Target, folder: &Path, warnings: bool) -> Result<(), String> {
    let recipe = target.recipe();
    let mut arguments = (recipe.check)(&folder.display().to_string());
    if warnings {
        arguments.extend(recipe.strict.iter().map(|argument| (*argument).to_owned()));
    }
    let checked = async {
        match &target.place {
            Place::Here(program) => {
                let mut command = Command::new(program);
                command.args(&arguments).current_dir(folder).stdin(Stdio::null());
                let output = command.kill_on_drop(true).output().await;
                let output = output.map_err(|error| format!("cannot run the checker: {error}"))?;
                let said = [output.stdout, output.stderr].concat();
                let said = String::from_utf8_lossy(&said).into_owned();
                if output.status.success() { Ok(said) } else { Err(said) }
            }
            Place::At(_) => Err(RUNS_ALREADY.to_owned()),
            Place::In(container) => {
                let program = vec![container.program(&recipe).to_owned()];
                container.output(folder, &[program, arguments.clone()].concat()).await
            }
        }
    };
    let checked = tokio::time::timeout(PATIENCE, checked).await;
    let said = checked.unwrap_or_else(|_| Err("the checker does not end".to_owned()))?;
    let warns = warnings && recipe.warning.is_some_and(|warning| said.contains(warning));
    if warns { Err(said) } else { Ok(()) }
}

impl Process {
    pub(super) async fn start(target: &Target, folder: &Path) -> Result<Self, String> {
        let recipe = target.recipe();
        let mut arguments = (recipe.run)(&folder.display().to_string());
        arguments.extend(target.more.iter().cloned());
        let running = match &target.place {
            Place::Here(program) => {
                let log = |name: &str| {
                    let file = File::options().create(true).append(true).open(folder.join(name));
                    file.map_err(|error| format!("cannot write {name}: {error}"))
                };
                let mut command = Command::new(program);
                command.args(&arguments).current_dir(folder).process_group(0).stdin(Stdio::null());
                command.envs(target.environment.iter().map(|(name, value)| (name, value)));
                command.stdout(log("stdout.log")?).stderr(log("stderr.log")?);
                let child = keeper::started(|| command.spawn(), Child::id);
                Running::Here(child.map_err(|error| format!("cannot start: {error}"))?)
            }
            Place::At(_) => return Err(RUNS_ALREADY.to_owned()),
            Place::In(container) => {
                let number = container.spawn(&recipe, folder, &arguments).await?;
                keeper::started(|| Ok(number), |number| u32::try_from(*number).ok())
                    .map_err(|error| error.to_string())?;
                Running::In(Pid::from_raw(number).ok_or("a server without a number")?)
            }
        };
        Ok(Self { running, target: target.clone(), folder: folder.to_owned() })
    }

    /// Waits until a port answers. A server that ends before says why.
    pub async fn answers(&mut self, address: SocketAddr) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            let ended = self.has_ended();
            if ended || Instant::now() > deadline {
                let what = if ended { "has ended" } else { "does not answer" };
                return Err(format!("{} {what}: {}", self.target.title(), self.troubles()));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// The end of what it says of its troubles.
    pub fn troubles(&self) -> String {
        let read = |name: &str| std::fs::read(self.folder.join(name)).unwrap_or_default();
        let mut all = read("stderr.log");
        if self.target.recipe().error_log != "stderr.log" {
            all.extend(read(self.target.recipe().error_log));
        }
        let text = String::from_utf8_lossy(&all).into_owned();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// The number of its first process, on this machine.
    pub fn id(&self) -> Option<u32> {
        match &self.running {
            Running::Here(child) => child.id(),
            Running::In(_) => None,
        }
    }

    fn number(&self) -> Option<Pid> {
        match &self.running {
            Running::Here(child) => {
                child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
            }
            Running::In(number) => Some(*number),
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        match &mut self.running {
            Running::Here(child) => matches!(child.try_wait(), Ok(Some(_))),
            Running::In(number) => test_kill_process(*number).is_err(),
        }
    }

    /// Makes it read its configuration anew.
    pub fn reload(&self) -> Result<(), String> {
        self.signal(self.target.recipe().reload)
    }

    /// Sends it a signal, by its name without SIG.
    pub fn signal(&self, name: &str) -> Result<(), String> {
        let signal = match name {
            "HUP" => Signal::HUP,
            "USR1" => Signal::USR1,
            "USR2" => Signal::USR2,
            "QUIT" => Signal::QUIT,
            "WINCH" => Signal::WINCH,
            _ => Signal::TERM,
        };
        let number = self.number().ok_or("it has ended")?;
        kill_process(number, signal).map_err(|error| format!("cannot signal it: {error}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let number = self.number();
        let _ = self.signal(self.target.recipe().stop);
        let deadline = Instant::now() + LAST_MOMENTS;
        while !self.has_ended() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        // A master that is killed leaves its workers behind; they are of its group.
        if let Some(number) = number {
            let _ = kill_process_group(number, Signal::KILL);
            if !self.has_ended() {
                let _ = kill_process(number, Signal::KILL);
            }
        }
        if let Running::Here(child) = &mut self.running {
            let _ = child.try_wait();
        }
        if let Some(number) = number {
            keeper::ended(number.as_raw_nonzero().get());
        }
    }
}
