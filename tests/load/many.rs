//! As many tunnels as a process may have, through a reload and the end of their upstream. In a binary of its own, because
//! this process holds as many connections as the proxy does.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::real_server::scripted::{ACCEPT, HANDSHAKE, connect, head, proxy, rest, script, until};
use crate::real_server::{PATIENCE, SERVE};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Tunnels, where descriptors allow; each needs two of this process and two of the proxy.
const MANY: usize = 9_000;

/// Raises this process's limit as far as it goes, and says how many tunnels that is.
fn room() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let most = usize::try_from(limit.maximum.unwrap_or(1 << 20)).unwrap_or(usize::MAX);
    MANY.min((most - 1_000) / 2)
}

#[tokio::test]
async fn thousands_of_tunnels_outlive_a_reload_and_end_with_their_upstream() {
    let _machine = crate::MACHINE.lock().await;
    let many = room();
    let (end, ended) = watch::channel(false);
    let kept = Arc::new(Mutex::new(Vec::new()));
    let held = kept.clone();
    let port = script(move |mut stream| {
        let (held, mut ended) = (held.clone(), ended.clone());
        async move {
            head(&mut stream).await;
            stream.write_all(ACCEPT.as_bytes()).await.unwrap();
            until(&mut stream, "hello").await;
            stream.write_all(b"hello").await.unwrap();
            held.lock().unwrap().push(stream);
            let _ = ended.wait_for(|ended| *ended).await;
        }
    })
    .await;
    let server = proxy(port, "", "").await;
    let (before, memory) = (server.settled().await, server.resident());
    let mut tunnels: Vec<TcpStream> = Vec::new();
    while tunnels.len() < many {
        let batch = (0..100.min(many - tunnels.len())).map(|_| async {
            let mut stream = connect(&server).await;
            stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
            until(&mut stream, "\r\n\r\n").await;
            stream.write_all(b"hello").await.unwrap();
            until(&mut stream, "hello").await;
            stream
        });
        tunnels.extend(futures_util::future::join_all(batch).await);
        // A reload falls into the middle of it; nobody is refused.
        if tunnels.len() == many / 200 * 100 {
            server.reload(&SERVE);
        }
    }
    let each = (server.resident().saturating_sub(memory)) / many as u64;
    assert!(each < 16 * 1024, "{each} bytes for each of {many} idle tunnels");
    for tunnel in &mut tunnels {
        tunnel.write_all(b"still").await.unwrap();
    }
    // All of them end at once.
    let began = Instant::now();
    end.send(true).unwrap();
    kept.lock().unwrap().clear();
    for mut tunnel in tunnels {
        assert_eq!(rest(&mut tunnel).await, "");
    }
    assert!(began.elapsed() < 2 * PATIENCE, "{:?}", began.elapsed());
    let deadline = Instant::now() + PATIENCE;
    while server.descriptors() > before {
        assert!(Instant::now() < deadline, "{} of {before} descriptors", server.descriptors());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    #[allow(clippy::print_stdout, reason = "figures for whoever asks with --nocapture")]
    {
        println!(
            "{many} tunnels: {each} bytes each; {} descriptors as before",
            server.descriptors()
        );
    }
}
