//! Whatever carries settled tunnels: every byte arrives, in order, whatever its sender and its reader do, and tunnels
//! end as the model says.

use std::time::{Duration, Instant};

use crate::real_server::scripted::{ACCEPT, HANDSHAKE, connect, head, rest, script, until};
use crate::real_server::{PATIENCE, Server, start_in};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ENGINES: [&str; 3] = ["runtime", "epoll", "io-uring"];

/// A proxy whose tunnels are carried by an engine, in front of an echo.
async fn proxy(engine: &str, route: &str) -> Server {
    let port = script(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(ACCEPT.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    })
    .await;
    let model = format!(
        "version: 1\nadmin: {{address: \"unix:FOLDER/admin.sock\"}}\naccess_log: {{format: json}}\n\
         drain: {{timeout: 500ms, spread: 0s}}\n\
         listeners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{port}\"]}}}}\nroutes: [{{upstream: app{route}}}]\n"
    );
    start_in(&[("WSGEN_RELAY", engine)], &model).await
}

async fn tunnel(server: &Server) -> TcpStream {
    let mut stream = connect(server).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut stream, "\r\n\r\n").await;
    stream
}

/// So many lines of its log, or what there is when that takes too long.
async fn log(server: &Server, lines: usize) -> Vec<serde_json::Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = std::fs::read_to_string(server.folder.path().join("stdout.log")).unwrap();
        // The last line may still be on its way.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let seen: Vec<_> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if seen.len() >= lines || Instant::now() > deadline {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Numbers that look like none, from a seed.
fn draw(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 40).unwrap()
}

fn bytes(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 7 + seed) % 251).unwrap()).collect()
}

/// Sends pieces of every size with pauses in which the tunnel may settle, and reads them as slowly as it is told.
async fn talk(mut stream: TcpStream, plan: u64) -> u64 {
    let mut state = 88_172_645_463_325_252 + plan;
    let sizes = [1, 125, 4_104, 8_191, 8_192, 8_193, 16_384, 20_000, 65_536, 300_000];
    let (mut reader, mut writer) = stream.split();
    let plan: Vec<(usize, u64)> = (0..60)
        .map(|_| (sizes[draw(&mut state) % sizes.len()], [0, 0, 0, 2, 130][draw(&mut state) % 5]))
        .collect();
    let all: usize = plan.iter().map(|(size, _)| size).sum();
    let sending = async {
        for (number, (size, pause)) in plan.iter().enumerate() {
            writer.write_all(&bytes(number, *size)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(*pause)).await;
        }
        writer.shutdown().await.unwrap();
    };
    let reading = async {
        let mut seen = Vec::new();
        let mut piece = vec![0; 1 + draw(&mut state) % 30_000];
        loop {
            match tokio::time::timeout(PATIENCE, reader.read(&mut piece)).await.unwrap().unwrap() {
                0 => return seen,
                read => seen.extend_from_slice(&piece[..read]),
            }
            if draw(&mut state).is_multiple_of(20) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    let ((), seen) = tokio::join!(sending, reading);
    let expected: Vec<u8> =
        plan.iter().enumerate().flat_map(|(number, (size, _))| bytes(number, *size)).collect();
    assert_eq!(seen.len(), all);
    assert!(seen == expected, "other bytes came back");
    all as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_arrives_whoever_carries_it() {
    for engine in ENGINES {
        let server = proxy(engine, "").await;
        let mut talks = tokio::task::JoinSet::new();
        for plan in 0..12 {
            talks.spawn(talk(tunnel(&server).await, plan));
        }
        let mut sent = talks.join_all().await;
        // The log counted the same bytes, both ways.
        let lines = log(&server, sent.len()).await;
        let mut logged: Vec<u64> =
            lines.iter().map(|line| line["received"].as_u64().unwrap()).collect();
        assert!(lines.iter().all(|line| line["received"] == line["bytes"]), "{engine}: {lines:?}");
        assert!(lines.iter().all(|line| line["end"] == "client"), "{engine}: {lines:?}");
        sent.sort_unstable();
        logged.sort_unstable();
        assert_eq!(logged, sent, "{engine}");
    }
}

#[tokio::test]
async fn settled_tunnels_end_as_the_model_says() {
    for engine in ENGINES {
        let server = proxy(engine, ", timeouts: {tunnel_idle: 2s}").await;
        let carries = async |stream: &mut TcpStream| {
            stream.write_all(b"ping").await.unwrap();
            until(stream, "ping").await;
        };
        // Silence ends it, and not before its time.
        let mut stream = tunnel(&server).await;
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        carries(&mut stream).await;
        let silent = Instant::now();
        assert_eq!(rest(&mut stream).await, "", "{engine}");
        let lived = silent.elapsed();
        assert!(lived > Duration::from_millis(1_900), "{engine}: {lived:?}");
        assert!(lived < Duration::from_secs(6), "{engine}: {lived:?}");
        // A reset of the client is told on.
        let mut stream = tunnel(&server).await;
        carries(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.set_zero_linger().unwrap();
        drop(stream);
        // A reload gives it half a second.
        let mut stream = tunnel(&server).await;
        carries(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.signal("HUP");
        let asked = Instant::now();
        assert_eq!(rest(&mut stream).await, "", "{engine}");
        let lived = asked.elapsed();
        assert!(lived > Duration::from_millis(400), "{engine}: {lived:?}");
        let ends: Vec<_> = log(&server, 3).await.iter().map(|line| line["end"].clone()).collect();
        assert_eq!(ends, ["tunnel_idle", "reset", "drain"], "{engine}");
    }
}

/// What the status pages say of the engine is what carries.
#[tokio::test]
async fn the_engine_is_told() {
    for (engine, told) in [("runtime", "runtime"), ("epoll", "epoll"), ("io-uring", "")] {
        let server = proxy(engine, "").await;
        // A tunnel first: its thread has begun then.
        drop(tunnel(&server).await);
        let path = server.folder.path().join("admin.sock");
        let mut stream = tokio::net::UnixStream::connect(path).await.unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        let line = page.lines().find(|line| line.starts_with("wsgen_relay_info{"));
        let line = line.unwrap_or_else(|| panic!("{page}"));
        // The kernel of a container may forbid io_uring.
        let words = if told.is_empty() { vec!["io-uring", "epoll"] } else { vec![told] };
        assert!(words.iter().any(|word| line.contains(&format!("\"{word}\""))), "{line}");
    }
}
