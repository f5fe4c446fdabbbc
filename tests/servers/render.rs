//! Fixtures named by behaviour: what each adds to a configuration, on every target, with the findings; and what is
//! seen of the running servers. Presets and examples are fixtures too.

use std::fs;
use std::path::{Path, PathBuf};

use crate::real_server::{
    ALL, Kind, Observation, Stream, free_port, launch, observe, tls, upstream_at,
};
use futures_util::StreamExt;
use similar::TextDiff;
use tokio::net::TcpStream;
use wsgen_emit::{Handed, Loss, LossPolicy, Options, Rendered, Selection};
use wsgen_model::diagnostic::{Diagnostics, Severity};
use wsgen_model::scalar::{FilePath, ListenAddress, UpstreamAddress};
use wsgen_model::site::{Addresses, Site};
use wsgen_model::source::Sources;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

struct Fixture {
    name: String,
    model: String,
    observed: String,
    folder: PathBuf,
}

/// Every folder of fixtures.
fn fixtures() -> Vec<Fixture> {
    let root = Path::new(ROOT).join("tests/fixtures/render");
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    let fixture = |folder: PathBuf| Fixture {
        name: folder.file_name().unwrap().to_string_lossy().into_owned(),
        model: fs::read_to_string(folder.join("site.yaml")).unwrap(),
        observed: fs::read_to_string(folder.join("observed.txt")).unwrap(),
        folder,
    };
    folders.into_iter().map(fixture).collect()
}

/// Presets and examples that run: each with what is seen of it.
fn shipped() -> Vec<Fixture> {
    let root = Path::new(ROOT);
    let text = fs::read_to_string(root.join("tests/fixtures/shipped.txt")).unwrap();
    let mut shipped: Vec<Fixture> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some(file) = line.strip_prefix("== ") {
            shipped.push(Fixture {
                name: file.to_owned(),
                model: fs::read_to_string(root.join(file)).unwrap(),
                observed: String::new(),
                folder: root.join("tests/fixtures/none"),
            });
        } else {
            let last = shipped.last_mut().unwrap();
            last.observed.push_str(&format!("{line}\n"));
        }
    }
    // Every preset is there.
    for preset in fs::read_dir(root.join("src/presets")).unwrap() {
        let name = format!("src/presets/{}", preset.unwrap().file_name().to_string_lossy());
        assert!(shipped.iter().any(|f| f.name == name), "{name} is not in shipped.txt");
    }
    shipped
}

fn site(fixture: &Fixture) -> Site {
    let (site, findings) = wsgen_model::read(&Sources::single("site.yaml", &*fixture.model));
    site.unwrap_or_else(|| panic!("{}: {findings:?}", fixture.name))
}

/// What is rendered, or nothing where it is refused, and every finding.
fn render(
    site: &Site,
    target: &str,
    version: Option<&str>,
    folder: &Path,
) -> (Option<Rendered>, Diagnostics) {
    let name = version.map_or(target.to_owned(), |version| format!("{target}@{version}"));
    let selection = Selection::parse(&name).unwrap();
    let needs = wsgen_emit::needs(site, &selection).into_iter();
    let bytes = |path: &str| fs::read(folder.join(path)).unwrap_or_default();
    let handed: Handed = needs.map(|need| (need.path.clone(), bytes(&need.path))).collect();
    let policy = LossPolicy { loss: Loss::Warn, today: None };
    let mut findings = Diagnostics::default();
    let options = Options { policy, handed, ..Options::default() };
    let rendered = wsgen_emit::render(site, &selection, &options, &mut findings);
    (rendered.unwrap_or_else(|problem| panic!("{}", problem.message)), findings)
}

/// What a fixture adds to the smallest model, as a reader would want to see it.
#[test]
fn every_fixture_renders_as_it_was_reviewed() {
    let smallest = "one-application";
    let all = fixtures();
    let base = site(all.iter().find(|fixture| fixture.name == smallest).unwrap());
    for fixture in &all {
        let site = site(fixture);
        let mut page = String::new();
        for target in wsgen_emit::TARGETS {
            page.push_str(&format!("======== {}\n", target.name));
            let (rendered, findings) = render(&site, target.name, None, &fixture.folder);
            for finding in findings.iter().filter(|f| f.severity > Severity::Note) {
                page.push_str(&format!(
                    "{}[{}]: {}",
                    finding.severity.as_str(),
                    finding.code,
                    finding.message
                ));
                let label = finding.primary.as_ref().map_or("", |label| label.text.as_str());
                page.push_str(&format!(" ({label})\n"));
            }
            let Some(rendered) = rendered else { continue };
            if fixture.name == smallest {
                page.push_str(&rendered.main);
                continue;
            }
            let plain = render(&base, target.name, None, &fixture.folder).0.unwrap().main;
            let diff = TextDiff::from_lines(&plain, &rendered.main);
            page.push_str(&diff.unified_diff().context_radius(1).to_string());
            for file in &rendered.files {
                page.push_str(&format!("-------- {}\n", file.name));
            }
        }
        insta::with_settings!({
            snapshot_path => &fixture.folder,
            prepend_module_to_snapshot => false,
            omit_expression => true
        }, {
            insta::assert_snapshot!("rendered", page);
        });
    }
}

/// Thirty fixtures and more, the presets and the examples, on every server that can be rendered for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fixture_behaves_as_it_says() {
    let all: Vec<Fixture> = fixtures().into_iter().chain(shipped()).collect();
    assert!(all.len() >= 30);
    let runs = all.iter().flat_map(|fixture| ALL.map(|kind| Box::pin(run(fixture, kind))));
    // A few at a time: more would only wait for each other.
    let failures: Vec<String> = futures_util::stream::iter(runs)
        .buffer_unordered(6)
        .filter_map(|result| std::future::ready(result.err()))
        .collect()
        .await;
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

