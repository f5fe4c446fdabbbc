//! Loads that clients put on the proxy.

use std::time::Duration;

use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Random;
use crate::real_server::scripted::{HANDSHAKE, connect, until};
use crate::real_server::{PATIENCE, Server, tls};

/// Sends random bytes through an echo and compares every one of them.
pub(super) async fn echo(server: &Server, random: &mut Random) -> u64 {
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
pub(super) async fn mischief(server: &Server, random: &mut Random) {
    let paths = ["/reset", "/lie", "/gone", "/half", "/refuse", "/slow"];
    let path = paths[usize::try_from(random.below(6)).unwrap()];
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

/// Asks by HTTP/2, many times on one connection and some at once. Returns how many requests were answered. A connection
/// of before a new process ends in order, and its last requests may be refused: those are asked again by another.
pub(super) async fn http2(port: u16, random: &mut Random) -> u64 {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let stream = tls(stream, "chat.test", "h2").await;
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut answered = 0;
    for _ in 0..=random.below(10) {
        let Ok(ready) = client.clone().ready().await else { break };
        client = ready;
        let path = format!("/{}", random.below(1_000_000));
        let request = Request::builder().uri(format!("https://chat.test{path}")).body(()).unwrap();
        let Ok((answer, _)) = client.send_request(request, true) else { break };
        // Some clients lose interest.
        if random.below(8) == 0 {
            continue;
        }
        let answer = tokio::time::timeout(PATIENCE, answer).await.expect("an answer");
        let Ok(answer) = answer else { break };
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body();
        let mut text = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            text.extend_from_slice(&data);
        }
        assert_eq!(String::from_utf8_lossy(&text), format!("you asked for {path}"));
        answered += 1;
    }
    connection.abort();
    answered
}
