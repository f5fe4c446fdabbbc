//! A server that holds as many tunnels as descriptors are left for.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_rustls::rustls::ClientConfig;
use wsgen_conformance::launch::Target;

use crate::load::{self, Clients, Load};
use crate::machine;
use crate::memory;
use crate::plan::{Plan, RATE, SMALL};
use crate::run::{Cores, sample};
use crate::setup::{self, Running};
use crate::statistics::{Held, Sample};

/// What is measured on one server.
pub(crate) struct Many<'a> {
    pub(crate) target: &'a Target,
    pub(crate) plan: &'a Plan,
    pub(crate) echo: SocketAddr,
    pub(crate) cores: Cores,
    pub(crate) folder: &'a Path,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// How many tunnels descriptors are left for: two of each here, and two in the server.
fn most() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let most = limit.and_then(|most| usize::try_from(most).ok()).unwrap_or(65_536);
    (most.saturating_sub(512) / 2).min(9_250)
}

/// A reload is seen whole: a server may start a process for it.
const RELOAD: Duration = Duration::from_secs(2);

impl Many<'_> {
    async fn start(&self, name: &str, connections: usize) -> Result<Running, String> {
        let folder = self.folder.join(name);
        let core = self.cores.server;
        setup::start(self.target, self.plan, self.echo, connections, core, &folder).await
    }

    fn load(&self, address: SocketAddr, connections: usize) -> Load {
        Load { address, tls: self.tls.clone(), connections, size: Some(SMALL) }
    }

    fn failed(&self) -> impl Fn(io::Error) -> String {
        let title = self.target.title();
        move |error| format!("{title}: {error}")
    }

    /// Tunnels that are silent: as many as the plan has connections, if those are more than usual.
    fn silent(&self) -> usize {
        if self.plan.connections > 64 { self.plan.connections } else { most() }
    }

    /// What silent tunnels hold, and what is left when they have closed.
    pub(crate) async fn idle(&self) -> Result<Held, String> {
        let connections = self.silent();
        let server = self.start("idle", connections).await?;
        let fail = self.failed();
        // Tunnels settle, and allocators give back what they have not used for ten seconds.
        let settle = || std::thread::sleep(Duration::from_secs(12));
        // Once around first: what is made on first use is no cost of a tunnel.
        drop(load::hold(&self.load(server.address, 64)).map_err(&fail)?);
        settle();
        let base = memory::proportional(&server.processes());
        let slab = memory::slab();
        let mut idle = load::hold(&self.load(server.address, connections)).map_err(&fail)?;
        settle();
        let open = memory::proportional(&server.processes());
        let kernel = memory::slab().saturating_sub(slab);
        let dead = idle.dead().map_err(&fail)?;
        drop(idle);
        settle();
        let after = memory::proportional(&server.processes());
        let per = |bytes: u64| bytes as f64 / connections as f64;
        Ok(Held {
            tunnels: connections,
            bytes: per(open.saturating_sub(base)),
            kernel: per(kernel),
            base,
            after,
            dead,
        })
    }

    /// A fixed rate on a few tunnels, while a reload begins beside many silent ones. Those that are dead behind it are
    /// errors.
    pub(crate) async fn reloaded(&self) -> Result<Vec<Sample>, String> {
        let silent = most().saturating_sub(256);
        let server = self.start("reload", silent + 128).await?;
        let fail = self.failed();
        let mut idle = load::hold(&self.load(server.address, silent)).map_err(&fail)?;
        // Tunnels settle.
        std::thread::sleep(Duration::from_secs(2));
        let mut samples = Vec::new();
        for _ in 0..self.plan.rounds {
            let few = self.load(server.address, 64);
            let (core, time) = (self.cores.load, self.plan.time.max(RELOAD));
            let (warm, is_warm) = std::sync::mpsc::channel();
            let driving = move || {
                machine::pin(core);
                let mut clients = Clients::open(&few)?;
                load::rate(&mut clients, time / 8, RATE)?;
                let _ = warm.send(());
                load::rate(&mut clients, time, RATE)
            };
            let thread = std::thread::Builder::new().name("load".into()).spawn(driving);
            let thread = thread.map_err(&fail)?;
            let _ = is_warm.recv();
            let begun = server.processes();
            // One by one: what a process has used is lost when it ends.
            let used_by = |id: &u32| machine::used(&[*id]);
            let before: Vec<Duration> = begun.iter().map(used_by).collect();
            let busy = machine::busy();
            let own = machine::used(&[std::process::id()]);
            let start = Instant::now();
            std::thread::sleep(time / 8);
            server.reload()?;
            let seen =
                thread.join().unwrap_or_else(|_| Err(io::Error::other("the load has panicked")));
            let seen = seen.map_err(&fail)?;
            let wall = start.elapsed();
            let since = |(id, before): (&u32, &Duration)| used_by(id).saturating_sub(*before);
            let of_begun: Duration = begun.iter().zip(&before).map(since).sum();
            let new: Vec<u32> =
                server.processes().into_iter().filter(|id| !begun.contains(id)).collect();
            let used = of_begun + machine::used(&new);
            let own = machine::used(&[std::process::id()]).saturating_sub(own);
            let others = machine::busy().saturating_sub(busy).saturating_sub(used + own);
            let cpu = used.as_secs_f64() * 1e6 / seen.count.max(1) as f64;
            samples.push(sample(&seen, wall, Some(cpu), others));
        }
        let dead = idle.dead().map_err(&fail)? as u64;
        if let Some(last) = samples.last_mut() {
            last.errors += dead;
        }
        Ok(samples)
    }
}
