//! Where a server's idioms change: the text on both sides of each boundary.

use std::fs;

use wsgen_emit::{Handed, Loss, LossPolicy, Options, Selection};
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::source::Sources;

/// An idiom of a target that begins with a version.
struct Idiom {
    target: &'static str,
    /// The last version before, and the first one with it.
    versions: (&'static str, &'static str),
    /// What a listener, an upstream, a route and the site have beside the least.
    model: Model,
    /// Text that is written before only, and from then on only: a part of the configuration, or a finding's code. It is
    /// empty where there is none.
    before: &'static str,
    after: &'static str,
}

#[derive(Default)]
struct Model {
    listener: &'static str,
    upstream: &'static str,
    servers: &'static str,
    route: &'static str,
    site: &'static str,
}

const NOTHING: Model =
    Model { listener: "", upstream: "", servers: "app.test:3000", route: "", site: "" };
const TLS: &str =
    ", tls: {certificates: [{certificate: a.pem, key: a.key}]}, protocols: [h2, http/1.1]";
const RESOLVED: Model = Model {
    servers: "{address: app.test:3000, resolve: runtime}",
    site: "resolver: {nameservers: [\"127.0.0.1:53\"]}\n",
    ..NOTHING
};
const TWO: Model = Model { servers: "\"127.0.0.1:3000\", \"127.0.0.1:3001\"", ..NOTHING };

const IDIOMS: &[Idiom] = &[
    Idiom {
        target: "nginx",
        versions: ("1.19.6", "1.19.7"),
        model: Model { listener: TLS, ..NOTHING },
        before: "http2_idle_timeout",
        after: "",
    },
    Idiom {
        target: "nginx",
        versions: ("1.25.0", "1.25.1"),
        model: Model { listener: TLS, ..NOTHING },
        before: "ssl http2;",
        after: "http2 on;",
    },
    Idiom {
        target: "nginx",
        versions: ("1.27.2", "1.27.3"),
        model: RESOLVED,
        before: "map \"\" $wsgen_server_app",
        after: "server app.test:3000 resolve;",
    },
    Idiom {
        target: "nginx",
        versions: ("1.29.5", "1.29.6"),
        model: Model { upstream: ", sticky: {cookie: {name: R}}", ..TWO },
        before: "add_header Set-Cookie",
        after: "sticky cookie R",
    },
    Idiom {
        target: "apache",
        versions: ("2.4.35", "2.4.36"),
        model: Model { route: "RESPOND", ..NOTHING },
        before: "WSG0351",
        after: "Redirect 403",
    },
    Idiom {
        target: "apache",
        versions: ("2.4.46", "2.4.47"),
        model: NOTHING,
        before: "\"ws://app.test:3000\"",
        after: "upgrade=websocket",
    },
    Idiom {
        target: "apache",
        versions: ("2.4.52", "2.4.53"),
        model: Model { route: ", timeouts: {tunnel_idle: 15m}", ..NOTHING },
        before: "    Timeout 900",
        after: "    Timeout 60",
    },
    Idiom {
        target: "apache",
        versions: ("2.4.54", "2.4.55"),
        model: Model { route: ", auth: {basic: {users_file: users, realm: 50%}}", ..NOTHING },
        before: "AuthName \"50%\"\n",
        after: "AuthName \"50\\\\%\"\n",
    },
    Idiom {
        target: "apache",
        versions: ("2.4.54", "2.4.55"),
        model: Model { upstream: ", health_check: {type: http, path: /}", ..NOTHING },
        before: "hcmethod=GET ",
        after: "hcmethod=GET11 ",
    },
    Idiom {
        target: "apache",
        versions: ("2.4.57", "2.4.58"),
        model: Model { listener: TLS, ..NOTHING },
        before: "",
        after: "H2WebSockets on",
    },
    Idiom {
        target: "apache",
        versions: ("2.4.58", "2.4.59"),
        model: RESOLVED,
        before: "disablereuse=On",
        after: "addressttl=10",
    },
    Idiom {
        target: "haproxy",
        versions: ("2.3.99", "2.4.0"),
        model: NOTHING,
        before: "http-request deny deny_status 400 if { path -m reg //|",
        after: "http-request normalize-uri path-merge-slashes",
    },
    Idiom {
        target: "haproxy",
        versions: ("2.3.99", "2.4.0"),
        model: Model {
            route: ", timeouts: {tunnel_idle: 5m}}\n  - {match: [{path: {prefix: /b}}], upstream: app",
            ..NOTHING
        },
        before: "\nbackend wsgen_app._2",
        after: "http-request set-timeout tunnel 600s",
    },
    Idiom {
        target: "haproxy",
        versions: ("2.4.99", "2.5.0"),
        model: Model {
            listener: ", protocols: [h2, http/1.1], h2_websockets: \"off\", tls: {certificates: [{certificate: a.pem, key: a.key}]}",
            ..NOTHING
        },
        before: "HAProxy loses `h2_websockets: off`",
        after: "h2-workaround-bogus-websocket-clients",
    },
    Idiom {
        target: "haproxy",
        versions: ("2.5.99", "2.6.0"),
        model: Model { site: "drain: {timeout: 10m, spread: 1m}\n", ..NOTHING },
        before: "WSG0302",
        after: "close-spread-time 60s",
    },
];

