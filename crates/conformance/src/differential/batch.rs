//! Many configurations in one process of the original's server and one of `wsgen serve`, asked the same.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use wsgen_emit::NoFiles;
use wsgen_model::diagnostic::Severity;
use wsgen_model::site::Site;
use wsgen_model::source::{Source, Sources, Span};

use super::finding::{Said, said};
use super::place::{Ground, Listener};
use super::questions::Question;
use crate::launch::Target;
use crate::own::moved::{Answered, replaced};
use crate::prove::observe::{self, Observed};
use crate::stage::Stage;
use crate::transcript::Transcript;
use crate::verdict::{Trouble, Verdict};
use crate::wire::{Versions, Wire, client_tls};

/// How many questions are under way at once.
const AT_ONCE: usize = 12;
/// Nothing on loopback takes longer than this.
const PATIENCE: Duration = Duration::from_secs(4);

/// Two servers, and the folder that they run in.
#[derive(Debug)]
pub struct Harness {
    /// The original's server.
    original: Target,
    /// The reference proxy.
    reference: Target,
    /// What stands around all configurations of a process.
    frame: Frame,
    folder: PathBuf,
    ground: Ground,
    runs: AtomicUsize,
}

/// The text ahead of configurations that share a process, and behind them.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Ahead.
    pub head: String,
    /// Behind.
    pub tail: String,
}

/// A configuration with its questions.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// The text, with names between `@`.
    pub(super) text: String,
    /// Text that the importer reads instead, where a fault of an importer is played; without one, the importer reads `text`.
    pub(super) misread: Option<String>,
    /// Whether it is a whole file, which shares its process with no other.
    pub(super) whole: bool,
    pub(super) questions: Vec<Question>,
}

/// What came of a configuration.
#[derive(Debug)]
pub(super) enum Ran {
    /// Both servers answered.
    Compared {
        /// What the importer said, by lines of the text.
        said: Vec<Said>,
        /// The original's and the model's answer to each question.
        answers: Vec<(Observed, Observed)>,
        /// Applications that take turns in the model.
        alike: Vec<Vec<String>>,
    },
    /// The original's server does not run it.
    Refused(String),
    /// `wsgen serve` does not run the model.
    Broken(String),
}

/// Why several configurations do not run together.
enum Failure {
    Original(String),
    Model(String),
}

/// A configuration at its place in the text of its process.
struct Placed {
    text: String,
    /// Text that the importer reads; it differs from `text` where a fault of an importer is played.
    read: String,
    listeners: BTreeMap<usize, Listener>,
}

impl Harness {
    /// Starts the applications that all configurations share. `program` is the `wsgen` that serves.
    ///
    /// # Errors
    ///
    /// The folder cannot be written, or no port is free.
    pub async fn new(
        original: Target,
        program: PathBuf,
        frame: Frame,
        folder: &Path,
    ) -> Result<Self, String> {
        let ground = Ground::new(folder).await.map_err(words)?;
        let reference = Target::reference(program);
        let (folder, runs) = (folder.to_owned(), AtomicUsize::new(0));
        Ok(Self { original, reference, frame, folder, ground, runs })
    }

    fn room(&self) -> Verdict<PathBuf> {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(format!("run{number}"));
        std::fs::create_dir_all(&folder).map_err(Trouble::broken)?;
        Ok(folder)
    }

    /// Whether the original's server accepts a configuration.
    pub(super) async fn accepts(&self, job: &Job) -> bool {
        let tried = async {
            let room = self.room()?;
            let text = self.ground.placed(&job.text, 0, &mut BTreeMap::new())?;
            let file = room.join(self.original.file());
            std::fs::write(file, self.framed(&text, job.whole)).map_err(Trouble::broken)?;
            crate::stage::nothing(&room)?;
            let accepts = self.original.accepts(&room).await.is_ok();
            let _ = std::fs::remove_dir_all(&room);
            Ok::<bool, Trouble>(accepts)
        };
        tried.await.unwrap_or(false)
    }

    fn framed(&self, text: &str, whole: bool) -> String {
        if whole {
            return text.to_owned();
        }
        format!("{}{text}{}", self.frame.head, self.frame.tail)
    }

