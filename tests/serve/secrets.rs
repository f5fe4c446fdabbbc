//! Secrets of a model (values of header fields that carry credentials) are in no output, and files that hold secrets are
//! for their owner alone.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::real_server::scripted::rest;
use crate::real_server::{SERVE, certificate, free_port, start, upstream};

fn wsgen(folder: &Path, arguments: &[&str]) -> (Output, String) {
    let output =
        Command::new(SERVE.program()).args(arguments).current_dir(folder).output().unwrap();
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    (output, String::from_utf8(both).unwrap())
}

/// A model whose route sets a secret field, with more fields of the route.
fn model(port: u16, admin: u16, app: u16, more: &str) -> String {
    format!(
        "version: 1\nadmin: {{address: \"127.0.0.1:{admin}\"}}\nlisteners: [{{name: web, address: \"127.0.0.1:{port}\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes:\n  - name: chat\n    upstream: app\n    request_headers:\n      set:\n        \
         # Authorization: Bearer hunter1\n        Authorization: \"Bearer hunter2\"\n        X-Api-Key: >-\n          hunter3\n        X-Edge: shown\n{more}"
    )
}

#[tokio::test]
async fn the_page_of_the_model_shows_no_secret() {
    let (app, admin) = (upstream("app").await, free_port());
    let text = model(0, admin, app, "").replace("127.0.0.1:0\"", "127.0.0.1:PORT\"");
    let server = start(&SERVE, &text, &[]).await;
    // The upstream gets the value itself.
    assert!(server.send("GET /").await.contains("authorization: bearer hunter2\r\n"));
    let mut stream = TcpStream::connect(("127.0.0.1", admin)).await.unwrap();
    let request =
        format!("GET /config HTTP/1.1\r\nHost: 127.0.0.1:{admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let page = rest(&mut stream).await;
    assert!(page.contains("Authorization: ") && page.contains("X-Edge: shown"), "{page}");
    assert!(!page.contains("hunter"), "{page}");
    let logs = ["stdout.log", "stderr.log"].map(|log| server.folder.path().join(log));
    assert!(logs.iter().all(|log| !std::fs::read_to_string(log).unwrap().contains("hunter")));
}

#[test]
fn findings_and_differences_show_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let good = model(1, 2, 3, "");
    write("good.yaml", &good);
    write("other.yaml", &good.replace("hunter2", "hunter4"));
    write("gone.yaml", &good.replace("        Authorization: \"Bearer hunter2\"\n", ""));
    // A value that is wrong is at the line of the finding.
    write("bad.yaml", &good.replace("Bearer hunter2", "Bearer hunter2\\u0001"));
    write("broken.yaml", &good.replace("\"Bearer hunter2\"", "[\"hunter2\", {"));
    for arguments in [
        &["check", "bad.yaml"][..],
        &["check", "--format", "json", "bad.yaml"],
        &["check", "--format", "sarif", "bad.yaml"],
        &["check", "broken.yaml"],
        &["diff", "good.yaml", "other.yaml"],
        &["diff", "good.yaml", "gone.yaml"],
    ] {
        let (output, said) = wsgen(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(!said.contains("hunter"), "{arguments:?}: {said}");
    }
    let (_, said) = wsgen(folder.path(), &["diff", "good.yaml", "other.yaml"]);
    assert!(said.contains("request_headers.set.Authorization: a secret -> another"), "{said}");
    let (_, said) = wsgen(folder.path(), &["check", "bad.yaml"]);
    assert!(said.contains("Authorization: *******"), "{said}");
}

#[test]
fn files_with_secrets_are_for_their_owner() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path(), "chat.test", "chat.test");
    let tls = "address: \"127.0.0.1:8443\", tls: {certificates: [{certificate: chat.test.pem, key: chat.test.key}]}";
    let secret = model(1, 2, 3, "").replace("address: \"127.0.0.1:1\"", tls);
    let plain = secret.replace("Authorization:", "X-Plain:").replace("X-Api-Key", "X-Other");
    for (name, text, main) in [("secret", secret, 0o600), ("plain", plain, 0o644)] {
        std::fs::write(folder.path().join("wsgen.yaml"), text).unwrap();
        let arguments = ["render", "--target", "all", "--loss", "warn", "-o", name, "wsgen.yaml"];
        let (output, said) = wsgen(folder.path(), &arguments);
        assert!(output.status.success(), "{said}");
        let mut keys = 0;
        for entry in std::fs::read_dir(folder.path().join(name)).unwrap().map(Result::unwrap) {
            if !entry.file_type().unwrap().is_file() {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let key = text.contains("PRIVATE KEY");
            keys += usize::from(key);
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            let wanted = if key { 0o600 } else { main };
            let is_main = text.contains("hunter") || key || main == 0o644;
            assert!(!is_main || mode == wanted, "{}: {mode:o}", entry.path().display());
        }
        let pairs = std::fs::read_dir(folder.path().join(name)).unwrap().count();
        assert!(keys > 0 || pairs > 0);
    }
}
