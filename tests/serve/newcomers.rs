//! Connections that have asked nothing yet: one client cannot have so many of them that none is left for others.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::real_server::scripted::rest;
use crate::real_server::{PATIENCE, SERVE, free_port, upstream};

/// A proxy that ends with the test.
pub(super) struct Proxy(pub(super) Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A connection from one of the loopback addresses.
pub(super) async fn connect_from(address: [u8; 4], port: u16) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((address, 0).into()).unwrap();
    let connected = socket.connect(([127, 0, 0, 1], port).into());
    tokio::time::timeout(Duration::from_secs(1), connected).await.ok()?.ok()
}

/// Asks from an address until there is an answer.
async fn answers(address: [u8; 4], port: u16) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(mut stream) = connect_from(address, port).await {
            let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let asked = async {
                let _ = stream.write_all(request).await;
                rest(&mut stream).await
            };
            let answer = tokio::time::timeout(Duration::from_secs(2), asked).await;
            if answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 ")) {
                return true;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn one_client_leaves_descriptors_to_others() {
    let (app, port) = (upstream("app").await, free_port());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wsgen.yaml");
    let model = format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:{port}\", timeouts: {{request_header: 60s}}}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    std::fs::write(&file, model).unwrap();
    let mut shell = Command::new("sh");
    let command = format!("ulimit -n 200; exec {} serve {}", SERVE.program(), file.display());
    shell.args(["-c", &command]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut proxy = Proxy(shell.spawn().unwrap());
    assert!(answers([127, 0, 0, 2], port).await);
    // More than there are descriptors, each with a part of its head.
    let mut held = Vec::new();
    for _ in 0..300 {
        if let Some(mut stream) = connect_from([127, 0, 0, 3], port).await {
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await;
            held.push(stream);
        }
    }
    assert!(answers([127, 0, 0, 2], port).await, "others are let in");
    // A client that asks is no newcomer: its connection stays, and it may bring more of them.
    let mut kept = Vec::new();
    for _ in 0..60 {
        let mut stream = connect_from([127, 0, 0, 2], port).await.expect("a place");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        crate::real_server::scripted::until(&mut stream, "\r\n\r\n").await;
        kept.push(stream);
    }
    drop(held);
    assert!(answers([127, 0, 0, 3], port).await, "places come back");
    let mut said = proxy.0.stderr.take().unwrap();
    drop(proxy);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut said, &mut text).unwrap();
    assert!(text.contains("newcomers"), "{text}");
}
