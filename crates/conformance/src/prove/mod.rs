//! `wsgen migrate --prove`: the original configuration in its own server and the migrated one in the new server, both in
//! front of the same applications, are asked the same questions, and every difference is told.

mod compare;
mod ground;
pub(crate) mod observe;
mod probe;
pub(crate) mod sample;
mod timers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wsgen_emit::{Elsewhere, Relocated};
use wsgen_model::site::{Auth, ListenerId, RouteId, Site};
use wsgen_model::source::Span;

use self::ground::Ground;
use self::probe::probes;
use crate::launch::{Place, Target};
use crate::own::moved::{Moved, replaced};
use crate::own::{Own, unplayable};
use crate::stage::Stage;
use crate::verdict::{Trouble, Verdict};

pub use self::compare::{Announcement, Difference};

/// What is to be proved.
pub struct Proof<'a> {
    /// The server that the original is for.
    pub from: Target,
    /// The new one.
    pub to: Target,
    /// The model that was read, as text.
    pub model: String,
    /// What it means.
    pub site: Site,
    /// Moves the original; directives of these names are left out.
    pub relocate: &'a mut dyn FnMut(&mut dyn Elsewhere, &[String]) -> Relocated,
    /// What was said of losses and differences.
    pub announced: Vec<Announcement>,
    /// Whether tunnels are left idle until they end.
    pub timers: bool,
}

impl std::fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof")
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Proved {
    /// How many questions both were asked.
    pub probes: usize,
    /// What they do differently.
    pub differences: Vec<Difference>,
    /// What had to be changed so that they run here.
    pub changes: Vec<String>,
    /// What could not be tried, and why.
    pub left: Vec<String>,
}

/// Directives that are taken out of an original because its server does not know them, before nobody goes on.
const MOST_UNKNOWN: usize = 40;

/// Runs both in a folder and compares them; an error is what kept them from running.
pub async fn run(proof: Proof<'_>, folder: &Path) -> Result<Proved, String> {
    proved(proof, folder).await.map_err(|trouble| match trouble {
        Trouble::Failed(failed) => format!("expected {}, saw {}", failed.expected, failed.observed),
        Trouble::Broken(why) => why,
    })
}

async fn proved(proof: Proof<'_>, folder: &Path) -> Verdict<Proved> {
    let Proof { from, to, model, site, relocate, announced, timers } = proof;
    let room = |name: &str| -> Verdict<PathBuf> {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).map_err(Trouble::broken)?;
        Ok(folder)
    };
    // Both servers read the same files.
    let place = [&from, &to].into_iter().find(|server| matches!(server.place, Place::In(_)));
    let place = &place.unwrap_or(&from).place;
    let mut ground = Ground::of(&site, &room("ground")?, place).await?;
    let own = Own { text: model, folder: folder.to_owned(), site, slow: true };
    let first = Stage::new(&from, &room("original")?, None);
    let second = Stage::new(&to, &room("migrated")?, None);
    let (original, left_out) = original(&first, &own, &mut ground, relocate).await?;
    let left = left_out.iter().map(|change| Announcement {
        title: "it was left out of the original".to_owned(),
        words: change.clone(),
    });
    let announced: Vec<Announcement> = announced.into_iter().chain(left).collect();
    let held = ground.forget_ports();
    let migrated = migrated(&second, &own, &mut ground).await?;
    let mut proved = Proved { changes: left_out, ..Proved::default() };
    let mut ports: Vec<(String, u16)> = Vec::new();
    for (at, listener) in own.site.listeners.iter().enumerate() {
        let moved = [original.address(ListenerId(at)), migrated.address(ListenerId(at))];
        let address = listener.address.value.to_string();
        ports.extend(moved.into_iter().flatten().map(|moved| (address.clone(), moved.port())));
    }
    let mut tried: Vec<RouteId> = Vec::new();
    let mut answered = false;
    for (id, route) in own.site.routes_with_ids() {
        match unplayable(&own.site, id) {
            Some(why) => proved.left.push(format!("{} is not tried: {why}", route.title(id))),
            None => tried.push(id),
        }
    }
    for probe in probes(&own.site) {
        if probe.route(&own.site).is_some_and(|id| !tried.contains(&id)) {
            continue;
        }
        let mut one = observe::ask(&first, &own, &original, &probe).await;
        let mut other = observe::ask(&second, &own, &migrated, &probe).await;
        ground.unified(&own.site, &ports, &mut one, &mut other);
        proved.probes += 1;
        answered |= one.status != 0;
        proved.differences.extend(compare::compare(&probe, &one, &other, &announced));
    }
    if proved.probes == 0 {
        let why = format!("nothing can be asked\n{}", proved.left.join("\n"));
        return Err(Trouble::Broken(why));
    }
    if !answered {
        let why = format!("{} answers none of the questions", first.target.title());
        return Err(Trouble::Broken(why));
    }
    if timers {
        timers::compare(
            (&first, &original),
            (&second, &migrated),
            &own,
            &tried,
            &announced,
            &mut proved,
        )
        .await?;
    }
    proved.changes.append(&mut ground.changes);
    drop(held);
    Ok(proved)
}

