//! Peers behind the proxy: an application, and a name server whose answers move.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::real_server::scripted::ACCEPT;

/// Serves the application on every loopback address, and gives its port.
pub(super) async fn everywhere() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(application(stream));
        }
    });
    port
}

/// Answers every question for an address with 127.0.0.1 and 127.0.0.2 in turn, for a second (RFC 1035 section 4); every
/// eighth question is lost, and every eighth fails. Gives its port and the number of questions.
pub(super) fn name_server() -> (u16, Arc<AtomicU64>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let number = count.fetch_add(1, Ordering::Relaxed);
            // One question: its name, a zero, two bytes of type, two of class.
            let end = 12 + question[12..length].iter().position(|b| *b == 0).unwrap() + 5;
            let address = question[end - 4..end - 2] == [0, 1];
            let failure = if number % 8 == 7 { 2 } else { 0 };
            let answers = u8::from(address && failure == 0);
            let mut answer = question[..end].to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80 + failure, 0, 1, 0, answers, 0, 0, 0, 0]);
            if answers > 0 {
                let last = u8::try_from(1 + number / 16 % 2).unwrap();
                answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, last]);
            }
            if number % 8 != 3 {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    (port, asked)
}

/// An application that does what the path asks for: `/echo` works, the rest fails in its own way.
pub(super) async fn application(mut stream: TcpStream) {
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
            "/slow" => {
                tokio::time::sleep(Duration::from_millis(700)).await;
                return;
            }
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
