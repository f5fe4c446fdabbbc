//! What goes on beside the traffic, on a thread of its own: servers are checked, and names are followed.

use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wsgen_model::config::OnUnhealthy;

use crate::health;
use crate::isolation::{self, PAUSE, Part, again, catch};
use crate::snapshot::Snapshot;
use crate::worker::Order;

/// Starts the thread; it ends when nobody gives it configurations any more.
pub(crate) fn start(
    threads: Vec<mpsc::UnboundedSender<Order>>,
) -> io::Result<mpsc::UnboundedSender<Arc<Snapshot>>> {
    let (sender, mut snapshots) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    isolation::thread("background", Part::Background, move || {
        let mut current = None;
        let mut attend = || runtime.block_on(run(&mut snapshots, &mut current, &threads));
        while catch(Part::Background, &mut attend).is_err() {
            std::thread::sleep(PAUSE);
        }
    })?;
    Ok(sender)
}

/// Cares for the newest configuration, until there is none to come. `current` outlives a panic.
async fn run(
    snapshots: &mut mpsc::UnboundedReceiver<Arc<Snapshot>>,
    current: &mut Option<Arc<Snapshot>>,
    threads: &[mpsc::UnboundedSender<Order>],
) {
    loop {
        // Tasks of the configuration before end when they are dropped.
        let _tasks = current.as_ref().map(|snapshot| attend(snapshot, threads));
        let Some(snapshot) = snapshots.recv().await else { return };
        *current = Some(snapshot);
    }
}

/// Follows names and checks servers of a configuration. A task that panics begins anew.
fn attend(snapshot: &Snapshot, threads: &[mpsc::UnboundedSender<Order>]) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for (upstream, pooled) in snapshot.site.upstreams.iter().zip(&snapshot.upstreams) {
        for server in &pooled.servers {
            if let (Some(name), Some(resolver)) = (server.target.moving(), &snapshot.site.resolver)
            {
                let (name, resolver) = (name.clone(), resolver.clone());
                tasks.spawn(again(Part::Name, move || name.clone().follow(resolver.clone())));
            }
            let Some(check) = &upstream.health_check else {
                // Nobody asks any more: what was found before a reload is no reason.
                server.standing.set_well(true);
                continue;
            };
            let closes = *upstream.on_unhealthy == OnUnhealthy::CloseTunnels;
            let threads = if closes { threads.to_vec() } else { Vec::new() };
            let name = upstream.name.value.to_string();
            let (check, server) = (check.value.clone(), server.clone());
            tasks.spawn(again(Part::Check, move || {
                health::ask(name.clone(), check.clone(), server.clone(), threads.clone())
            }));
        }
    }
    tasks
}
