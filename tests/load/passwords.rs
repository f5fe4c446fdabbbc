//! Many clients try passwords (`auth/basic`), while one tunnel lives on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::real_server::{SERVE, Server, echo, start, upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::Message;

/// `openssl passwd -6 -salt wsgensalt secret`
const HASH: &str = "$6$wsgensalt$SpV7rYiLLbZD6QJbQUKBRZJWvhLaS8LWR825Mpoy1O8wC45Zepg04ENxOsdQeahV4gW5tKeZrA/j7bw2SR/.M0";
/// Time for which passwords are tried.
const ATTACK: Duration = Duration::from_secs(10);

/// A field with credentials.
fn field(user: &str, password: &str) -> String {
    use base64::Engine;
    let coded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {coded}")
}

/// Processor time of a process, in seconds.
fn cpu(server: &Server) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
    let after = stat.rsplit_once(") ").unwrap().1;
    let ticks: u32 = after.split(' ').skip(11).take(2).map(|n| n.parse::<u32>().unwrap()).sum();
    f64::from(ticks) / 100.0
}

fn threads(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap().count()
}

/// Tries one password from an address of loopback; gives the status, or 0 where the client did not wait for it.
async fn try_one(port: u16, address: u8, password: &str, stays: bool) -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, address], 0).into()).unwrap();
    let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
    let line = field("ada", password);
    let request =
        format!("GET /private HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{line}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    if !stays {
        tokio::time::sleep(Duration::from_millis(20)).await;
        return 0;
    }
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The longest but one in a hundred of the answers of a tunnel in a time.
async fn p99(tunnel: &mut crate::real_server::Socket, time: Duration) -> Duration {
    let (began, mut all) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        let asked = Instant::now();
        echo(tunnel, Message::text("x")).await;
        all.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    all.sort();
    all[all.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_hold_nobody_up() {
    let _machine = crate::MACHINE.lock().await;
    let app = upstream("app").await;
    let model = format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes:\n\
         \x20 - {{match: [{{path: {{prefix: /private}}}}], upstream: app, auth: {{basic: {{users_file: users, realm: Members}}}}}}\n\
         \x20 - {{upstream: app}}\n"
    );
    let server = start(&SERVE, &model, &[("users", &format!("ada:{HASH}\n"))]).await;
    let (mut tunnel, _) = server.open("/", &[]).await.unwrap();
    assert_eq!(server.status(&format!("GET /private\n{}", field("ada", "secret"))).await, 200);
    let (quiet, before) = (p99(&mut tunnel, Duration::from_secs(2)).await, threads(&server));
    let tried = Arc::new(AtomicU64::new(0));
    let port = server.port;
    let attackers: Vec<_> = (0..64_u8)
        .map(|number| {
            let tried = tried.clone();
            tokio::spawn(async move {
                let mut statuses = Vec::new();
                loop {
                    let count = tried.fetch_add(1, Ordering::Relaxed);
                    let password = format!("{}{count}", "x".repeat(200));
                    let stays = !count.is_multiple_of(3);
                    statuses.push(try_one(port, 2 + number / 8, &password, stays).await);
                    assert!(matches!(statuses.last(), Some(0 | 401 | 429 | 503)), "{statuses:?}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        })
        .collect();
    // Whoever was let in stays in, and another client is let in meanwhile.
    let asked = async {
        let began = Instant::now();
        let fresh = field("ada", "secret ");
        assert_eq!(server.status(&format!("GET /private\n{fresh}")).await, 401);
        assert_eq!(server.status(&format!("GET /private\n{}", field("ada", "secret"))).await, 200);
        began.elapsed()
    };
    let (busy, took) = tokio::join!(p99(&mut tunnel, ATTACK), asked);
    let during = threads(&server);
    for attacker in attackers {
        attacker.abort();
        let Err(error) = attacker.await;
        assert!(error.is_cancelled(), "{error}");
    }
    eprintln!(
        "{} passwords tried; a tunnel's p99 {quiet:?} before and {busy:?} during; another client had {took:?}; threads {before} and {during}",
        tried.load(Ordering::Relaxed)
    );
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(during <= before + cores.div_ceil(4), "{before} threads, then {during}");
    assert!(busy < quiet * 2 + Duration::from_millis(150), "{quiet:?}, then {busy:?}");
    assert!(took < Duration::from_secs(8), "{took:?}");
    // What nobody waits for is not computed.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (from, began) = (cpu(&server), Instant::now());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let share = (cpu(&server) - from) / began.elapsed().as_secs_f64();
    assert!(share < 0.2, "{share} of a core after everybody has left");
}
