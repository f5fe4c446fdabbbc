//! `wsgen migrate --prove`: the original configuration on its own server, the model on the reference proxy, and the new
//! configuration on the new server stand in front of the same applications and are asked the same questions. Every
//! difference is told, with the step that made it.

mod compare;
mod ground;
pub(crate) mod observe;
mod probe;
mod protocol;
pub(crate) mod sample;
mod texts;
mod timers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use wsgen_emit::{Elsewhere, Relocated};
use wsgen_model::site::{Auth, ListenerId, RouteId, Site};
use wsgen_model::source::Span;

use self::ground::Ground;
use self::observe::Observed;
use self::probe::{Probe, probes};
use crate::differential::Marks;
use crate::launch::{Place, Target};
use crate::own::Own;
use crate::own::moved::{Moved, replaced};
use crate::stage::{Fault, Stage};
use crate::verdict::{Trouble, Verdict};

pub use self::compare::{Announced, Difference, Step};
pub(crate) use self::compare::{is_beside, is_nothing};

/// What is to be proved.
pub struct Proof<'a> {
    /// The server that the original is for.
    pub from: Target,
    /// The new one.
    pub to: Target,
    /// The reference proxy, which runs the model itself.
    pub reference: Target,
    /// The model that was read, as text.
    pub model: String,
    /// What it means.
    pub site: Site,
    /// Moves the original; directives of these names are left out.
    pub relocate: &'a mut dyn FnMut(&mut dyn Elsewhere, &[String]) -> Relocated,
    /// What reading and rendering told of losses and differences.
    pub announced: Announced,
    /// Whether timers are waited for.
    pub timers: bool,
    /// A fault that is put into the new configuration, to see whether it is noticed.
    pub fault: Option<Fault>,
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
    /// Number of questions that the servers were asked.
    pub probes: usize,
    /// Numbers of these questions by their source.
    pub asked: Questions,
    /// What they do differently.
    pub differences: Vec<Difference>,
    /// What had to be changed so that they run here.
    pub changes: Vec<String>,
    /// What could not be tried, and why.
    pub left: Vec<String>,
}

/// Numbers of questions by their source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Questions {
    /// Questions made from the routes of the model.
    pub model: usize,
    /// Questions made from the text of the original.
    pub original: usize,
    /// Questions made from the text of the new configuration.
    pub new: usize,
    /// Questions about HTTP itself, which the model and the new server alone are asked.
    pub protocol: usize,
}

