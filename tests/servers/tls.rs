//! TLS toward clients and toward upstreams, with certificates made for the test.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::real_server::{ALL, certificate, free_port, start, upstream};
use wsgen_model::feature::Feature;

/// What a TLS client sees: the handshake's report and the answer to one request.
fn ask(port: u16, name: &str, host: &str, more: &[&str]) -> String {
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &format!("127.0.0.1:{port}"),
            "-servername",
            name,
            "-ign_eof",
        ])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = format!("GET /a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    client.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn certificates_are_chosen_by_name_and_upstreams_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let certs = folder.path();
    for name in ["first.test", "chat.test", "wrong.test"] {
        certificate(certs, name, name);
    }
    certificate(certs, "inner.test", "localhost");
    let certs = certs.display();
    for kind in ALL {
        let (app, inner, wrong) = (upstream("app").await, free_port(), free_port());
        let h2_too = kind.keeps(Feature::Http2);
        let protocols = if h2_too { "[h2, http/1.1]" } else { "[http/1.1]" };
        // What is checked, and how the server is reached and named.
        let (name, server, host) = if kind.keeps(Feature::UpstreamTls) {
            ("inner.test", "127.0.0.1", "preserve")
        } else {
            ("localhost", "localhost", "upstream")
        };
        // The same server is its own TLS upstream on a second listener.
        let model = format!(
            "version: 1\nlisteners:\n\
             \x20 - name: web\n    address: \"127.0.0.1:PORT\"\n    protocols: {protocols}\n    tls:\n      certificates:\n\
             \x20       - {{certificate: {certs}/first.test.pem, key: {certs}/first.test.key}}\n\
             \x20       - {{hostnames: [chat.test, \"*.chat.test\"], certificate: {certs}/chat.test.pem, key: {certs}/chat.test.key}}\n\
             \x20 - name: inner\n    address: \"127.0.0.1:{inner}\"\n    protocols: [http/1.1]\n    tls: {{certificates: [{{certificate: {certs}/inner.test.pem, key: {certs}/inner.test.key}}], profile: modern}}\n\
             \x20 - name: wrong\n    address: \"127.0.0.1:{wrong}\"\n    protocols: [http/1.1]\n    tls: {{certificates: [{{certificate: {certs}/wrong.test.pem, key: {certs}/wrong.test.key}}]}}\n\
             upstreams:\n  app: {{servers: [\"127.0.0.1:{app}\"]}}\n\
             \x20 good: {{protocol: https, servers: [\"{server}:{inner}\"], tls: {{server_name: {name}, ca: {certs}/inner.test.pem}}}}\n\
             \x20 bad: {{protocol: https, servers: [\"{server}:{wrong}\"], tls: {{server_name: {name}, ca: {certs}/wrong.test.pem}}}}\n\
             \x20 any: {{protocol: https, servers: [\"127.0.0.1:{wrong}\"], tls: {{verify: false}}}}\n\
             routes:\n  - {{listeners: [inner, wrong], upstream: app}}\n  - {{listeners: [web], hostnames: [chat.test], upstream: good, host: {host}}}\n\
             \x20 - {{listeners: [web], hostnames: [bad.test], upstream: bad, host: {host}}}\n\
             \x20 - {{listeners: [web], hostnames: [any.test], upstream: any}}\n"
        );
        let server = start(kind, &model, &[]).await;
        let port = server.port;
        let answers = tokio::task::spawn_blocking(move || {
            [
                ask(port, "chat.test", "chat.test", &[]),
                ask(port, "b.chat.test", "nobody.test", &[]),
                ask(port, "other.test", "bad.test", &[]),
                ask(port, "other.test", "any.test", &[]),
                ask(port, "chat.test", "chat.test", &["-tls1_1"]),
                ask(port, "chat.test", "chat.test", &["-alpn", "h2,http/1.1"]),
                ask(inner, "inner.test", "a.test", &["-tls1_2"]),
            ]
        })
        .await
        .unwrap();
        let [chat, wildcard, bad, any, old, h2, modern] =
            answers.map(|text| text.replace("CN=", "CN = "));
        let who = kind.target;
        assert!(chat.contains("CN = chat.test"), "{who}: {chat}");
        let told = chat.to_lowercase().contains("x-forwarded-proto: https");
        assert!(chat.contains("HTTP/1.1 200") && told, "{who}: {chat}");
        assert!(wildcard.contains("CN = chat.test"), "{who}: {wildcard}");
        // Apache minds a Host whose section has another certificate (RFC 9110 section 15.5.20).
        let nobody = wildcard.contains("HTTP/1.1 404") || wildcard.contains("HTTP/1.1 421");
        assert!(nobody, "{who}: {wildcard}");
        let refused = ["500", "502", "503"].iter().any(|s| bad.contains(&format!("HTTP/1.1 {s}")));
        assert!(bad.contains("first.test") && refused, "{who}: {bad}");
        assert!(any.contains("HTTP/1.1 200"), "{who}: {any}");
        assert!(!old.contains("HTTP/1.1"), "{who} refuses TLS 1.1: {old}");
        assert_eq!(h2.contains("ALPN protocol: h2"), h2_too, "{who}: {h2}");
        assert!(
            !modern.contains("HTTP/1.1"),
            "{who}: the modern profile refuses TLS 1.2: {modern}"
        );
    }
}

