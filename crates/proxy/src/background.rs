//! What goes on beside the traffic, on a thread of its own: servers are checked, and names are followed.

use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wsgen_model::config::OnUnhealthy;

use crate::health;
use crate::snapshot::Snapshot;
use crate::worker::Order;

/// Starts the thread; it ends when nobody gives it configurations any more.
pub(crate) fn start(
    threads: Vec<mpsc::UnboundedSender<Order>>,
) -> io::Result<mpsc::UnboundedSender<Arc<Snapshot>>> {
    let (sender, snapshots) = mpsc::unbounded_channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("background".to_owned());
    thread.spawn(move || runtime.block_on(run(snapshots, threads)))?;
    Ok(sender)
}

/// Cares for the newest configuration, until there is none to come.
async fn run(
    mut snapshots: mpsc::UnboundedReceiver<Arc<Snapshot>>,
    threads: Vec<mpsc::UnboundedSender<Order>>,
) {
    let mut tasks = JoinSet::new();
    while let Some(snapshot) = snapshots.recv().await {
        tasks.abort_all();
        for (upstream, pooled) in snapshot.site.upstreams.iter().zip(&snapshot.upstreams) {
            for server in &pooled.servers {
                if let (Some(name), Some(resolver)) =
                    (server.target.moving(), &snapshot.site.resolver)
                {
                    tasks.spawn(name.clone().follow(resolver.clone()));
                }
                let Some(check) = &upstream.health_check else {
                    // Nobody asks any more: what was found before a reload is no reason.
                    server.standing.set_well(true);
                    continue;
                };
                let closes = *upstream.on_unhealthy == OnUnhealthy::CloseTunnels;
                let threads = if closes { threads.clone() } else { Vec::new() };
                let (name, check) = (upstream.name.value.to_string(), check.value.clone());
                tasks.spawn(health::ask(name, check, server.clone(), threads));
            }
        }
    }
}
