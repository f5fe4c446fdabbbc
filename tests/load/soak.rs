//! Everything at once, for a while: churn, large messages, plain requests, reloads, upstreams and clients that fail at
//! random. `SOAK=300 cargo test --test load soak` goes on for five minutes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::real_server::scripted::{ACCEPT, HANDSHAKE, connect, script, until};
use crate::real_server::{PATIENCE, SERVE, Server, free_port, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Pseudo-random numbers (splitmix64): the same for a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }
}

/// An application that does what the path asks for: `/echo` works, the rest fails in its own way.
async fn application(mut stream: TcpStream) {
    loop {
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => seen.push(byte),
                Err(_) => return,
            }
        }
        let text = String::from_utf8_lossy(&seen).into_owned();
        let path = text.split(' ').nth(1).unwrap_or("").to_owned();
        match path.as_str() {
            "/echo" => {
                let (mut reader, mut writer) = stream.into_split();
                writer.write_all(ACCEPT.as_bytes()).await.unwrap();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
                return;
            }
            "/reset" => {
                let _ = stream.write_all(ACCEPT.as_bytes()).await;
                let _ = stream.read_u8().await;
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                return;
            }
            "/lie" => {
                let _ = stream.write_all(b"HTTP/1.1 101 Well\r\nUpgrade: other\r\n\r\n").await;
                return;
            }
            "/gone" => return,
            "/half" => {
                let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
                let _ = stream.write_all(half).await;
                return;
            }
            "/refuse" => {
                let no = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
                stream.write_all(no).await.unwrap();
            }
            _ => {
                let body = format!("you asked for {path}");
                let answer =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Sends random bytes through an echo and compares every one of them.
async fn echo(server: &Server, random: &mut Random) -> u64 {
    let mut stream = connect(server).await;
    stream.write_all(HANDSHAKE.replace("/ws", "/echo").as_bytes()).await.unwrap();
    let head = until(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let (mut reader, mut writer) = stream.into_split();
    let mut total = 0;
    for _ in 0..=random.below(20) {
        let size = usize::try_from(1 << random.below(19)).unwrap() + 3;
        let sent: Vec<u8> = (0..size).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        let mut back = vec![0; size];
        let (wrote, read) = tokio::time::timeout(PATIENCE, async {
            tokio::join!(writer.write_all(&sent), reader.read_exact(&mut back))
        })
        .await
        .unwrap();
        wrote.unwrap();
        read.unwrap();
        assert!(sent == back, "an echo of {size} bytes differs");
        total += size as u64;
    }
    if random.below(2) == 0 {
        writer.shutdown().await.unwrap();
        assert_eq!(reader.read(&mut [0]).await.unwrap(), 0, "the end comes back");
    }
    total
}

/// Something that goes wrong, or asks for what goes wrong.
async fn mischief(server: &Server, random: &mut Random) {
    let paths = ["/reset", "/lie", "/gone", "/half", "/refuse"];
    let path = paths[usize::try_from(random.below(5)).unwrap()];
    let request = match random.below(3) {
        0 => format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"),
        1 => "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            .into(),
        _ => HANDSHAKE.replace("/ws", path),
    };
    let mut stream = connect(server).await;
    // Sometimes it is cut short.
    let length = if random.below(3) == 0 {
        usize::try_from(random.below(request.len() as u64)).unwrap()
    } else {
        request.len()
    };
    let _ = stream.write_all(&request.as_bytes()[..length]).await;
    if random.below(2) == 0 {
        let _ = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut [0; 100])).await;
    }
    if random.below(2) == 0 {
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// What the access log says of a path.
fn log_of(server: &Server, path: &str) -> String {
    let log =
        std::fs::read_to_string(server.folder.path().join(SERVE.recipe().access_log)).unwrap();
    log.lines().filter(|line| line.contains(path)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_while_of_everything_leaves_nothing_behind() {
    let _machine = crate::MACHINE.lock().await;
    let time = std::env::var("SOAK").ok().and_then(|time| time.parse().ok()).unwrap_or(20);
    let end = Instant::now() + Duration::from_secs(time);
    let (one, two) = (script(application).await, script(application).await);
    let dead = free_port();
    let model = format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\nupstreams:\n  app:\n\
         \x20   servers: [\"127.0.0.1:{one}\", \"127.0.0.1:{two}\", {{address: \"127.0.0.1:{dead}\", backup: true}}]\n\
         \x20   load_balancing: {{policy: least_conn}}\naccess_log: {{format: json}}\nroutes: [{{upstream: app}}]\n"
    );
    let server = Arc::new(start(&SERVE, &model, &[]).await);
    let before = server.settled().await;
    let [echoes, bytes, requests, mischiefs] = [(); 4].map(|()| Arc::new(AtomicU64::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 0..24 {
        let server = server.clone();
        let [echoes, bytes, requests, mischiefs] =
            [&echoes, &bytes, &requests, &mischiefs].map(Arc::clone);
        tasks.spawn(async move {
            let mut random = Random(seed);
            while Instant::now() < end {
                match seed % 3 {
                    0 => {
                        let moved = echo(&server, &mut random).await;
                        bytes.fetch_add(moved, Ordering::Relaxed);
                        echoes.fetch_add(1, Ordering::Relaxed);
                    }
                    1 => {
                        let path = format!("/{}", random.below(1_000_000));
                        let answer = server.send(&format!("GET {path}")).await;
                        let good = answer.ends_with(&format!("you asked for {path}"));
                        assert!(good, "{answer}\n{}", log_of(&server, &path));
                        requests.fetch_add(1, Ordering::Relaxed);
                    }
                    _ => {
                        mischief(&server, &mut random).await;
                        mischiefs.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
    }
    let mut reloads = 0;
    let mut memory = 0;
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.reload(&SERVE);
        reloads += 1;
        if reloads == 10 {
            memory = server.resident();
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let count = |count: &Arc<AtomicU64>| count.load(Ordering::Relaxed);
    let told = format!(
        "{} echoes of {} MiB, {} requests, {} mischiefs, {reloads} reloads; {} KiB, then {} KiB",
        count(&echoes),
        count(&bytes) >> 20,
        count(&requests),
        count(&mischiefs),
        memory >> 10,
        server.resident() >> 10,
    );
    #[allow(clippy::print_stdout, reason = "figures for whoever asks with --nocapture")]
    {
        println!("{told}");
    }
    assert!([&echoes, &requests, &mischiefs].into_iter().all(|n| count(n) > 100), "{told}");
    assert!(server.resident() < memory + 32 * 1024 * 1024, "{told}");
    let deadline = Instant::now() + 2 * PATIENCE;
    // What is kept for the next requests is closed within half a minute; everything else is closed now.
    let kept = 2 * 2 * 64;
    while server.descriptors() > before + kept {
        assert!(Instant::now() < deadline, "{} of {before} descriptors", server.descriptors());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.status("GET /").await, 200);
}
