//! What the access logs of running servers hold (`log/access`).

use std::time::{Duration, Instant};

use crate::real_server::{ALL, Kind, PATIENCE, Server, echo, start, upstream};
use tokio_tungstenite::tungstenite::Message;

/// The first line of the log that holds a text.
async fn line(server: &Server, kind: &Kind, text: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = std::fs::read_to_string(server.folder.path().join(kind.recipe().access_log))
            .unwrap_or_default();
        if let Some(line) = log.lines().find(|line| line.contains(text)) {
            return line.to_owned();
        }
        assert!(Instant::now() < deadline, "{} logs no {text}:\n{log}", kind.target);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn requests_and_tunnels_are_logged_in_each_form() {
    let app = upstream("app").await;
    for format in ["common", "combined", "json"] {
        let model = format!(
            "version: 1\naccess_log: {{format: {format}}}\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
             upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
        );
        for kind in ALL {
            let server = start(kind, &model, &[]).await;
            let agent = "User-Agent: an \"agent\" \\ {}\nReferer: http://from.test/";
            server.send(&format!("GET /plain?q=%22\n{agent}")).await;
            echo(&mut server.open("/tunnel", &[]).await.unwrap().0, Message::text("a")).await;
            let plain = line(&server, kind, "/plain").await;
            let tunnel = line(&server, kind, "/tunnel").await;
            let who = kind.target;
            if format == "json" {
                // A quote in a path must not end the text.
                server.send("GET /raw\"x\",\"y").await;
                let raw = line(&server, kind, "/raw").await;
                assert!(serde_json::from_str::<serde_json::Value>(&raw).is_ok(), "{who}: {raw}");
                for (text, uri, status) in
                    [(&plain, "/plain?q=%22", 200), (&tunnel, "/tunnel", 101)]
                {
                    let entry: serde_json::Value = serde_json::from_str(text)
                        .unwrap_or_else(|error| panic!("{who}: {error}: {text}"));
                    assert_eq!(entry["uri"], uri, "{who}: {text}");
                    assert_eq!(entry["status"], status, "{who}: {text}");
                    assert_eq!(entry["client"], "127.0.0.1", "{who}: {text}");
                    assert_eq!(entry["method"], "GET", "{who}: {text}");
                }
            } else {
                assert!(plain.contains("\"GET /plain?q=%22 HTTP/1.1\" 200 "), "{who}: {plain}");
                assert!(tunnel.contains("\"GET /tunnel HTTP/1.1\" 101 "), "{who}: {tunnel}");
                assert!(plain.starts_with("127.0.0.1 "), "{who}: {plain}");
                assert_eq!(
                    plain.contains("http://from.test/"),
                    format == "combined",
                    "{who}: {plain}"
                );
            }
        }
    }
}
