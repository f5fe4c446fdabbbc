//! What a server's configuration says is what the model said that it was rendered from: rendering for a target and
//! reading it back gives a site that does the same with every request, up to what the target declares as lost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use wsgen_emit::{Loss, LossPolicy, NoFiles, Options, Selection, TARGETS};
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::routing::{Outcome, Request, Version};
use wsgen_model::site::{Action, ListenerId, PathRule, Site};
use wsgen_model::source::{Source, Sources};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn site(text: &str) -> Site {
    let (site, findings) = wsgen_model::read(&Sources::single("site.yaml", text));
    site.unwrap_or_else(|| panic!("{findings:?}\n{text}"))
}

/// Rendered and read back; nothing where the target refuses it.
fn there_and_back(site: &Site, target: &str) -> Option<(String, Site, String)> {
    let selection = Selection::parse(target).unwrap();
    let handed = wsgen_emit::needs(site, &selection).into_iter();
    let handed = handed.map(|need| (need.path, b"me:$6$a$b\n".to_vec())).collect();
    let policy = LossPolicy { loss: Loss::Allow, ..LossPolicy::default() };
    let options = Options { handed, policy, ..Options::default() };
    let rendered =
        wsgen_emit::render(site, &selection, &options, &mut Diagnostics::default()).unwrap()?;
    let mut sources = Sources::default();
    let id = sources.add(Source::new("rendered.conf", &*rendered.main));
    let imported = (selection.target.import)(&mut sources, &[id], &mut NoFiles);
    let model = imported.model.concat();
    let back = self::site(&model);
    Some((rendered.main, back, model))
}

/// Everything that a request can be told apart by, of both sites.
fn requests(sites: [&Site; 2]) -> Vec<(String, String, String, Vec<(String, String)>)> {
    let (mut hosts, mut paths) = (BTreeSet::from(["other.invalid".to_owned()]), BTreeSet::new());
    let mut methods = BTreeSet::from(["GET".to_owned()]);
    let mut fields = BTreeSet::from([Vec::new()]);
    let ws = vec![
        ("Upgrade".to_owned(), "websocket".to_owned()),
        ("Connection".to_owned(), "upgrade".to_owned()),
    ];
    fields.insert(ws.clone());
    for path in ["/", "/x", "/elsewhere/x"] {
        paths.insert(path.to_owned());
    }
    for route in sites.iter().flat_map(|site| &site.routes) {
        for name in &route.hostnames {
            let name = name.value.to_string();
            hosts.insert(name.replace('*', "a.b"));
        }
        for entry in &route.entries {
            match &entry.path {
                PathRule::Exact(path) | PathRule::Prefix(path) => {
                    let path = path.to_string();
                    let path = path.trim_end_matches('/');
                    for end in ["", "/", "/more", "more"] {
                        paths.insert(format!("/{path}{end}").replacen("//", "/", 1));
                    }
                }
                PathRule::Regex(_) => {
                    for path in ["/a/17", "/v1/users", "/v1/x", "/b/x"] {
                        paths.insert(path.to_owned());
                    }
                }
            }
            for method in &entry.methods {
                methods.insert(method.as_str().to_owned());
            }
        }
    }
    let mut all = Vec::new();
    for host in &hosts {
        for path in &paths {
            for method in &methods {
                for fields in &fields {
                    all.push((host.clone(), path.clone(), method.clone(), fields.clone()));
                }
            }
        }
    }
    all
}