/// What is rendered and what is said of it.
fn render(target: &str, version: &str, model: &Model) -> String {
    let Model { listener, upstream, servers, route, site } = model;
    let action = if *route == "RESPOND" {
        "respond: {status: 403}".to_owned()
    } else {
        format!("upstream: app{route}")
    };
    let text = format!(
        "version: 1\ntargets:\n  apache: {{accept: [{{code: WSG0387, reason: a test}}]}}\n\
         {site}listeners: [{{name: web, address: \"127.0.0.1:8080\"{listener}}}]\n\
         upstreams: {{app: {{servers: [{servers}]{upstream}}}}}\nroutes:\n  - {{{action}}}\n"
    );
    let (site, findings) = wsgen_model::read(&Sources::single("site.yaml", text.clone()));
    let site = site.unwrap_or_else(|| panic!("{text}\n{findings:?}"));
    let selection = Selection::parse(&format!("{target}@{version}")).unwrap();
    let needs = wsgen_emit::needs(&site, &selection).into_iter();
    let handed: Handed = needs.map(|need| (need.path, Vec::new())).collect();
    let policy = LossPolicy { loss: Loss::Allow, today: None };
    let options = Options { policy, handed, ..Options::default() };
    let mut findings = Diagnostics::default();
    let rendered = wsgen_emit::render(&site, &selection, &options, &mut findings).unwrap();
    let said: Vec<_> = findings.iter().map(|f| format!("{}: {}", f.code, f.message)).collect();
    format!("{}\n{}", said.join("\n"), rendered.map_or_else(String::new, |one| one.main))
}

#[test]
fn idioms_change_where_they_should() {
    for Idiom { target, versions, model, before, after } in IDIOMS {
        let old = render(target, versions.0, model);
        let new = render(target, versions.1, model);
        let what = format!("{target} {versions:?}");
        assert!(old.contains(before), "{what} before:\n{old}");
        assert!(after.is_empty() || !old.contains(after), "{what} before:\n{old}");
        assert!(new.contains(after), "{what} after:\n{new}");
        assert!(before.is_empty() || !new.contains(before), "{what} after:\n{new}");
    }
}

/// The versions that a target's answers and templates ask for.
#[test]
fn every_boundary_is_tried() {
    for target in wsgen_emit::TARGETS {
        let file = format!("crates/emit/src/targets/{}/support.rs", target.name);
        let text = fs::read_to_string(file).unwrap();
        let mut seen = 0;
        for version in text.split("TargetVersion = TargetVersion::new(").skip(1) {
            let version = version.split(')').next().unwrap().replace(", ", ".");
            let tried = |idiom: &Idiom| idiom.target == target.name && idiom.versions.1 == version;
            assert!(IDIOMS.iter().any(tried), "{}@{version} is tried by no idiom", target.name);
            seen += 1;
        }
        assert!(seen >= 3, "{}", target.name);
    }
}
