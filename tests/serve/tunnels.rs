//! `wsgen serve` by raw bytes: how tunnels open, carry, wait and end.

use std::time::{Duration, Instant};

use crate::real_server::PATIENCE;
use crate::real_server::scripted::{ACCEPT, HANDSHAKE, connect, head, proxy, rest, script, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn early_bytes_and_interim_heads_arrive() {
    let port = script(|mut stream| async move {
        let seen = head(&mut stream).await;
        let early = seen.split("\r\n\r\n").nth(1).unwrap().to_owned();
        stream.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").await.unwrap();
        // The 101 in pieces of a byte, and bytes of the tunnel with the last one.
        for byte in ACCEPT.bytes() {
            stream.write_all(&[byte]).await.unwrap();
        }
        stream.write_all(b"welcome ").await.unwrap();
        let mut seen = early;
        while !seen.contains("early") {
            let mut piece = [0; 64];
            let read = stream.read(&mut piece).await.unwrap();
            seen.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
        stream.write_all(seen.as_bytes()).await.unwrap();
        let mut piece = [0; 64];
        let _ = stream.read(&mut piece).await;
    })
    .await;
    let server = proxy(port, "", "").await;
    let mut stream = connect(&server).await;
    stream.write_all(format!("{HANDSHAKE}early").as_bytes()).await.unwrap();
    let seen = until(&mut stream, "welcome early").await;
    assert!(seen.starts_with("HTTP/1.1 101 ") && !seen.contains("103"), "{seen}");
}

/// `end/propagation`
#[tokio::test]
async fn ends_travel_and_halves_stay_open() {
    // The upstream says goodbye only after the client's end.
    let port = script(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(ACCEPT.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        stream.write_all(format!("got {}", all.len()).as_bytes()).await.unwrap();
    })
    .await;
    let server = proxy(port, "", "").await;
    let mut stream = connect(&server).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut stream, "\r\n\r\n").await;
    stream.write_all(&vec![b'x'; 300_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, "got 300000");

    // The client speaks on after the upstream's end.
    let port = script(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(format!("{ACCEPT}bye").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let seen = rest(&mut stream).await;
        assert_eq!(seen, "still here");
    })
    .await;
    let server = proxy(port, "", "").await;
    let mut stream = connect(&server).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.ends_with("bye"));
    stream.write_all(b"still here").await.unwrap();

    // A reset of one side ends the other at once.
    let (told, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let port = script(move |mut stream| {
        let told = told.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(ACCEPT.as_bytes()).await.unwrap();
            let _ = rest(&mut stream).await;
            let _ = told.send(());
        }
    })
    .await;
    let server = proxy(port, "", "").await;
    let mut stream = connect(&server).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut stream, "\r\n\r\n").await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    let second = Duration::from_secs(2);
    assert!(tokio::time::timeout(second, ended.recv()).await.is_ok(), "the upstream lives on");
}

/// A side that is left alone lives for `half_closed`, which is shorter than `tunnel_idle`.
#[tokio::test]
async fn one_side_alone_ends() {
    let silent = script(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(ACCEPT.as_bytes()).await.unwrap();
        let mut piece = [0; 1024];
        while stream.read(&mut piece).await.is_ok_and(|read| read > 0) {}
        // Its own side stays open.
        tokio::time::sleep(PATIENCE).await;
    })
    .await;
    let listener = ", timeouts: {half_closed: 700ms}";
    let server = proxy(silent, listener, ", timeouts: {tunnel_idle: 8s}").await;
    let mut stream = connect(&server).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut stream, "\r\n\r\n").await;
    let began = Instant::now();
    stream.shutdown().await.unwrap();
    rest(&mut stream).await;
    let lived = began.elapsed().as_secs_f64();
    assert!((0.7..3.0).contains(&lived), "{lived}");
}

/// A client that does not read holds its upstream back, not the proxy's memory.
#[tokio::test]
async fn a_slow_reader_is_waited_for() {
    let (told, mut sent) = tokio::sync::mpsc::unbounded_channel();
    let port = script(move |mut stream| {
        let told = told.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(ACCEPT.as_bytes()).await.unwrap();
            let block = vec![b'x'; 1 << 20];
            for _ in 0..256 {
                if stream.write_all(&block).await.is_err() {
                    return;
                }
                let _ = told.send(());
            }
        }
    })
    .await;
    let server = proxy(port, "", "").await;
    let mut stream = connect(&server).await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    until(&mut stream, "\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let mut mebibytes = 0;
    while sent.try_recv().is_ok() {
        mebibytes += 1;
    }
    // Two sockets each way may fill up as far as the machine lets them grow.
    let buffers: usize = ["tcp_rmem", "tcp_wmem"]
        .map(|name| {
            let sizes = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap();
            sizes.split_whitespace().last().unwrap().parse::<usize>().unwrap()
        })
        .iter()
        .sum();
    let most = 2 * (buffers >> 20) + 8;
    assert!(most < 256, "the buffers of this machine ({most} MiB) hold all that is sent");
    assert!(mebibytes < most, "{mebibytes} MiB of {most} were taken for nobody");
    let resident = server.resident();
    assert!(resident < 64 << 20, "{resident} bytes are held");
    // All of it comes once it is wanted.
    let mut left = 64 << 20;
    let mut piece = vec![0; 1 << 16];
    while left > 0 {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut piece)).await.unwrap().unwrap();
        assert!(read > 0 && piece[..read].iter().all(|b| *b == b'x'));
        left -= read.min(left);
    }
}
