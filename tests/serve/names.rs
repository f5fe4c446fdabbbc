//! Names of servers that are resolved while a proxy runs (`balance/resolve`), with a name server of the test.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Instant;

use crate::real_server::{HAPROXY, NGINX, PATIENCE, SERVE, echo, start, upstream_on};
use tokio_tungstenite::tungstenite::Message;

/// Answers every question for an address with 127.0.0.N for a second (RFC 1035 section 4), and every other with
/// nothing.
fn name_server(last: Arc<AtomicU8>) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            // One question: its name, a zero, two bytes of type, two of class.
            let end = 12 + question[12..length].iter().position(|b| *b == 0).unwrap() + 5;
            let address = question[end - 4..end - 2] == [0, 1];
            let mut answer = question[..end].to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(address), 0, 0, 0, 0]);
            if address {
                answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
                answer.extend(Ipv4Addr::new(127, 0, 0, last.load(Ordering::Relaxed)).octets());
            }
            let _ = socket.send_to(&answer, from);
        }
    });
    port
}

/// Clients are served while name servers fail: half of all questions are lost, the others get SERVFAIL.
#[tokio::test]
async fn servers_stay_while_no_name_server_answers() {
    let failed = Arc::new(AtomicUsize::new(0));
    let count = failed.clone();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let nameserver = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        let mut answered = 0;
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let end = 12 + question[12..length].iter().position(|b| *b == 0).unwrap() + 5;
            let mut answer = question[..end].to_vec();
            let address = question[end - 4..end - 2] == [0, 1];
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
            if address && answered == 0 {
                answered += 1;
                answer[7] = 1;
                answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
            } else if address {
                if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                    continue;
                }
                answer[3] = 0x82;
            }
            let _ = socket.send_to(&answer, from);
        }
    });
    let port = upstream_on("first", [127, 0, 0, 1], 0).await;
    let model = format!(
        "version: 1\nresolver: {{nameservers: [\"127.0.0.1:{nameserver}\"], valid: 1s}}\n\
         listeners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [{{address: \"app.internal:{port}\", resolve: runtime}}]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let server = start(&SERVE, &model, &[]).await;
    let deadline = Instant::now() + PATIENCE;
    while failed.load(Ordering::Relaxed) < 4 {
        assert!(Instant::now() < deadline, "it is not asked again");
        assert_eq!(server.status("GET /").await, 200);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_name_that_moves_is_followed() {
    for kind in [&NGINX, &HAPROXY, &SERVE] {
        let last = Arc::new(AtomicU8::new(1));
        let nameserver = name_server(last.clone());
        let port = upstream_on("first", [127, 0, 0, 1], 0).await;
        upstream_on("second", [127, 0, 0, 2], port).await;
        let model = format!(
            "version: 1\nresolver: {{nameservers: [\"127.0.0.1:{nameserver}\"], valid: 1s}}\n\
             listeners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
             upstreams: {{app: {{servers: [{{address: \"app.internal:{port}\", resolve: runtime}}]}}}}\nroutes: [{{upstream: app}}]\n"
        );
        let server = start(kind, &model, &[]).await;
        let meets = async |name: &str| {
            let deadline = Instant::now() + PATIENCE;
            while !server.send("GET /a?b").await.contains(&format!("\r\n\r\n{name}\nget /a?b http"))
            {
                assert!(Instant::now() < deadline, "{} does not meet {name}", kind.target);
            }
        };
        meets("first").await;
        last.store(2, Ordering::Relaxed);
        meets("second").await;
        // Each worker asks for itself.
        let deadline = Instant::now() + PATIENCE;
        let mut socket = loop {
            let (socket, answer) = server.open("/ws", &[]).await.unwrap();
            if answer.headers()["x-seen"] == "second GET /ws HTTP/1.1" {
                break socket;
            }
            assert!(Instant::now() < deadline, "{}: tunnels stay", kind.target);
        };
        echo(&mut socket, Message::text("moved")).await;
    }
}
