//! Everything at once, for a while: churn, large messages, plain requests, HTTP/2, reloads with other certificates, new
//! processes, upstreams and clients that fail at random, slow ones, and names that move while their name server fails.
//! `WSGEN_SOAK=30m cargo test --test load soak -- --nocapture` goes on for half an hour (docs/decisions/soak.md).

mod application;
mod loads;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;

use crate::real_server::scripted::script;
use crate::real_server::{PATIENCE, SERVE, Server, certificate, free_port, start};
use application::{application, everywhere, name_server};

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

/// Length of the soak: `90s`, `30m`, or twenty seconds.
fn length() -> Duration {
    let text = std::env::var("WSGEN_SOAK").unwrap_or_else(|_| "20s".into());
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number.parse().expect("a number, then s or m");
    Duration::from_secs(if unit == "m" { number * 60 } else { number })
}

/// Returns the lines of the access log about a path.
fn log_of(server: &Server, path: &str) -> String {
    let log =
        std::fs::read_to_string(server.folder.path().join(SERVE.recipe().access_log)).unwrap();
    log.lines().filter(|line| line.contains(path)).collect::<Vec<_>>().join("\n")
}

/// The processes of the proxy, the youngest last: those of the group of the first one.
fn processes(group: u32) -> Vec<u32> {
    let mut all: Vec<(u64, u32)> = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // Behind the name: the state, the parent, the group; the nineteenth is when it began (proc_pid_stat(5)).
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
        if fields[0] != "Z" && fields[2] == group.to_string() {
            all.push((fields[19].parse().unwrap(), id));
        }
    }
    all.sort_unstable();
    all.into_iter().map(|(_, id)| id).collect()
}

/// Ends every process that took over, whatever becomes of the test: the harness knows the first one alone.
struct Processes(u32);