/// The original in its own server; what the server does not know is taken out and told.
async fn original(
    stage: &Stage,
    own: &Own,
    ground: &mut Ground,
    relocate: &mut dyn FnMut(&mut dyn Elsewhere, &[String]) -> Relocated,
) -> Verdict<(Moved, Vec<String>)> {
    let mut unknown: Vec<String> = Vec::new();
    loop {
        let relocated = relocate(ground, &unknown);
        let listeners = listeners(own, ground)?;
        match stage.start_text(&relocated.text, &listeners).await {
            Ok(server) => {
                // What is wrong with modules shows when the first worker begins.
                if server.ends(Duration::from_millis(300)).await {
                    let what = format!("{} has ended: {}", stage.target.title(), server.troubles());
                    return Err(Trouble::Broken(what));
                }
                return Ok((Moved::at(server, relocated.text, listeners), relocated.changes));
            }
            Err(Trouble::Broken(said)) => {
                let name =
                    stage.target.selection.and_then(|selection| (selection.target.unknown)(&said));
                match name.filter(|name| !unknown.contains(name) && unknown.len() < MOST_UNKNOWN) {
                    Some(name) => unknown.push(name),
                    None => return Err(Trouble::Broken(said)),
                }
            }
            Err(trouble) => return Err(trouble),
        }
    }
}

fn listeners(own: &Own, ground: &mut Ground) -> Verdict<Vec<SocketAddr>> {
    let all = own.site.listeners.iter();
    all.map(|listener| ground.port(&listener.address.value.to_string())).collect()
}

/// The model in the new server.
async fn migrated(stage: &Stage, own: &Own, ground: &mut Ground) -> Verdict<Moved> {
    let mut changes: BTreeMap<Span, String> = BTreeMap::new();
    let listeners = listeners(own, ground)?;
    for (listener, port) in own.site.listeners.iter().zip(&listeners) {
        changes.insert(listener.address.span, port.to_string());
        for certificate in listener.tls.iter().flat_map(|tls| &tls.certificates) {
            let pair = ground.certificate();
            changes.insert(certificate.certificate.span, pair.certificate);
            changes.insert(certificate.key.span, pair.key);
        }
    }
    for upstream in &own.site.upstreams {
        for server in &upstream.servers {
            changes.insert(server.address.span, ground.server(&server.address.value.to_string()));
            if let Some(span) = server.resolve.span {
                // Who stands for it has no name.
                changes.insert(span, "startup".to_owned());
            }
        }
    }
    for forward in own.site.routes.iter().filter_map(|route| route.forward()) {
        if let Some(Auth::Forward { url, .. }) = forward.auth.as_ref().map(|auth| &auth.value) {
            let to = ground.server(&url.value.address.to_string());
            changes.insert(url.span, format!("http://{to}{}", url.value.path));
        }
    }
    let mut site = own.site.clone();
    for file in site.files_mut() {
        let name = file.value.as_str().to_owned();
        changes.entry(file.span).or_insert_with(|| ground.file(&name));
    }
    let text = replaced(&own.text, &changes)?;
    let server = stage.start_at(&text, &listeners).await?;
    Ok(Moved::at(server, text, listeners))
}
