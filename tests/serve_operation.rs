//! `wsgen serve` as an operator meets it: reloads and stops.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod real_server;

use std::time::{Duration, Instant};

use real_server::scripted::{HANDSHAKE, connect, proxy, rest, until};
use real_server::{PATIENCE, SERVE, start, upstream};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn reloads_lose_nobody_and_a_bad_one_changes_nothing() {
    let (one, two) = (upstream("one").await, upstream("two").await);
    let server = proxy(one, "", "").await;
    let file = server.folder.path().join("wsgen.yaml");
    let model = std::fs::read_to_string(&file).unwrap();
    let mut met = std::collections::HashSet::new();
    for round in 0..20 {
        let text = match round % 4 {
            0 => model.replace(&one.to_string(), &two.to_string()),
            1 => "version: 1\nroutes: [".to_owned(),
            2 => model.clone(),
            _ => model.replace("upstream: app", "upstream: nobody"),
        };
        std::fs::write(&file, text).unwrap();
        server.reload(&SERVE);
        let until = Instant::now() + Duration::from_millis(100);
        while Instant::now() < until {
            let answer = server.send("GET /").await;
            assert!(answer.starts_with("http/1.1 200 "), "{answer}");
            met.insert(answer.contains("\r\n\r\none\n"));
        }
    }
    assert_eq!(met.len(), 2, "both configurations were met");
}

/// `drain/stop`
#[tokio::test]
async fn a_stop_gives_tunnels_their_time() {
    let app = upstream("app").await;
    let model = format!(
        "version: 1\ndrain: {{stop: 1500ms}}\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let mut server = start(&SERVE, &model, &[]).await;
    let mut stream = connect(&server).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut stream, "\r\n\r\n").await;
    let mut idle = connect(&server).await;
    server.signal("-TERM");
    let stopped = Instant::now();
    // A connection that only waits is closed; new ones are not taken.
    assert_eq!(rest(&mut idle).await, "");
    while TcpStream::connect(("127.0.0.1", server.port)).await.is_ok() {
        assert!(stopped.elapsed() < PATIENCE, "connections are taken");
    }
    assert_eq!(rest(&mut stream).await, "");
    let lived = stopped.elapsed().as_secs_f64();
    assert!(lived > 1.4 && lived < 3.5, "{lived}");
    assert!(server.ends().await, "the process ends by itself");
}
