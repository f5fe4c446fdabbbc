//! Forward authentication of `wsgen serve` (`auth/forward`): its connections to the service, and what a service that
//! fails means for the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::real_server::scripted::{connect, head, rest, script};
use crate::real_server::{Server, start_in, upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

const ALLOWED: &str = "HTTP/1.1 200 OK\r\nX-User: ada\r\nContent-Length: 4\r\n\r\nfine";

/// A proxy that asks a service on a port; answers of the service are awaited for a second.
async fn asking(service: u16) -> Server {
    let app = upstream("app").await;
    let model = format!(
        "version: 1\nadmin: {{address: \"unix:FOLDER/admin.sock\"}}\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\n\
         routes: [{{upstream: app, timeouts: {{response_header: 1s}}, auth: {{forward: {{url: \"http://127.0.0.1:{service}/check\", copy_headers: [X-User]}}}}}}]\n"
    );
    start_in(&[], &model).await
}

/// A service that does the same with each of its connections, which are counted.
async fn counted<F, S>(serve: S) -> (u16, Arc<AtomicUsize>)
where
    S: Fn(TcpStream, usize) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let port = script(move |stream| serve(stream, count.fetch_add(1, Ordering::Relaxed))).await;
    (port, connections)
}

/// Answers each question on a connection with the same text.
async fn answer(mut stream: TcpStream, text: &str) {
    let mut byte = [0];
    while stream.peek(&mut byte).await.is_ok_and(|read| read > 0) {
        head(&mut stream).await;
        stream.write_all(text.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn questions_share_connections() {
    let (service, connections) = counted(|stream, _| answer(stream, ALLOWED)).await;
    let server = asking(service).await;
    for _ in 0..50 {
        assert_eq!(server.status("GET /").await, 200);
    }
    // Each thread has its own.
    let most = std::thread::available_parallelism().unwrap().get();
    let used = connections.load(Ordering::Relaxed);
    assert!(used <= most, "{used} connections for 50 questions, {most} threads");
    let seen = server.send("GET /").await;
    assert!(seen.contains("\nx-user: ada\r\n"), "{seen}");
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    // After its first answer, a connection is closed at once, or when the next question has come.
    for at_once in [true, false] {
        let (service, connections) = counted(move |mut stream, _| async move {
            head(&mut stream).await;
            stream.write_all(ALLOWED.as_bytes()).await.unwrap();
            let mut byte = [0];
            while !at_once && stream.peek(&mut byte).await.is_ok_and(|read| read == 0) {}
        })
        .await;
        let server = asking(service).await;
        for _ in 0..20 {
            assert_eq!(server.status("GET /").await, 200, "closed at once: {at_once}");
        }
        assert_eq!(connections.load(Ordering::Relaxed), 20);
    }
}

#[tokio::test]
async fn a_service_that_fails_lets_nobody_pass() {
    let (silent, _) = counted(|mut stream, _| async move {
        rest(&mut stream).await;
    })
    .await;
    assert_eq!(asking(silent).await.status("GET /").await, 504, "silent");
    let (closing, _) = counted(|mut stream, _| async move {
        head(&mut stream).await;
    })
    .await;
    assert_eq!(asking(closing).await.status("GET /").await, 502, "closing");
    // A half answer, and one that is none.
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 101 Yes\r\n\r\n",
    ] {
        let (bad, _) = counted(move |mut stream, _| async move {
            head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        assert_eq!(asking(bad).await.status("GET /").await, 502, "{answer:?}");
    }
    let nobody = crate::real_server::free_port();
    assert_eq!(asking(nobody).await.status("GET /").await, 502, "nobody");
}

#[tokio::test]
async fn failures_of_the_service_are_counted_by_their_step() {
    let (silent, _) = counted(|mut stream, _| async move {
        rest(&mut stream).await;
    })
    .await;
    let (half, _) = counted(|mut stream, _| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let nobody = crate::real_server::free_port();
    for (service, step) in [(silent, "response_head"), (half, "body"), (nobody, "connect")] {
        let server = asking(service).await;
        assert!(server.status("GET /").await > 500);
        let metrics = page(&server, "/metrics").await;
        let failures = metrics.lines().filter(|l| l.starts_with("wsgen_upstream_failures_total{"));
        let failures: Vec<&str> = failures.collect();
        let [line] = failures[..] else { panic!("{step}: {failures:?}") };
        for part in ["\"auth.forward\"", &format!("\"127.0.0.1:{service}\""), step] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}

/// A page of the status listener.
async fn page(server: &Server, path: &str) -> String {
    let socket = server.folder.path().join("admin.sock");
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}

#[tokio::test]
async fn any_other_answer_is_the_clients() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/login\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
                    Connection: X-Hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nlogin\r\n0\r\n\r\n";
    let (service, _) = counted(move |stream, _| answer(stream, redirect)).await;
    let server = asking(service).await;
    for _ in 0..2 {
        let answer = server.send("GET /").await.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 302 "), "{answer}");
        for line in [
            "location: http://127.0.0.1:1/login",
            "set-cookie: a=1",
            "set-cookie: b=2",
            "content-length: 5",
        ] {
            assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line}: {answer}");
        }
        assert!(answer.ends_with("\r\n\r\nlogin") && !answer.contains("x-hop"), "{answer}");
    }
    // A body without an end is cut off; the connection it comes on is not used again.
    let large = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000\r\n\r\n{}",
        "x".repeat(1_000_000)
    );
    let (service, _) = counted(move |stream, _| {
        let large = large.clone();
        async move { answer(stream, &large).await }
    })
    .await;
    let server = asking(service).await;
    for _ in 0..2 {
        let answer = server.send("GET /").await.to_ascii_lowercase();
        assert!(
            answer.starts_with("http/1.1 403 ") && answer.contains("\r\ncontent-length: 65536\r\n")
        );
    }
}

#[tokio::test]
async fn the_question_has_the_requests_fields() {
    let (told, mut telling) = tokio::sync::mpsc::unbounded_channel();
    let service = script(move |mut stream| {
        let told = told.clone();
        async move {
            let _ = told.send(head(&mut stream).await);
            stream.write_all(ALLOWED.as_bytes()).await.unwrap();
        }
    })
    .await;
    let server = asking(service).await;
    let mut client = connect(&server).await;
    let request = "POST /a?b=c HTTP/1.1\r\nHost: a.test\r\nCookie: id=7\r\nX-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n\
                   Connection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody";
    client.write_all(request.as_bytes()).await.unwrap();
    let asked =
        tokio::time::timeout(Duration::from_secs(10), telling.recv()).await.unwrap().unwrap();
    let asked = asked.to_ascii_lowercase();
    assert!(asked.starts_with("get /check http/1.1\r\n"), "{asked}");
    for line in [
        format!("host: 127.0.0.1:{service}"),
        "cookie: id=7".to_owned(),
        "x-original-method: post".to_owned(),
        "x-original-uri: /a?b=c".to_owned(),
        "x-forwarded-for: 127.0.0.1".to_owned(),
        "x-forwarded-proto: http".to_owned(),
        "x-forwarded-host: a.test".to_owned(),
    ] {
        assert!(asked.contains(&format!("\r\n{line}\r\n")), "{line}: {asked}");
    }
    for field in ["x-hop", "expect", "content-length", "6.6.6.6", "connection"] {
        assert!(!asked.contains(field), "{field}: {asked}");
    }
}