/// Most questions that are under way at once.
const AT_ONCE: usize = 4;

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
    let Proof { from, to, reference, model, site, relocate, announced, timers, fault } = proof;
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
    let middle = Stage::new(&reference, &room("model")?, None);
    let second = Stage::new(&to, &room("migrated")?, fault);
    let (original, relocated, asks) = original(&first, &own, &mut ground, relocate).await?;
    let announced = announced.with_left_out(&relocated.left_out);
    // Passwords that stand in the original itself are not known.
    let logins = ground.has_users;
    let held = ground.forget_ports();
    let modelled = migrated(&middle, &own, &mut ground).await?;
    let held_too = ground.forget_ports();
    let migrated = migrated(&second, &own, &mut ground).await?;
    let mut proved = Proved { changes: relocated.changes, ..Proved::default() };
    let moved = [&original, &modelled, &migrated];
    let mut ports: Vec<(String, u16)> = Vec::new();
    for (at, listener) in own.site.listeners.iter().enumerate() {
        let moved = moved.map(|server| server.address(ListenerId(at)));
        let address = listener.address.value.to_string();
        ports.extend(moved.into_iter().flatten().map(|moved| (address.clone(), moved.port())));
    }
    let mut tried: Vec<RouteId> = Vec::new();
    let mut answered = false;
    for (id, route) in own.site.routes_with_ids() {
        let auth = route.forward().and_then(|forward| forward.auth.as_ref());
        match auth.map(|auth| &auth.value) {
            Some(Auth::Forward { url, .. }) if url.value.tls => {
                let why = "its service is asked by TLS";
                proved.left.push(format!("{} is not tried: {why}", route.title(id)));
            }
            _ => tried.push(id),
        }
    }
    let told: Vec<String> = announced.request_fields();
    let can_be_tried = |probe: &Probe| probe.route(&own.site).is_none_or(|id| tried.contains(&id));
    let mut all = probes(&own.site, &told, logins);
    all.retain(can_be_tried);
    proved.asked.model = all.len();
    let mut add = |text: &str, most: usize| {
        let before = all.len();
        all.extend(texts::probes(text, &own.site, most, &all).into_iter().filter(can_be_tried));
        all.len() - before
    };
    proved.asked.original = add(&asks, texts::OF_THE_ORIGINAL);
    let new = std::fs::read_to_string(migrated.server.folder.join(to.file()));
    proved.asked.new = add(&new.map_err(Trouble::broken)?, texts::OF_THE_NEW);
    let of_protocol = protocol::probes(&own.site, &all);
    all.extend(of_protocol.into_iter().filter(can_be_tried));
    let Questions { model, original: texts, new, .. } = proved.asked;
    proved.asked.protocol = all.len() - model - texts - new;
    let servers = [(&first, &original), (&middle, &modelled), (&second, &migrated)];
    let judge = |probe: &Probe, [one, two, three]: [Observed; 3]| {
        let id = probe.route(&own.site);
        let name =
            |id: RouteId| own.site.routes[id.0].name.as_ref().map(|name| name.value.as_str());
        let route = id.map(|id| (id, name(id)));
        let unusual = probe.unusual();
        let mut all = Vec::new();
        for (step, mut before, mut after) in
            [(Step::Reading, one, two.clone()), (Step::Rendering, two, three)]
        {
            // `Connection` without `Upgrade` changes nothing; it tells only whether odd handshakes are taken for plain ones.
            for observed in [&mut before, &mut after].into_iter().filter(|_| !probe.rendered) {
                observed.upgrade = observed.upgrade.replace(observe::LISTED, "");
            }
            let tunnels = [&before, &after].iter().any(|observed| observed.status == 101);
            if probe.rendered && step == Step::Reading || probe.no_tunnel && !tunnels {
                continue;
            }
            ground.unified(&own.site, &ports, &mut before, &mut after);
            for found in compare::compare(step, &before, &after) {
                let excuse = announced.excuse(step, &found.subject, route, &unusual);
                all.push(Difference {
                    probe: probe.title.clone(),
                    step,
                    announced: excuse.map(|announcement| announcement.title.clone()),
                    subject: found.subject,
                    topic: found.topic,
                    before: found.before,
                    after: found.after,
                });
            }
        }
        all
    };
    let asked = futures_util::stream::iter(&all).map(|probe| ask(servers, &own, probe));
    let asked: Vec<_> = asked.buffered(AT_ONCE).collect().await;
    for (probe, observed) in all.iter().zip(asked) {
        proved.probes += 1;
        answered |= observed[0].status != 0;
        let mut differences = judge(probe, observed);
        // A busy machine is none of the servers' doing: what nothing announces is asked once more alone.
        if differences.iter().any(|difference| difference.announced.is_none()) {
            differences = judge(probe, ask(servers, &own, probe).await);
        }
        proved.differences.extend(differences);
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
        timers::compare(servers, &own, &tried, &announced, &mut proved).await;
    }
    proved.changes.append(&mut ground.changes);
    drop((held, held_too));
    Ok(proved)
}

/// Asks all three servers.
async fn ask(servers: [(&Stage, &Moved); 3], own: &Own, probe: &Probe) -> [Observed; 3] {
    let [first, middle, second] = servers;
    let original = async {
        if probe.rendered {
            return Observed::default();
        }
        observe::ask(first.0, own, first.1, probe).await
    };
    let (model, new) = (
        observe::ask(middle.0, own, middle.1, probe),
        observe::ask(second.0, own, second.1, probe),
    );
    tokio::join!(original, model, new).into()
}

/// Starts the original in its own server. Returns the server, the configuration that it runs and the text that questions are
/// made from. Directives that the server does not know are taken out and listed in the configuration's changes.
async fn original(
    stage: &Stage,
    own: &Own,
    ground: &mut Ground,
    relocate: &mut dyn FnMut(&mut dyn Elsewhere, &[String]) -> Relocated,
) -> Verdict<(Moved, Relocated, String)> {
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
                let text = relocated.text.clone();
                let asks = relocate(&mut Marks::default(), &unknown).text;
                let moved = Moved::at(server, text, listeners, ground.client());
                return Ok((moved, relocated, asks));
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
    Ok(Moved::at(server, text, listeners, ground.client()))
}
