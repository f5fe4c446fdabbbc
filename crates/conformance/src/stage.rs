//! What a case has in hands: a target, a folder, ends of connections, and one time line for all of them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use wsgen_emit::{Handed, Loss, LossPolicy, Options};
use wsgen_model::diagnostic::Severity;
use wsgen_model::source::{Source, Sources};

use crate::folder;
use crate::launch::{Port, Process, Target};
use crate::peer::Echo;
use crate::transcript::Transcript;
use crate::verdict::{Trouble, Verdict};
use crate::wire::{Upstream, Wire};

/// What one case is run with.
#[derive(Debug)]
pub struct Stage {
    /// The server.
    pub target: Target,
    /// What both sides sent and saw.
    pub transcript: Transcript,
    folder: PathBuf,
    fault: Option<Fault>,
    /// What was started; it runs as long as the case does.
    started: Mutex<Vec<Arc<Server>>>,
}

/// A change of what was rendered, made on purpose to see whether the cases notice.
#[derive(Debug, Clone)]
pub struct Fault {
    /// A line of the configuration that holds this text is changed.
    pub text: String,
    /// What stands there in its place; nothing takes the whole line out.
    pub instead: Option<String>,
}

/// A server that a case has started; it runs as long as the case does.
#[derive(Debug)]
pub struct Server {
    /// Where its first listener is.
    pub address: SocketAddr,
    process: Mutex<Process>,
    /// Its folder, with the configuration and its logs.
    pub folder: PathBuf,
    stage: Transcript,
    held: Vec<Port>,
    fault: Option<Fault>,
    target: Target,
}

impl Stage {
    /// A stage in a folder that is there.
    pub fn new(target: &Target, folder: &Path, fault: Option<Fault>) -> Self {
        Self {
            target: target.clone(),
            transcript: Transcript::default(),
            folder: folder.to_owned(),
            fault,
            started: Mutex::default(),
        }
    }

    /// An upstream that the case plays itself.
    pub async fn upstream(&self) -> Verdict<Upstream> {
        Upstream::bind("upstream", &self.transcript).await
    }

    /// The same under a name of its own.
    pub async fn upstream_named(&self, name: &str) -> Verdict<Upstream> {
        Upstream::bind(name, &self.transcript).await
    }

    /// A well-behaved application.
    pub fn echo(&self) -> Verdict<Echo> {
        Echo::bind(([127, 0, 0, 1], 0).into()).map_err(Trouble::broken)
    }

    /// An address where nobody waits.
    pub fn nowhere(&self) -> Verdict<Port> {
        Port::reserve().map_err(Trouble::broken)
    }

