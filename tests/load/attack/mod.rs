//! Attacks on `wsgen serve`, each for ten seconds, while a bystander asks and echoes: the bystander hardly notices,
//! memory stays within a bound, and nothing is left behind. `WSGEN_ATTACK=60 cargo test --test load attack -- --nocapture`
//! attacks for a minute each and prints the figures.

mod bystander;
mod waves;

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::real_server::{self, PATIENCE, SERVE, Server, certificate, free_port, start};
use bystander::Bystander;

/// Addresses of the proxy under attack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Victim {
    /// The port of the plain listener.
    plain: u16,
    /// The port of the TLS listener, which speaks HTTP/2.
    secure: u16,
}

/// One wave of an attacker, which goes on until it is stopped.
type Wave = fn(Victim) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// The most that an attack may add to the memory of the proxy.
const MIB: u64 = 1024 * 1024;

/// Answers as other upstreams do, but `/big` with a large body, and `/stuck` reads nothing.
async fn application(mut stream: TcpStream) {
    let mut head = [0; 256];
    let read = stream.peek(&mut head).await.unwrap_or(0);
    if head[..read].starts_with(b"POST /stuck ") {
        return tokio::time::sleep(Duration::from_mins(2)).await;
    }
    if !head[..read].starts_with(b"GET /big ") {
        return real_server::serve(stream, "app".into()).await;
    }
    let _ = stream.read(&mut head).await;
    // More than a proxy takes ahead of its client; the rest never comes.
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 64 * MIB);
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.write_all(&vec![b'x'; 512 * 1024]).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
}

async fn proxy(folder: &std::path::Path) -> (Server, Victim) {
    certificate(folder, "chat.test", "chat.test");
    let app = real_server::scripted::script(application).await;
    let (secure, certs) = (free_port(), folder.display());
    let model = format!(
        "version: 1\nlisteners:\n  - {{name: web, address: \"127.0.0.1:PORT\"}}\n\
         \x20 - name: secure\n    address: \"127.0.0.1:{secure}\"\n    protocols: [h2, http/1.1]\n\
         \x20   tls: {{certificates: [{{certificate: {certs}/chat.test.pem, key: {certs}/chat.test.key}}]}}\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let server = start(&SERVE, &model, &[]).await;
    let victim = Victim { plain: server.port, secure };
    (server, victim)
}

/// Seconds of processor time that a process has taken.
fn processor(server: &Server) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u32 = fields[11..13].iter().map(|field| field.parse::<u32>().unwrap()).sum();
    f64::from(ticks) / 100.0
}

/// Length of one attack: `WSGEN_ATTACK` seconds, or ten.
fn time() -> Duration {
    let time = std::env::var("WSGEN_ATTACK").ok().and_then(|time| time.parse().ok());
    Duration::from_secs(time.unwrap_or(10))
}

/// Attacks with several attackers at once. What a bystander sees is compared with what it saw before, and once more where
/// a loaded machine may be the reason: an attack that works does so each time.
async fn attack(name: &str, attackers: usize, most: u64, wave: Wave) {
    // This process holds as many connections as the proxy does.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let (before, during) = once(name, attackers, most, wave).await;
        if during <= 2 * before + Duration::from_millis(50) {
            return;
        }
        seen.push((before, during));
    }
    panic!("{name}: what a bystander saw before and during it: {seen:?}");
}

/// Runs one attack. Returns the bystander's 99th percentiles before and during it.
async fn once(name: &str, attackers: usize, most: u64, wave: Wave) -> (Duration, Duration) {
    let time = time();
    let folder = tempfile::tempdir().unwrap();
    let (server, victim) = proxy(folder.path()).await;
    let bystander = Bystander::new(victim);
    let before = bystander.watch(time.min(Duration::from_secs(2))).await;
    let (descriptors, memory) = (server.settled().await, server.resident());
    let began = Instant::now();
    let spent = processor(&server);
    let waves = waves::Attackers::start(attackers, wave, victim);
    let watching = async {
        let mut most = 0;
        while began.elapsed() < time {
            most = server.resident().max(most);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        most
    };
    let (during, peak) = tokio::join!(bystander.watch(time), watching);
    bystander.shakes_hands().await;
    let spent = (processor(&server) - spent) / began.elapsed().as_secs_f64();
    drop(waves);
    let added = peak.saturating_sub(memory);
    #[allow(clippy::print_stdout, reason = "figures for whoever asks with --nocapture")]
    {
        println!(
            "{name}: p99 {before:?}, then {during:?}; {} KiB more at most; {spent:.2} processors",
            added / 1024
        );
    }
    assert!(added <= most, "{name}: {added} bytes more");
    assert_eq!(server.status("GET /after").await, 200, "{name}");
    let deadline = Instant::now() + 3 * PATIENCE;
    while server.descriptors() > descriptors {
        let now = server.descriptors();
        assert!(Instant::now() < deadline, "{name}: {now} of {descriptors} descriptors");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What is done with is not worked on.
    let spent = processor(&server);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = processor(&server) - spent;
    assert!(idle < 0.5, "{name}: {idle:.2} s of a second at rest");
    (before, during)
}

/// `attack!(name, attackers, memory)`: a test for the wave of this name.
macro_rules! attacks {
    ($($(#[$meta:meta])* $name:ident, $attackers:expr, $most:expr;)*) => {
        $(
            $(#[$meta])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let _machine = crate::MACHINE.lock().await;
                attack(stringify!($name), $attackers, $most, |victim| Box::pin(waves::$name(victim))).await;
            }
        )*
    };
}

attacks! {
    /// Connections that send their head a byte at a time.
    heads_without_an_end, 2_000, 64 * MIB;
    /// TLS handshakes that stop in the middle.
    handshakes_without_an_end, 2_000, 64 * MIB;
    /// TLS handshakes one after the other, each whole.
    handshakes_one_after_the_other, 4, 64 * MIB;
    /// Streams that are reset as soon as they begin (CVE-2023-44487).
    streams_reset_by_the_client, 4, 128 * MIB;
    /// Streams that the proxy has to reset.
    streams_reset_by_the_proxy, 4, 128 * MIB;
    /// Settings, whose acknowledgements nobody reads (CVE-2019-9515).
    settings_without_an_end, 4, 64 * MIB;
    /// Pings, whose answers nobody reads (CVE-2019-9512).
    pings_without_an_end, 4, 64 * MIB;
    /// Data frames without data, behind data that no upstream takes (CVE-2019-9518).
    empty_frames, 4, 64 * MIB;
    /// A head that goes on in frame after frame (CVE-2024-27316).
    continuations_without_an_end, 4, 64 * MIB;
    /// Answers that the client's windows never let through (CVE-2019-9517).
    windows_that_stay_shut, 4, 256 * MIB;
}