async fn run(fixture: &Fixture, kind: &'static Kind) -> Result<(), String> {
    let who = format!("{} on {}", fixture.name, kind.target);
    let folder = tempfile::tempdir().unwrap();
    for file in fs::read_dir(&fixture.folder).into_iter().flatten().flatten() {
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let moved = Moved::new(&site(fixture), &fixture.model, folder.path());
    let text = moved.names.iter().fold(fixture.observed.clone(), |text, (name, port)| {
        text.replace(&format!("{{{name}}}"), &format!("127.0.0.1:{port}"))
    });
    let lines: Vec<_> = text.lines().map(Observation::parse).collect();
    let (rendered, findings) = if kind.serves() {
        (Some(Rendered::default()), Diagnostics::default())
    } else {
        render(&moved.site, kind.target, Some(kind.version), folder.path())
    };
    let refused = lines.iter().find_map(|line| line.refused(kind.target));
    if rendered.is_none() {
        let codes: Vec<_> = findings.iter().map(|f| f.code.to_string()).collect();
        let said = refused.is_some_and(|code| codes.iter().any(|known| known == code));
        return if said { Ok(()) } else { Err(format!("{who}: refused by {codes:?}")) };
    }
    if let Some(code) = refused {
        return Err(format!("{who}: {code} does not refuse it any more"));
    }
    for (name, port) in &moved.names {
        if name != "nowhere" {
            upstream_at(name, *port).await;
        }
    }
    let server = launch(kind.launched(), folder, &moved.text, moved.port).await;
    let mut seen = (false, false);
    for line in lines.iter().filter(|line| line.verb != "REFUSED" && line.is_for(kind.target)) {
        seen.0 |= line.verb == "WS";
        seen.1 |= line.verb != "WS" && line.verb != "IDLE";
        let connect = async || -> Box<dyn Stream> {
            let stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
            if moved.tls {
                return Box::new(tls(stream, line.host_name(), "http/1.1").await)
                    as Box<dyn Stream>;
            }
            Box::new(stream)
        };
        observe(line, connect).await.map_err(|error| format!("{who}: {error}"))?;
    }
    if seen == (true, true) { Ok(()) } else { Err(format!("{who}: needs a WS and a plain line")) }
}

/// A site on loopback.
struct Moved {
    site: Site,
    /// The same as it was written.
    text: String,
    /// The port of its last listener, which is the one that has TLS if any has.
    port: u16,
    tls: bool,
    /// Upstreams by name, and the ports that they are expected at.
    names: Vec<(String, u16)>,
}

impl Moved {
    fn new(site: &Site, written: &str, folder: &Path) -> Self {
        let mut addresses = Addresses::loopback(site, free_port);
        for certificate in
            site.listeners.iter().filter_map(|l| l.tls.as_ref()).flat_map(|t| &t.certificates)
        {
            crate::real_server::certificate(folder, "relocated.test", "localhost");
            let mut put = |old: &FilePath, name: &str| {
                let path = folder.join(name).display().to_string();
                let new = wsgen_model::decode::Scalar::parse(&path).unwrap();
                addresses.files.insert(old.clone(), new);
            };
            put(&certificate.certificate.value, "relocated.test.pem");
            put(&certificate.key.value, "relocated.test.key");
        }
        let port_of = |address: &UpstreamAddress| match &addresses.servers[address] {
            UpstreamAddress::Socket(socket) => socket.port(),
            other => panic!("{other} is not on loopback"),
        };
        let mut names = Vec::new();
        for upstream in &site.upstreams {
            for (number, server) in upstream.servers.iter().enumerate() {
                let name = match (&server.address.value, number) {
                    (UpstreamAddress::Name(host, _), _) if host.name() == "nowhere" => {
                        "nowhere".to_owned()
                    }
                    (_, 0) => upstream.name.value.to_string(),
                    (_, number) => format!("{}.{}", upstream.name.value, number + 1),
                };
                let port = port_of(&server.address.value);
                if !names.iter().any(|(_, known)| *known == port) {
                    names.push((name, port));
                }
            }
        }
        for route in &site.routes {
            let auth = route.forward().and_then(|forward| forward.auth.as_ref());
            if let Some(wsgen_model::site::Auth::Forward { url, .. }) = auth.map(|auth| &auth.value)
            {
                let port = port_of(&url.value.address);
                if !names.iter().any(|(_, known)| *known == port) {
                    names.push(("auth".to_owned(), port));
                }
            }
        }
        let text = moved_text(written, &addresses);
        let site = site.relocated(&addresses);
        let secure = site.listeners.iter().find(|listener| listener.tls.is_some());
        let listener = secure.unwrap_or(&site.listeners[0]);
        let ListenAddress::Socket(address) = &listener.address.value else { panic!("a socket") };
        Self { port: address.port(), tls: secure.is_some(), names, text, site: site.clone() }
    }
}

/// A model at other addresses, word for word.
fn moved_text(written: &str, addresses: &Addresses) -> String {
    let mut text = written.to_owned();
    let mut put = |old: String, new: String| text = text.replace(&old, &new);
    for (old, new) in &addresses.listeners {
        put(old.to_string(), new.to_string());
    }
    for (old, new) in &addresses.servers {
        put(old.to_string(), new.to_string());
    }
    for (old, new) in &addresses.files {
        put(old.to_string(), new.to_string());
    }
    text
}