    /// Writes a file that models can name; gives its name.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> Verdict<String> {
        let path = self.folder.join(name);
        folder::write(&path, text.as_ref(), &self.target.place).map_err(Trouble::broken)?;
        Ok(path.display().to_string())
    }

    /// Starts the target with one listener, one upstream and one route, each with more of its own, such as
    /// `, websocket: {mode: deny}`.
    pub async fn site(
        &self,
        upstream: SocketAddr,
        listener: &str,
        more: &str,
        route: &str,
    ) -> Verdict<Arc<Server>> {
        self.start(&format!(
            "version: 1\nlisteners: [{{name: web, address: \"LISTEN\"{listener}}}]\n\
             upstreams: {{app: {{servers: [\"{upstream}\"]{more}}}}}\nroutes: [{{upstream: app{route}}}]\n"
        ))
        .await
    }

    /// The same with settings of the route alone.
    pub async fn route(&self, upstream: SocketAddr, route: &str) -> Verdict<Arc<Server>> {
        self.site(upstream, "", "", route).await
    }

    /// Starts the target with routes of one listener, to an upstream `app` and another `other`.
    pub async fn routes(
        &self,
        app: SocketAddr,
        other: SocketAddr,
        routes: &str,
    ) -> Verdict<Arc<Server>> {
        self.start(&format!(
            "version: 1\nlisteners: [{{name: web, address: \"LISTEN\"}}]\n\
             upstreams: {{app: {{servers: [\"{app}\"]}}, other: {{servers: [\"{other}\"]}}}}\nroutes:\n{routes}"
        ))
        .await
    }

    /// Renders a model for the target and starts it. `LISTEN` in it is the address of the first listener, `LISTEN2`
    /// that of a second.
    pub async fn start(&self, model: &str) -> Verdict<Arc<Server>> {
        let held = [self.nowhere()?, self.nowhere()?];
        let several = model.contains("LISTEN2");
        let model = model
            .replace("LISTEN2", &held[1].address().to_string())
            .replace("LISTEN", &held[0].address().to_string());
        let addresses: Vec<_> = held.iter().map(Port::address).collect();
        let addresses = if several { &addresses[..] } else { &addresses[..1] };
        self.started(self.room()?, &model, addresses, held.into()).await
    }

    /// The same with a model that says where its listeners are; the server is ready when all of them answer.
    pub async fn start_at(&self, model: &str, addresses: &[SocketAddr]) -> Verdict<Arc<Server>> {
        self.started(self.room()?, model, addresses, Vec::new()).await
    }

    /// The same in the stage's own folder, for a model that names files which are there.
    pub async fn start_here(&self, model: &str, addresses: &[SocketAddr]) -> Verdict<Arc<Server>> {
        // Workers may run as another user, who must be able to read pages and users.
        open(&self.folder, 0o755)?;
        self.started(self.folder.clone(), model, addresses, Vec::new()).await
    }

    /// Starts the target with a configuration of its own, as it stands.
    pub async fn start_text(&self, text: &str, addresses: &[SocketAddr]) -> Verdict<Arc<Server>> {
        let folder = self.room()?;
        std::fs::write(folder.join(self.target.file()), text).map_err(Trouble::broken)?;
        nothing(&folder)?;
        if let Err(said) = self.target.accepts(&folder).await {
            return Err(Trouble::broken(format!("{} refuses: {said}", self.target.title())));
        }
        self.runs(folder, addresses, Vec::new()).await
    }

    /// A folder for a server.
    fn room(&self) -> Verdict<PathBuf> {
        let number = self.started.lock().unwrap_or_else(PoisonError::into_inner).len() + 1;
        let folder = self.folder.join(format!("server{number}"));
        std::fs::create_dir_all(&folder).map_err(Trouble::broken)?;
        // Workers may run as another user.
        open(&folder, 0o777)?;
        Ok(folder)
    }

    async fn started(
        &self,
        folder: PathBuf,
        model: &str,
        addresses: &[SocketAddr],
        held: Vec<Port>,
    ) -> Verdict<Arc<Server>> {
        self.write(&folder, model)?;
        if let Err(said) = self.target.check(&folder).await {
            return Err(Trouble::broken(format!("{} refuses: {said}", self.target.title())));
        }
        self.runs(folder, addresses, held).await
    }

    async fn runs(
        &self,
        folder: PathBuf,
        addresses: &[SocketAddr],
        held: Vec<Port>,
    ) -> Verdict<Arc<Server>> {
        let mut process = self.target.start(&folder).await.map_err(Trouble::broken)?;
        for address in addresses {
            process.answers(*address).await.map_err(Trouble::broken)?;
        }
        let address =
            *addresses.first().ok_or_else(|| Trouble::broken("a model without listeners"))?;
        let server = Arc::new(Server {
            address,
            process: Mutex::new(process),
            folder,
            stage: self.transcript.clone(),
            held,
            fault: self.fault.clone(),
            target: self.target.clone(),
        });
        self.started.lock().unwrap_or_else(PoisonError::into_inner).push(server.clone());
        Ok(server)
    }

    fn write(&self, folder: &Path, model: &str) -> Verdict {
        write(&self.target, folder, model, self.fault.as_ref())
    }
}

/// Makes the empty folder that configurations which were moved serve files from, so that there are none.
pub(crate) fn nothing(folder: &Path) -> Verdict {
    std::fs::create_dir_all(folder.join("nothing")).map_err(Trouble::broken)
}

/// Sets the mode of a folder.
fn open(folder: &Path, mode: u32) -> Verdict {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(folder, mode).map_err(Trouble::broken)
}

