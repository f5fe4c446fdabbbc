//! Every status that a model allows in `respond`: a target refuses it, or its server takes it.

use assert_cmd::Command;
use wsgen_emit::{Options, Selection};
use wsgen_model::diagnostic::{Diagnostics, Severity};
use wsgen_model::source::{Source, Sources};

/// A model with a route for each of these statuses.
fn model(statuses: &[u16]) -> String {
    let routes = statuses.iter().map(|status| {
        let body = ["", ", body: sorry"][usize::from(*status % 2 == 0)];
        format!("  - {{match: [{{path: {{exact: /s{status}}}}}], respond: {{status: {status}{body}}}}}\n")
    });
    let routes: String = routes.collect();
    format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\nroutes:\n{routes}"
    )
}

/// Whether a target renders an answer of a status.
fn is_rendered(target: &str, status: u16) -> bool {
    let mut sources = Sources::default();
    sources.add(Source::new("a.yaml", model(&[status]).replace("PORT", "8080")));
    let (site, _) = wsgen_model::read(&sources);
    let selection = Selection::parse(target).unwrap();
    let mut findings = Diagnostics::default();
    let options = Options::default();
    let rendered = wsgen_emit::render(&site.unwrap(), &selection, &options, &mut findings);
    rendered.unwrap().is_some() && findings.count(Severity::Error) == 0
}

#[tokio::test]
async fn every_status_is_refused_or_answered() {
    for kind in crate::real_server::ALL {
        let rendered = |status: &u16| kind.serves() || is_rendered(kind.target, *status);
        let statuses: Vec<u16> = (200..600).filter(rendered).collect();
        assert!(statuses.len() >= 48, "{} takes {statuses:?}", kind.target);
        let server = crate::real_server::start(kind, &model(&statuses), &[]).await;
        for status in statuses {
            let answer = server.send(&format!("GET /s{status}")).await;
            let line = answer.lines().next().unwrap_or_default().to_owned();
            assert!(line.contains(&format!(" {status}")), "{} {status}: {line}", kind.target);
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            let wanted =
                if status % 2 == 0 && ![204, 304].contains(&status) { "sorry" } else { "" };
            assert!(body.contains(wanted), "{} {status}: {answer}", kind.target);
        }
    }
}

/// A status that a server refuses is reported at its line.
#[test]
fn a_status_that_is_not_assigned_is_refused_for_apache() {
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let command = command.args(["render", "--target", "apache", "-"]);
    let output = command.write_stdin(model(&[299]).replace("PORT", "8080")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("error[WSG0502]") && said.contains("<stdin>:4:"), "{said}");
}