/// What is done with a request, without the names of things.
fn done(
    site: &Site,
    listener: usize,
    request: &(String, String, String, Vec<(String, String)>),
) -> BTreeMap<String, String> {
    let headers: Vec<_> = request.3.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let outcome = site.route(&Request {
        listener: ListenerId(listener),
        version: Version::Http11,
        host: Some(&request.0),
        method: &request.2,
        target: &request.1,
        headers: &headers,
        upgrade: None,
    });
    let mut lines = BTreeMap::new();
    match outcome {
        Outcome::Route { route, websocket } => {
            let meaning = site.meaning();
            let title = format!("routes.{}.", site.route_title(route));
            for (name, value) in &meaning {
                let Some(name) = name.strip_prefix(&title) else { continue };
                if ["listeners", "hostnames", "match", "priority", "upstream"].contains(&name) {
                    continue;
                }
                let sockets = name.starts_with("websocket.") && name != "websocket.mode"
                    || name == "timeouts.tunnel_idle";
                if !websocket && sockets {
                    continue;
                }
                if websocket
                    && (name.starts_with("buffering")
                        || name.starts_with("compression")
                        || name.contains("max_body")
                        || name.contains("response_header"))
                {
                    continue;
                }
                lines.insert(name.to_owned(), value.clone());
            }
            if let Action::Forward(forward) = &site.routes[route.0].action {
                let upstream = format!("upstreams.{}.", site.upstream(forward.upstream).name.value);
                for (name, value) in &meaning {
                    if let Some(name) = name.strip_prefix(&upstream) {
                        lines.insert(format!("upstream.{name}"), value.clone());
                    }
                }
            }
        }
        other => {
            lines.insert("outcome".into(), format!("{other:?}"));
        }
    }
    lines
}

#[test]
fn gap() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut folders: Vec<_> = fs::read_dir(Path::new(ROOT).join("tests/fixtures/render"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    folders.sort();
    let mut total: BTreeMap<(String, String), usize> = BTreeMap::new();
    for target in TARGETS {
        for folder in &folders {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            if !format!("{}/{name}", target.name).contains(&only) {
                continue;
            }
            let text = fs::read_to_string(folder.join("site.yaml")).unwrap();
            let before = site(&text);
            let Some((conf, after, model)) = there_and_back(&before, target.name) else {
                println!("{} {name}: refused", target.name);
                continue;
            };
            let mut differences: BTreeMap<String, (String, usize)> = BTreeMap::new();
            if before.listeners.len() != after.listeners.len() {
                println!(
                    "{} {name}: listeners {} {}",
                    target.name,
                    before.listeners.len(),
                    after.listeners.len()
                );
                continue;
            }
            for listener in 0..before.listeners.len() {
                let (a, b) = (before.meaning(), after.meaning());
                let of =
                    |site: &Site, all: &BTreeMap<String, String>| -> BTreeMap<String, String> {
                        let p = format!("listeners.{}.", site.listeners[listener].name.value);
                        all.iter()
                            .filter_map(|(k, v)| Some((k.strip_prefix(&p)?.to_owned(), v.clone())))
                            .collect()
                    };
                let (a, b) = (of(&before, &a), of(&after, &b));
                for key in a.keys().chain(b.keys()) {
                    if a.get(key) != b.get(key) {
                        differences.insert(
                            format!("listener {key}"),
                            (format!("{:?} | {:?}", a.get(key), b.get(key)), 1),
                        );
                    }
                }
                for request in requests([&before, &after]) {
                    let (a, b) =
                        (done(&before, listener, &request), done(&after, listener, &request));
                    for key in a.keys().chain(b.keys()) {
                        if a.get(key) != b.get(key) {
                            let e = differences.entry(key.clone()).or_insert_with(|| {
                                (format!("{:?} | {:?} e.g. {request:?}", a.get(key), b.get(key)), 0)
                            });
                            e.1 += 1;
                        }
                    }
                }
            }
            println!("{} {name}: {}", target.name, differences.len());
            for (key, (text, count)) in &differences {
                *total.entry((target.name.to_owned(), key.clone())).or_default() += 1;
                if !only.is_empty() {
                    println!("    {count} {key}: {text}");
                }
            }
            if !only.is_empty() && std::env::var("SHOW").is_ok_and(|v| v == "1") {
                println!("{conf}\n{model}");
            }
        }
    }
    for ((target, key), count) in total {
        println!("{target} {key} {count}");
    }
}