/// Writes a model, and for a target that is rendered for its configuration, into a folder.
fn write(target: &Target, folder: &Path, model: &str, fault: Option<&Fault>) -> Verdict {
    let file = folder.join("wsgen.yaml");
    std::fs::write(&file, model).map_err(Trouble::broken)?;
    let Some(selection) = target.selection else { return Ok(()) };
    let mut sources = Sources::default();
    sources.add(Source::new(file.display().to_string(), model.to_owned()));
    let (site, mut diagnostics) = wsgen_model::read(&sources);
    let site = site.filter(|_| diagnostics.count(Severity::Error) == 0);
    let site =
        site.ok_or_else(|| Trouble::broken(format!("the model is wrong: {diagnostics:?}")))?;
    let mut handed = Handed::new();
    for need in wsgen_emit::needs(&site, &selection) {
        let bytes = std::fs::read(folder.join(&need.path)).map_err(Trouble::broken)?;
        handed.insert(need.path, bytes);
    }
    let policy = LossPolicy { loss: Loss::Warn, today: None };
    let options = Options { policy, handed, ..Options::default() };
    let rendered = wsgen_emit::render(&site, &selection, &options, &mut diagnostics);
    let rendered = rendered.map_err(|problem| Trouble::broken(problem.message))?;
    let Some(rendered) = rendered else {
        let said: Vec<_> = diagnostics.iter().map(|finding| finding.message.clone()).collect();
        return Err(Trouble::broken(format!(
            "{} is not rendered: {}",
            target.title(),
            said.join("; ")
        )));
    };
    for file in &rendered.files {
        let path = folder.join(&file.name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(Trouble::broken)?;
        folder::write(&path, &file.bytes, &target.place).map_err(Trouble::broken)?;
    }
    let main = match fault {
        None => rendered.main,
        Some(fault) => {
            let changed = fault.apply(&rendered.main);
            if changed == rendered.main {
                return Err(Trouble::broken(format!("the fault `{}` changes nothing", fault.text)));
            }
            changed
        }
    };
    std::fs::write(folder.join(target.file()), main).map_err(Trouble::broken)
}

impl Fault {
    /// The configuration with the fault in it.
    fn apply(&self, text: &str) -> String {
        let lines = text.split_inclusive('\n').map(|line| {
            if !line.contains(&self.text) {
                return line.to_owned();
            }
            match &self.instead {
                Some(instead) => line.replace(&self.text, instead),
                None => String::new(),
            }
        });
        lines.collect()
    }
}

impl Server {
    /// The number of its first process, on this machine.
    pub fn number(&self) -> Option<u32> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// A connection to its first listener.
    pub async fn connect(&self) -> Verdict<Wire> {
        self.connect_to(self.address).await
    }

    /// A connection to its second listener.
    pub async fn connect_second(&self) -> Verdict<Wire> {
        self.connect_to(self.second()).await
    }

    /// Where its second listener is.
    pub fn second(&self) -> SocketAddr {
        self.held.get(1).map_or(self.address, Port::address)
    }

    async fn connect_to(&self, address: SocketAddr) -> Verdict<Wire> {
        Ok(Wire::new(self.tcp(address).await?, "client", &self.stage))
    }

    /// A bare connection.
    pub async fn tcp(&self, address: SocketAddr) -> Verdict<TcpStream> {
        let connected = TcpStream::connect(address).await;
        connected.map_err(|error| Trouble::failed("a connection is taken", error))
    }

    /// Writes another model and makes the server read it; listeners stay where they are.
    pub async fn reload(&self, model: &str) -> Verdict {
        write(&self.target, &self.folder, model, self.fault.as_ref())?;
        // A master that has just begun misses signals.
        tokio::time::sleep(Duration::from_millis(700)).await;
        self.stage.note("harness", "reload");
        self.process().reload().map_err(Trouble::broken)
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) -> Verdict {
        self.stage.note("harness", format!("SIG{name}"));
        self.process().signal(name).map_err(Trouble::broken)
    }

    /// What it says of its troubles.
    pub fn troubles(&self) -> String {
        self.process().troubles()
    }

    /// Whether it ends in time.
    pub async fn ends(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while !self.process().has_ended() {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        true
    }

    /// The model that it runs.
    pub fn model(&self) -> Verdict<String> {
        std::fs::read_to_string(self.folder.join("wsgen.yaml")).map_err(Trouble::broken)
    }

    /// What its access log holds so far.
    pub fn access_log(&self) -> String {
        let name = self.target.recipe().access_log;
        let bytes = std::fs::read(self.folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