    /// Runs configurations, as many as possible in one process; what does not run is found by halves.
    pub(super) async fn run(&self, jobs: &[&Job]) -> Vec<Ran> {
        if jobs.is_empty() {
            return Vec::new();
        }
        let alone = jobs.len() == 1;
        if alone || jobs.iter().all(|job| !job.whole) {
            match self.together(jobs).await {
                Ok(all) => return all,
                Err(Failure::Original(why)) if alone => return vec![Ran::Refused(why)],
                Err(Failure::Model(why)) if alone => return vec![Ran::Broken(why)],
                Err(_) => {}
            }
        }
        let (one, other) = jobs.split_at(jobs.len() / 2);
        let mut all = Box::pin(self.run(one)).await;
        all.extend(Box::pin(self.run(other)).await);
        all
    }

    async fn together(&self, jobs: &[&Job]) -> Result<Vec<Ran>, Failure> {
        let broken = |trouble: Trouble| Failure::Original(words(trouble));
        let mut placed: Vec<Placed> = Vec::new();
        let whole = jobs.iter().any(|job| job.whole);
        for (number, job) in jobs.iter().enumerate() {
            let mut listeners = BTreeMap::new();
            let text = self.ground.placed(&job.text, number, &mut listeners).map_err(broken)?;
            let read = match &job.misread {
                Some(misread) => self.ground.placed(misread, number, &mut listeners),
                None => Ok(text.clone()),
            };
            placed.push(Placed { text, read: read.map_err(broken)?, listeners });
        }
        let text = self.joined(&placed, |placed| &placed.text, whole);
        let room = self.room().map_err(broken)?;
        let first = Stage::new(&self.original, &room.join("original"), None);
        let second = Stage::new(&self.reference, &room.join("imported"), None);
        let all = |place: fn(&Listener) -> SocketAddr| -> Vec<SocketAddr> {
            placed.iter().flat_map(|placed| placed.listeners.values().map(place)).collect()
        };
        let original = first.start_text(&text, &all(Listener::original)).await.map_err(broken)?;
        if original.ends(Duration::from_millis(20)).await {
            return Err(Failure::Original(original.troubles()));
        }
        let read = self.joined(&placed, |placed| &placed.read, whole);
        let (imported, site) = self.imported(&read, &placed, &second).await?;
        let said = placed.iter().map(|placed| self.said(&placed.read, whole));
        let alike = alike(&site, &self.ground);
        let questions = jobs.iter().zip(&placed).enumerate().flat_map(|(number, (job, placed))| {
            let all = job.questions.iter();
            all.map(move |question| (number, question, placed.listeners.get(&question.listener)))
        });
        let asked = futures_util::stream::iter(questions).map(|(number, question, listener)| {
            let site = &site;
            async move {
                // A part of a text may have lost its listener.
                let Some(listener) = listener else { return (number, Default::default()) };
                let address = listener.original().to_string();
                let tls = listener.tls
                    || site.listeners.iter().any(|listener| {
                        listener.tls.is_some() && listener.address.value.to_string() == address
                    });
                let pair = tokio::join!(
                    ask(listener.original(), tls, question),
                    ask(listener.imported(), tls, question)
                );
                (number, pair)
            }
        });
        let asked: Vec<_> = asked.buffered(AT_ONCE).collect().await;
        let mut answers: Vec<Vec<(Observed, Observed)>> = jobs.iter().map(|_| Vec::new()).collect();
        for (number, pair) in asked {
            answers[number].push(pair);
        }
        drop((original, imported, first, second));
        let _ = std::fs::remove_dir_all(&room);
        let result = answers.into_iter().zip(said).map(|(answers, said)| Ran::Compared {
            said,
            answers,
            alike: alike.clone(),
        });
        Ok(result.collect())
    }

    /// Returns several configurations as one file, with the frame around them unless a configuration is a whole file.
    fn joined(&self, placed: &[Placed], of: fn(&Placed) -> &str, whole: bool) -> String {
        let mut all = String::new();
        for text in placed.iter().map(of) {
            all.push_str(text);
            if !text.ends_with('\n') {
                all.push('\n');
            }
        }
        self.framed(&all, whole)
    }

