//! Timers of `wsgen serve`: never before their time, whatever carries the connection, and for whoever holds one open
//! (`timer/…`). Upper bounds are wide, because machines are busy.

use std::time::{Duration, Instant};

use crate::real_server::scripted::{ACCEPT, HANDSHAKE, connect, head, proxy, rest, script, until};
use crate::real_server::{Server, start_in};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Seconds by which a timer may fire late on a busy machine.
const LATE: f64 = 1.5;

/// Fails where a time is shorter than it should be, or far longer.
fn lasted(what: &str, began: Instant, seconds: f64) {
    let lived = began.elapsed().as_secs_f64();
    assert!(lived >= seconds, "{what}: {lived} s is early by {:.1} ms", (seconds - lived) * 1e3);
    assert!(lived < seconds + LATE, "{what}: {lived} s instead of {seconds} s");
}

/// An upstream that opens tunnels, begins a body at `/half`, and otherwise says nothing.
async fn silent() -> u16 {
    script(|mut stream| async move {
        let seen = head(&mut stream).await;
        if seen.contains(" /half ") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
        } else if seen.contains(" /ws") {
            stream.write_all(ACCEPT.as_bytes()).await.unwrap();
        }
        let mut piece = [0; 1024];
        while stream.read(&mut piece).await.is_ok_and(|read| read > 0) {}
    })
    .await
}

/// The clock is read before the cause of each wait, so that a timer that fires on time never looks early.
#[tokio::test]
async fn no_timer_fires_early() {
    let listener =
        ", timeouts: {request_header: 600ms, idle: 900ms, body_idle: 1190ms, half_closed: 710ms}";
    let route = ", timeouts: {response_header: 1500ms, tunnel_idle: 1s, tunnel_max: 2500ms}";
    let server = proxy(silent().await, listener, route).await;
    let server = &server;
    let measure = async |sent: &str, answer: &str, seconds: f64, offset: u64| {
        // Ticks of the proxy are met in all of their phases.
        tokio::time::sleep(Duration::from_millis(offset)).await;
        let began = Instant::now();
        let mut stream = connect(server).await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        let seen = rest(&mut stream).await;
        assert!(seen.starts_with(answer), "{sent:?}: {seen}");
        lasted(sent, began, seconds);
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let (half, wait) = (get("/half"), get("/wait"));
    let close = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";
    let waits = (0..40).step_by(5).map(async |offset| {
        tokio::join!(
            measure("", "", 0.6, offset),
            measure("GET / HT", "HTTP/1.1 408 ", 0.6, offset),
            measure(&wait, "HTTP/1.1 504 ", 1.5 + 0.9, offset),
            measure(close, "HTTP/1.1 504 ", 1.5, offset),
            measure(&half, "HTTP/1.1 200 ", 1.19, offset),
            measure(post, "HTTP/1.1 408 ", 1.19, offset),
            measure(HANDSHAKE, "HTTP/1.1 101 ", 1.0, offset),
        );
    });
    futures_util::future::join_all(waits).await;
}

#[tokio::test]
async fn no_engine_ends_a_tunnel_early() {
    let port = silent().await;
    let engines = ["runtime", "epoll", "io-uring"].map(async |engine| {
        let model = format!(
            "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\", timeouts: {{half_closed: 700ms}}}}]\n\
             upstreams: {{app: {{servers: [\"127.0.0.1:{port}\"]}}}}\n\
             routes: [{{upstream: app, timeouts: {{tunnel_idle: 1s, tunnel_max: 2s}}}}]\n"
        );
        let server = start_in(&[("WSGEN_RELAY", engine)], &model).await;
        let server = &server;
        let tunnels = (0..40).step_by(4).map(async |offset| {
            tokio::time::sleep(Duration::from_millis(offset)).await;
            let opened = Instant::now();
            let mut tunnel = connect(server).await;
            tunnel.write_all(HANDSHAKE.as_bytes()).await.unwrap();
            until(&mut tunnel, "\r\n\r\n").await;
            match offset / 4 % 3 {
                // Silence.
                0 => {
                    tokio::time::sleep(Duration::from_millis(300 + offset)).await;
                    let began = Instant::now();
                    tunnel.write_all(b"x").await.unwrap();
                    rest(&mut tunnel).await;
                    lasted(engine, began, 1.0);
                }
                // A byte now and then, for as long as the tunnel may live.
                1 => {
                    let mut byte = [0];
                    let pause = Duration::from_millis(100);
                    while tokio::time::timeout(pause, tunnel.read(&mut byte)).await.is_err() {
                        let _ = tunnel.write_all(b"x").await;
                        assert!(opened.elapsed() < Duration::from_secs(8), "{engine}: it lives on");
                    }
                    lasted(engine, opened, 2.0);
                }
                // One side alone. Its upstream ends when it sees the end, so the time is not longer.
                _ => {
                    tunnel.shutdown().await.unwrap();
                    rest(&mut tunnel).await;
                }
            }
        });
        futures_util::future::join_all(tunnels).await;
    });
    futures_util::future::join_all(engines).await;
}

/// An upstream that tells when its connection has ended, and does something with it.
async fn ends<F, S>(serve: S) -> (u16, mpsc::UnboundedReceiver<Instant>)
where
    S: Fn(TcpStream) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, ended) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (told, serving) = (told.clone(), serve(stream));
            tokio::spawn(async move {
                serving.await;
                let _ = told.send(Instant::now());
            });
        }
    });
    (port, ended)
}

