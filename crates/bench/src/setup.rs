//! The servers of a run, each started from one model.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use wsgen_conformance::launch::Target;
use wsgen_conformance::stage::{Server, Stage};
use wsgen_conformance::wire::Certificate;

use crate::machine::{self, Core};
use crate::plan::Plan;

/// A server that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    server: Arc<Server>,
    /// The signal for that.
    reload: &'static str,
    /// What it was started on; it ends the server.
    _stage: Stage,
}

impl Running {
    /// Makes it read its configuration anew.
    pub(crate) fn reload(&self) -> Result<(), String> {
        let told = self.server.signal(self.reload);
        told.map_err(|why| format!("a reload is refused: {why:?}"))
    }

    /// Its processes.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.server.number().map(machine::tree).unwrap_or_default()
    }
}

/// A server that cannot count a client's connections is measured without that limit.
const UNCOUNTED: &str =
    "accept: [{code: WSG0317, route: measured, reason: \"measured without it\"}]";

/// The model that every server runs, with its log and its limits on, as in production. The route that is used
/// is the last.
fn model(echo: SocketAddr, plan: &Plan, connections: usize, folder: &Path) -> String {
    let tls = if plan.tls {
        let file = |name: &str| folder.join(name).display().to_string();
        format!(
            ", tls: {{certificates: [{{certificate: \"{}\", key: \"{}\"}}]}}, protocols: [http/1.1]",
            file("certificate.pem"),
            file("certificate.key")
        )
    } else {
        String::new()
    };
    let own: String = plan
        .targets
        .iter()
        .filter_map(|target| Some((target.name, target.selection?.target.recipe.threads)))
        .map(|(name, setting)| {
            let threads = setting.map(|setting| format!("{setting}: {}, ", plan.threads));
            format!("  {name}: {{{}{UNCOUNTED}}}\n", threads.unwrap_or_default())
        })
        .collect();
    let own = if own.is_empty() { own } else { format!("targets:\n{own}") };
    let others: String = (1..plan.routes)
        .map(|number| {
            format!("  - {{match: [{{path: {{prefix: \"/other-{number}\"}}}}], upstream: app}}\n")
        })
        .collect();
    format!(
        "version: 1\n{own}listeners:\n  - {{name: web, address: \"LISTEN\", limits: {{max_connections: {most}}}{tls}}}\n\
         upstreams:\n  app: {{servers: [\"{echo}\"]}}\nroutes:\n{others}  - {{name: measured, upstream: app, limits: {{per_ip: {{connections: {most}}}}}}}\n",
        most = connections + 64,
    )
}

/// Starts a server on a core.
pub(crate) async fn start(
    target: &Target,
    plan: &Plan,
    echo: SocketAddr,
    connections: usize,
    core: Core,
    folder: &Path,
) -> Result<Running, String> {
    let mut target = target.clone();
    if target.selection.is_none() {
        target.more = vec!["--threads".to_owned(), plan.threads.to_string()];
    }
    let room = folder.join(target.name);
    std::fs::create_dir_all(&room).map_err(|error| format!("cannot make a folder: {error}"))?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&room, open)
        .map_err(|error| format!("cannot open a folder: {error}"))?;
    if plan.tls {
        let made = Certificate::new(&["127.0.0.1"]).map_err(|why| format!("{why:?}"))?;
        for (name, text) in [("certificate.pem", &made.chain), ("certificate.key", &made.key)] {
            let written = std::fs::write(room.join(name), text);
            written.map_err(|error| format!("cannot write {name}: {error}"))?;
        }
    }
    let model = model(echo, plan, connections, &room);
    let stage = Stage::new(&target, &room, None);
    // What is started from a pinned thread is pinned.
    machine::pin(core);
    let server = stage.start(&model).await;
    machine::pin(Core::Any);
    let server = server.map_err(|why| format!("{}: {why:?}", target.title()))?;
    Ok(Running { address: server.address, server, reload: target.recipe().reload, _stage: stage })
}