impl Drop for Processes {
    fn drop(&mut self) {
        for id in
            processes(self.0).into_iter().filter_map(|id| Pid::from_raw(i32::try_from(id).ok()?))
        {
            // It may have ended by itself.
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

fn signal(id: u32, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    kill_process(id, signal).unwrap();
}

fn descriptors(id: u32) -> usize {
    std::fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count)
}

fn threads(id: u32) -> usize {
    std::fs::read_dir(format!("/proc/{id}/task")).map_or(0, Iterator::count)
}

/// Bytes of memory of a process.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// A figure of the status page.
async fn figure(port: u16, name: &str) -> f64 {
    use tokio::io::AsyncWriteExt;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let page = crate::real_server::scripted::rest(&mut stream).await;
    let lines = page.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Tasks of all serving threads, and entries of their timer wheels.
async fn held(admin: u16) -> (f64, f64) {
    let of_threads = |name: &str| format!("{name}{{thread=\"proxy-");
    let tasks = figure(admin, &of_threads("wsgen_tasks")).await;
    (tasks, figure(admin, &of_threads("wsgen_timer_entries")).await)
}

/// The next of two certificates; whoever reads meanwhile sees a whole one.
fn rotate(folder: &Path, number: u64) {
    let from = if number.is_multiple_of(2) { "chat.test" } else { "other.test" };
    for kind in ["pem", "key"] {
        let next = folder.join(format!("next.{kind}"));
        std::fs::copy(folder.join(format!("{from}.{kind}")), &next).unwrap();
        std::fs::rename(next, folder.join(format!("shown.{kind}"))).unwrap();
    }
}

/// Numbers of what all clients have done.
#[derive(Debug, Default)]
struct Counts {
    echoes: AtomicU64,
    bytes: AtomicU64,
    requests: AtomicU64,
    streams: AtomicU64,
    mischiefs: AtomicU64,
}

impl Counts {
    fn add(count: &AtomicU64, more: u64) {
        count.fetch_add(more, Ordering::Relaxed);
    }
}

/// Acts as one client among many, until the end.
async fn client(seed: u64, server: Arc<Server>, secure: u16, counts: Arc<Counts>, end: Instant) {
    let mut random = Random(seed);
    while Instant::now() < end {
        match seed % 4 {
            0 => {
                let moved = loads::echo(&server, &mut random).await;
                Counts::add(&counts.bytes, moved);
                Counts::add(&counts.echoes, 1);
            }
            1 => {
                let path = format!("/{}", random.below(1_000_000));
                // One of two goes to a server whose name moves.
                let host = if random.below(2) == 0 { "moving.test" } else { "a.test" };
                let answer = server.send(&format!("GET {path}\nHost: {host}")).await;
                let good = answer.ends_with(&format!("you asked for {path}"));
                assert!(good, "{answer}\n{}", log_of(&server, &path));
                Counts::add(&counts.requests, 1);
            }
            2 => Counts::add(&counts.streams, loads::http2(secure, &mut random).await),
            _ => {
                loads::mischief(&server, &mut random).await;
                Counts::add(&counts.mischiefs, 1);
            }
        }
    }
}

#[tokio::test]
async fn a_while_of_everything_leaves_nothing_behind() {
    let _machine = crate::MACHINE.lock().await;
    let (began, time) = (Instant::now(), length());
    let certs = tempfile::tempdir().unwrap();
    for name in ["chat.test", "other.test"] {
        certificate(certs.path(), name, "chat.test");
    }
    rotate(certs.path(), 0);
    let (one, two, moving) =
        (script(application).await, script(application).await, everywhere().await);
    let (dead, secure, admin) = (free_port(), free_port(), free_port());
    let (names, asked) = name_server();
    let shown = certs.path().display();
    let model = format!(
        "version: 1\nadmin: {{address: \"127.0.0.1:{admin}\"}}\ndrain: {{timeout: 20s}}\n\
         resolver: {{nameservers: [\"127.0.0.1:{names}\"], valid: 1s}}\n\
         listeners:\n  - {{name: web, address: \"127.0.0.1:PORT\"}}\n\
         \x20 - name: secure\n    address: \"127.0.0.1:{secure}\"\n    protocols: [h2, http/1.1]\n\
         \x20   tls: {{certificates: [{{certificate: {shown}/shown.pem, key: {shown}/shown.key}}]}}\n\
         upstreams:\n  app:\n\
         \x20   servers: [\"127.0.0.1:{one}\", \"127.0.0.1:{two}\", {{address: \"127.0.0.1:{dead}\", backup: true}}]\n\
         \x20   load_balancing: {{policy: least_conn}}\n\
         \x20 moving: {{servers: [{{address: \"app.test:{moving}\", resolve: runtime}}]}}\n\
         access_log: {{format: json}}\nroutes:\n\
         \x20 - {{hostnames: [moving.test], upstream: moving, timeouts: {{tunnel_idle: 10s}}}}\n  - {{upstream: app, timeouts: {{tunnel_idle: 10s}}}}\n"
    );
    let server = Arc::new(start(&SERVE, &model, &[]).await);
    let before = (server.settled().await, threads(server.id()), held(admin).await);
    let counts = Arc::new(Counts::default());
    let mut clients = tokio::task::JoinSet::new();
    for seed in 0..24 {
        clients.spawn(client(seed, server.clone(), secure, counts.clone(), began + time));
    }
    let _all = Processes(server.id());
    let mut young = server.id();
    let (mut reloads, mut memory) = (0, 0);
    // Short runs reload as often as long ones.
    let pace = (time / 40).min(Duration::from_secs(5));
    let mut handovers = [time / 4, time / 2].into_iter().peekable();
    while began.elapsed() < time {
        tokio::time::sleep(pace).await;
        rotate(certs.path(), reloads);
        if handovers.next_if(|at| began.elapsed() > *at).is_some() {
            signal(young, Signal::USR2);
            let deadline = Instant::now() + PATIENCE;
            while processes(server.id()).last() == Some(&young) {
                assert!(Instant::now() < deadline, "no new process");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            young = *processes(server.id()).last().unwrap();
            // It takes signals once it serves, and the one before leaves.
            tokio::time::sleep(Duration::from_secs(1)).await;
        } else {
            signal(young, Signal::HUP);
            reloads += 1;
        }
        if memory == 0 && handovers.peek().is_none() && began.elapsed() > time * 3 / 5 {
            memory = resident(young);
        }
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let deadline = Instant::now() + 6 * PATIENCE;
    while processes(server.id()) != [young] {
        assert!(Instant::now() < deadline, "{:?} beside {young}", processes(server.id()));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What is kept for the next requests is closed within half a minute; everything else is closed now.
    let kept = 2 * 3 * 64;
    while descriptors(young) > before.0 + kept || figure(admin, "wsgen_tunnels ").await > 0.0 {
        let now = (descriptors(young), figure(admin, "wsgen_tunnels ").await);
        assert!(Instant::now() < deadline, "{now:?} of {before:?} descriptors and tunnels");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Tasks end with what they serve; what waited in a wheel leaves when the wheel has gone round, after 41 s.
    let mut now = held(admin).await;
    while now.0 > before.2.0 || now.1 > before.2.1 {
        assert!(Instant::now() < deadline, "{now:?} of {:?} tasks and timer entries", before.2);
        tokio::time::sleep(Duration::from_millis(200)).await;
        now = held(admin).await;
    }
    let after = resident(young);
    let told = format!(
        "{:.0?}: {counts:?}, {} names, {reloads} reloads, 2 new processes; memory {} KiB, then {} KiB; \
         descriptors {}, then {}; threads {}, then {}; tasks and timer entries {:?}, then {now:?}",
        began.elapsed(),
        asked.load(Ordering::Relaxed),
        memory >> 10,
        after >> 10,
        before.0,
        descriptors(young),
        before.1,
        threads(young),
        before.2,
    );
    #[allow(clippy::print_stdout, reason = "figures for whoever asks with --nocapture")]
    {
        println!("{told}");
    }
    let all = [&counts.echoes, &counts.requests, &counts.streams, &counts.mischiefs];
    assert!(all.into_iter().all(|count| count.load(Ordering::Relaxed) > 50), "{told}");
    assert!(after < memory + 32 * 1024 * 1024, "{told}");
    assert_eq!(server.status("GET /").await, 200);
}
