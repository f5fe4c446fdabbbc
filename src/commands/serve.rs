//! `wsgen serve`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use wsgen_conformance::peer::Echo;
use wsgen_model::code::Code;
use wsgen_model::diagnostic::Diagnostic;
use wsgen_model::site::Site;
use wsgen_model::source::{Source, Sources};
use wsgen_proxy::{Proxy, StartError};

use crate::args::Format;
use crate::input::{self, Input};
use crate::output::{self, Exit, Failure};
use crate::report;

pub(super) fn run(
    files: &[PathBuf],
    threads: Option<NonZeroUsize>,
    watch: bool,
    demo: bool,
) -> Result<Exit, Failure> {
    let threads = threads.or_else(|| std::thread::available_parallelism().ok());
    let threads = threads.map_or(1, NonZeroUsize::get);
    // An echo that is dropped would end.
    let (input, _echo) = if demo { self::demo()? } else { (input::read(files)?, None) };
    let Some(site) = judge(&input)? else { return Ok(Exit::Findings) };
    let stop = Proxy::stop_time(&site);
    let listeners = site.listeners.iter();
    let serving: String =
        listeners.map(|l| format!("{} on {}\n", l.name.value, l.address.value)).collect();
    let proxy = Proxy::start(site, threads).map_err(|error| failure(&error, &input.sources))?;
    output::eprint(&serving);
    let mut watched = Watched::new(&input.sources);
    let changed = || watch && !demo && watched.has_changed();
    let served = proxy.run(stop, |proxy| reload(proxy, files, demo), changed);
    served.map_err(|error| {
        Failure::new(format!("cannot wait for signals: {error}"), "report this")
    })?;
    Ok(Exit::Success)
}

/// The files of a model, and when they were changed last.
struct Watched {
    files: Vec<PathBuf>,
    /// What holds, and what was seen since and may still be being written.
    known: Stamp,
    seen: Stamp,
    looked: Instant,
}

type Stamp = Vec<Option<(SystemTime, u64)>>;

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);

impl Watched {
    fn new(sources: &Sources) -> Self {
        let files: Vec<_> =
            sources.iter().map(|(_, source)| PathBuf::from(source.name())).collect();
        let known = stamp(&files);
        Self { files, seen: known.clone(), known, looked: Instant::now() }
    }

    /// Whether a file has changed and then stayed as it is for a moment.
    fn has_changed(&mut self) -> bool {
        if self.looked.elapsed() < LOOK {
            return false;
        }
        self.looked = Instant::now();
        let now = stamp(&self.files);
        let settled = now == self.seen && now != self.known;
        self.seen = now;
        if settled {
            self.known.clone_from(&self.seen);
        }
        settled
    }
}

fn stamp(files: &[PathBuf]) -> Stamp {
    let one = |file: &PathBuf| {
        let metadata = std::fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.iter().map(one).collect()
}

/// The site of a model, if nothing is wrong with it and all of it can be run. Findings are printed.
fn judge(input: &Input) -> Result<Option<Site>, Failure> {
    let (mut site, mut diagnostics) = super::check::judge(input);
    if let Some(site) = &mut site {
        input::resolve_files(site, &input.sources);
    }
    for ask in site.iter().flat_map(wsgen_proxy::not_yet) {
        let entry = ask.feature.entry();
        let message = format!("the reference proxy does not do `{}` yet", entry.field);
        let finding = Diagnostic::new(Code::NOT_RENDERED, message).clause(entry.clause);
        let finding = finding.help("take it out of this model, or render the model for a server");
        diagnostics.push(match ask.span {
            Some(span) => finding.at(span),
            None => finding,
        });
    }
    diagnostics.sort();
    report::print(Format::Human, &diagnostics, &input.sources)?;
    Ok(site.filter(|_| !diagnostics.has_errors()))
}

/// Reads the model anew; a bad one is told and changes nothing.
fn reload(proxy: &mut Proxy, files: &[PathBuf], demo: bool) -> Option<Duration> {
    if demo {
        return None;
    }
    let mut outcome = || -> Result<Option<Site>, Failure> {
        let input = input::read(files)?;
        let Some(site) = judge(&input)? else { return Ok(None) };
        proxy.reload(site.clone()).map_err(|error| failure(&error, &input.sources))?;
        Ok(Some(site))
    };
    match outcome() {
        Ok(Some(site)) => {
            output::eprint("reloaded\n");
            Some(Proxy::stop_time(&site))
        }
        Ok(None) => {
            output::eprint("not reloaded: the model has errors\n");
            None
        }
        Err(failure) => {
            output::eprint(&format!("not reloaded: {}; {}\n", failure.message, failure.help));
            None
        }
    }
}

fn failure(error: &StartError, sources: &Sources) -> Failure {
    let place = error.span.and_then(|span| {
        let source = sources.get(span.source)?;
        let at = source.position(span.range().start);
        Some(format!("{}:{}:{}: ", source.name(), at.line, at.column))
    });
    Failure::new(format!("{}{}", place.unwrap_or_default(), error.message), error.help.clone())
}

/// A model in front of an echo, both on free ports of loopback.
fn demo() -> Result<(Input, Option<Echo>), Failure> {
    let free = |error: std::io::Error| {
        Failure::new(
            format!("cannot listen on loopback: {error}"),
            "check the network of this machine",
        )
    };
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let echo = Echo::bind(any).map_err(free)?;
    let port = TcpListener::bind(any).and_then(|socket| socket.local_addr()).map_err(free)?.port();
    let model = format!(
        "version: 1\nlisteners: [{{name: demo, address: \"127.0.0.1:{port}\"}}]\n\
         upstreams: {{echo: {{servers: [\"{}\"]}}}}\nroutes: [{{upstream: echo}}]\n",
        echo.address()
    );
    output::eprint(&format!(
        "a WebSocket that answers with what you say: ws://127.0.0.1:{port}/\n\
         try it:  curl -i http://127.0.0.1:{port}/   or, with Node.js 22:\n  \
         node -e 'const s=new WebSocket(\"ws://127.0.0.1:{port}/\");s.onopen=()=>s.send(\"hello\");s.onmessage=m=>{{console.log(m.data);s.close()}}'\n"
    ));
    let mut sources = Sources::default();
    sources.add(Source::new("<demo>", model));
    Ok((
        Input { sources, diagnostics: wsgen_model::diagnostic::Diagnostics::default() },
        Some(echo),
    ))
}