    /// What the importer says of one configuration alone: in company it says what several have alike of the first ones.
    fn said(&self, text: &str, whole: bool) -> Vec<Said> {
        let Some(target) = self.original.selection.map(|selection| selection.target) else {
            return Vec::new();
        };
        let mut sources = Sources::default();
        let id = sources.add(Source::new(target.file, self.framed(text, whole)));
        let imported = (target.import)(&mut sources, &[id], &mut NoFiles);
        let before = if whole { 0 } else { self.frame.head.lines().count() };
        let own = before..before + text.lines().count();
        let all = said(&imported, &sources).into_iter().filter(|said| own.contains(&said.line));
        all.map(|said| Said { line: said.line - before, ..said }).collect()
    }

    /// Imports the text and starts the model.
    async fn imported(
        &self,
        text: &str,
        placed: &[Placed],
        stage: &Stage,
    ) -> Result<(std::sync::Arc<crate::stage::Server>, Site), Failure> {
        let target = self.original.selection.map(|selection| selection.target);
        let target = target.ok_or_else(|| Failure::Original("it has no importer".to_owned()))?;
        let mut sources = Sources::default();
        let id = sources.add(Source::new(target.file, text));
        let imported = (target.import)(&mut sources, &[id], &mut NoFiles);
        let [model] = &imported.model[..] else {
            return Err(Failure::Model("the model is several files".to_owned()));
        };
        let mut models = Sources::default();
        models.add(Source::new("wsgen.yaml", model.clone()));
        let (site, findings) = wsgen_model::read(&models);
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        let errors: Vec<String> = errors.map(|finding| finding.message.clone()).collect();
        let site = site.filter(|_| errors.is_empty());
        let site = site.ok_or_else(|| Failure::Model(errors.join("; ")))?;
        let mut changes: BTreeMap<Span, String> = BTreeMap::new();
        let mut addresses = Vec::new();
        let mut held = Vec::new();
        for listener in &site.listeners {
            let own = listener.address.value.to_string();
            let mut all = placed.iter().flat_map(|placed| placed.listeners.values());
            let address = match all.find(|known| known.original().to_string() == own) {
                Some(known) => known.imported(),
                None => {
                    let port = crate::launch::Port::reserve();
                    let port = port.map_err(|error| Failure::Model(error.to_string()))?;
                    let address = port.address();
                    held.push(port);
                    address
                }
            };
            addresses.push(address);
            changes.insert(listener.address.span, address.to_string());
        }
        let moved = replaced(model, &changes).map_err(|trouble| Failure::Model(words(trouble)))?;
        let server = stage.start_at(&moved, &addresses).await;
        let server = server.map_err(|trouble| Failure::Model(words(trouble)))?;
        Ok((server, site))
    }
}

/// Applications of one upstream, which take turns.
fn alike(site: &Site, ground: &Ground) -> Vec<Vec<String>> {
    let groups = site.upstreams.iter().filter(|upstream| upstream.servers.len() > 1);
    let names = |upstream: &wsgen_model::site::Upstream| {
        let servers = upstream.servers.iter();
        servers.filter_map(|server| ground.application(&server.address.value.to_string())).collect()
    };
    groups.map(names).collect()
}

/// Asks one server; nothing is observed of a connection that is refused.
async fn ask(address: SocketAddr, tls: bool, question: &Question) -> Observed {
    let transcript = Transcript::default();
    let asked = async {
        let tcp = tokio::net::TcpStream::connect(address).await.map_err(Trouble::broken)?;
        let mut wire = if tls {
            let name = question.host.split(':').next().unwrap_or_default();
            client_tls(tcp, name, "http/1.1", Versions::Both, None, &transcript).await?.0
        } else {
            Wire::new(tcp, "client", &transcript)
        };
        wire.send(question.text()).await?;
        let answered = Answered { head: wire.answer().await?, wire };
        let mut observed = observe::read(answered, question.method == "HEAD").await?;
        // Some servers tell the port that they listen on, which is a usual one elsewhere.
        observed.location = observed.location.replace(&format!(":{}", address.port()), "");
        Ok::<Observed, Trouble>(observed)
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(observed)) => observed,
        _ => Observed::default(),
    }
}

pub(super) fn words(trouble: Trouble) -> String {
    match trouble {
        Trouble::Failed(failed) => format!("expected {}, saw {}", failed.expected, failed.observed),
        Trouble::Broken(why) => why,
    }
}