/// `tls/certificate`: `openssl x509 -req` makes certificates of version 1, and it is for clients to take them.
#[tokio::test]
async fn certificates_of_version_1_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let certs = folder.path();
    certificate(certs, "ca.test", "ca.test");
    let openssl = |arguments: &str| {
        let made = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(certs)
            .stderr(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "{arguments}");
    };
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out old.key");
    openssl("req -new -key old.key -subj /CN=old.test -out old.csr");
    openssl("x509 -req -in old.csr -CA ca.test.pem -CAkey ca.test.key -days 2 -out old.pem");
    for kind in ALL {
        let app = upstream("app").await;
        let model = format!(
            "version: 1\nlisteners:\n\
             \x20 - name: web\n    address: \"127.0.0.1:PORT\"\n    protocols: [http/1.1]\n\
             \x20   tls: {{certificates: [{{certificate: {0}/old.pem, key: {0}/old.key}}]}}\n\
             upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n",
            certs.display()
        );
        let server = start(kind, &model, &[]).await;
        let port = server.port;
        let answer =
            tokio::task::spawn_blocking(move || ask(port, "old.test", "old.test", &[])).await;
        let answer = answer.unwrap();
        assert!(answer.contains("HTTP/1.1 200"), "{}: {answer}", kind.target);
    }
    // Another's key is told for what it is.
    let model = format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:{1}\", tls: {{certificates: [{{certificate: {0}/old.pem, key: {0}/ca.test.key}}]}}}}]\n\
         routes: [{{respond: {{status: 204}}}}]\n",
        certs.display(),
        free_port()
    );
    let mut serve = assert_cmd::Command::cargo_bin("wsgen").unwrap();
    let said = serve.args(["serve", "-"]).write_stdin(model).assert().code(2);
    let said = String::from_utf8_lossy(&said.get_output().stderr).into_owned();
    assert!(said.contains("it does not belong to the certificate in"), "{said}");
}

/// `tls/client`
#[tokio::test]
async fn clients_show_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let certs = folder.path();
    for name in ["chat.test", "client.test", "stranger.test"] {
        certificate(certs, name, name);
    }
    for kind in ALL {
        let app = upstream("app").await;
        let model = format!(
            "version: 1\nlisteners:\n\
             \x20 - name: web\n    address: \"127.0.0.1:PORT\"\n    protocols: [http/1.1]\n    tls:\n\
             \x20     certificates: [{{certificate: {0}/chat.test.pem, key: {0}/chat.test.key}}]\n\
             \x20     client_auth: {{mode: require, ca: {0}/client.test.pem}}\n\
             upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n",
            certs.display()
        );
        let server = start(kind, &model, &[]).await;
        let port = server.port;
        let shown = |name: &str| {
            ["-cert", "pem", "-key", "key"].map(|word| match word {
                "pem" | "key" => certs.join(format!("{name}.{word}")).display().to_string(),
                option => option.to_owned(),
            })
        };
        let (known, stranger) = (shown("client.test"), shown("stranger.test"));
        let answers = tokio::task::spawn_blocking(move || {
            let [known, stranger] = [known, stranger].map(|options| {
                ask(port, "chat.test", "chat.test", &options.each_ref().map(String::as_str))
            });
            [known, stranger, ask(port, "chat.test", "chat.test", &[])]
        })
        .await
        .unwrap();
        let [known, stranger, nobody] = answers;
        assert!(known.contains("HTTP/1.1 200"), "{}: {known}", kind.target);
        assert!(!stranger.contains("HTTP/1.1 200"), "{}: {stranger}", kind.target);
        assert!(!nobody.contains("HTTP/1.1 200"), "{}: {nobody}", kind.target);
    }
}

/// `tls/profile`: the oldest level speaks TLS 1.0, to those who still need it.
#[tokio::test]
async fn the_old_profile_speaks_with_old_clients() {
    let folder = tempfile::tempdir().unwrap();
    let certs = folder.path();
    certificate(certs, "chat.test", "chat.test");
    for kind in ALL.into_iter().filter(|kind| !kind.serves()) {
        let app = upstream("app").await;
        let model = format!(
            "version: 1\nlisteners:\n\
             \x20 - name: web\n    address: \"127.0.0.1:PORT\"\n    protocols: [http/1.1]\n    tls:\n\
             \x20     profile: old\n\
             \x20     certificates: [{{certificate: {0}/chat.test.pem, key: {0}/chat.test.key}}]\n\
             upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n",
            certs.display()
        );
        let server = start(kind, &model, &[]).await;
        let port = server.port;
        let old = tokio::task::spawn_blocking(move || {
            ask(port, "chat.test", "chat.test", &["-tls1", "-cipher", "ALL:@SECLEVEL=0"])
        });
        let old = old.await.unwrap();
        assert!(old.contains("HTTP/1.1 200"), "{}: {old}", kind.target);
    }
}