/// Sends an answer that does not end, as fast as it is taken.
async fn flood(mut stream: TcpStream) {
    head(&mut stream).await;
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n").await;
    let block = vec![b'x'; 1 << 16];
    while stream.write_all(&block).await.is_ok() {}
}

async fn is_told(ended: &mut mpsc::UnboundedReceiver<Instant>, what: &str) {
    let end = tokio::time::timeout(Duration::from_secs(8), ended.recv()).await;
    assert!(end.is_ok_and(|end| end.is_some()), "{what}: the upstream's connection is open");
}

/// `timer/body-idle`
#[tokio::test]
async fn an_answer_that_is_not_read_ends() {
    let (port, mut ended) = ends(flood).await;
    let server = proxy(port, ", timeouts: {body_idle: 1s}", "").await;
    let began = Instant::now();
    let mut stream = connect(&server).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    is_told(&mut ended, "a download").await;
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    drop(stream);
}

/// Returns the number of sockets of a proxy, once there are at most this many, or after some seconds.
async fn descriptors(server: &Server, most: usize) -> usize {
    let deadline = Instant::now() + Duration::from_secs(8);
    while server.descriptors() > most && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.descriptors()
}

/// Answers of the proxy's own pile up where a client sends request after request and reads none.
#[tokio::test]
async fn answers_of_the_proxys_own_that_are_not_read_end() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    std::fs::write(&page, vec![b'x'; 2 << 20]).unwrap();
    let route = format!(", websocket: {{mode: allow}}, error_pages: {{502: {}}}", page.display());
    // Nobody listens there.
    let server = proxy(1, ", timeouts: {body_idle: 1s}", &route).await;
    let before = server.settled().await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut stream = connect(&server).await;
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(40);
        stream.write_all(request.as_bytes()).await.unwrap();
        held.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(server.descriptors() >= before + 8, "the answers are read by nobody");
    assert!(descriptors(&server, before).await <= before, "connections are held");
}

/// A reader that is slow, but reads, is not cut off.
#[tokio::test]
async fn a_slow_reader_gets_all_of_its_answer() {
    const SIZE: usize = 300_000;
    let port = script(|mut stream| async move {
        head(&mut stream).await;
        let begin = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        stream.write_all(begin.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; SIZE]).await.unwrap();
    })
    .await;
    let server = proxy(port, ", timeouts: {body_idle: 500ms}", "").await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(([127, 0, 0, 1], server.port).into()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let (mut all, mut piece) = (0, vec![0; SIZE / 8]);
    loop {
        match stream.read(&mut piece).await.unwrap() {
            0 => break,
            read => all += read,
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert!(all > SIZE, "{all} bytes");
}

/// `timer/response-header`: neither bytes of a head nor interim answers put it off.
#[tokio::test]
async fn a_head_that_drips_is_late() {
    let drip = async |piece: &'static [u8]| {
        script(move |mut stream| async move {
            head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 ").await;
            loop {
                if stream.write_all(piece).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
        })
        .await
    };
    for piece in [&b"2"[..], b"103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 "] {
        let port = drip(piece).await;
        let server = proxy(port, "", ", timeouts: {response_header: 1s}").await;
        let began = Instant::now();
        let mut stream = connect(&server).await;
        let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let seen = rest(&mut stream).await;
        assert!(seen.contains("HTTP/1.1 504 ") || piece == b"2" && seen.contains("502"), "{seen}");
        if seen.contains("504") {
            lasted("the head", began, 1.0);
        }
    }
}

/// A client that says goodbye to nobody: a connection lingers for a while and not longer, over TLS too.
#[tokio::test]
async fn a_lingering_close_ends() {
    let server = proxy(1, "", "").await;
    let before = server.settled().await;
    let mut held = Vec::new();
    for request in ["GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "nonsense\r\n\r\n"] {
        let mut stream = connect(&server).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await;
        held.push(stream);
    }
    // They send on now and then.
    let deadline = Instant::now() + Duration::from_secs(6);
    while server.descriptors() > before && Instant::now() < deadline {
        for stream in &mut held {
            let _ = stream.write_all(b"x").await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(server.descriptors() <= before, "connections are held");
}
