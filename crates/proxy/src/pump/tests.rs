use super::*;
use crate::stream::Wire;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn inner(stream: tokio::io::DuplexStream) -> Stream {
    Stream::Inner(Box::new(crate::stream::Inner::new(stream)))
}

/// Returns how much a pump takes from a server while its client reads nothing, and what the client gets in the end.
async fn taken(ahead: usize) -> (usize, Vec<u8>) {
    let (server, mut far) = tokio::io::duplex(1_000);
    let (near, mut client) = tokio::io::duplex(10);
    let (mut from, mut to) = (Peer::new(inner(server)), inner(near));
    let mut pump = Pump::body(Framing::Length(50_000), None).ahead(ahead);
    let mut sent = 0;
    loop {
        let step = std::future::poll_fn(|cx| {
            let write = Pin::new(&mut far).poll_write(cx, &vec![b'x'; 50_000 - sent]);
            assert!(pump.poll(cx, &mut from, &mut to).is_pending());
            Poll::Ready(write)
        });
        match step.await {
            Poll::Ready(written) => sent += written.unwrap(),
            Poll::Pending => break,
        }
        if sent == 50_000 {
            break;
        }
    }
    let mut all = Vec::new();
    let moving = async {
        std::future::poll_fn(|cx| pump.poll(cx, &mut from, &mut to)).await.unwrap();
        drop(to);
    };
    let the_rest = async { far.write_all(&vec![b'x'; 50_000 - sent]).await.unwrap() };
    let (read, ()) = tokio::join!(client.read_to_end(&mut all), async {
        tokio::join!(moving, the_rest);
    });
    read.unwrap();
    (sent, all)
}

#[tokio::test]
async fn a_server_is_rid_of_its_answer_before_a_slow_client_has_it() {
    let (held_back, whole) = taken(100_000).await;
    assert_eq!((held_back, whole.len()), (50_000, 50_000));
    let (passed, whole) = taken(0).await;
    assert!(passed < 3_000, "{passed} were taken with nowhere to put them");
    assert_eq!(whole.len(), 50_000);
}

/// Two ends of a connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (near, listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn large_messages_pass_through_pipes_and_small_ones_behind_them() {
    let (mut client, near) = pair().await;
    let (far, mut upstream) = pair().await;
    let mut from = Peer::new(Stream::Plain(Wire::Tcp(near)));
    let mut to = Stream::Plain(Wire::Tcp(far));
    // Sizes on both sides of where pipes begin, for a reader that stops in between.
    let sizes = [10, 200_000, 1, 4_000_000, 5_000, 64 * 1024, 3, 1_000_000, 70_000];
    let sent: Vec<u8> =
        (0..sizes.iter().sum()).map(|n: usize| u8::try_from(n * 7 / 5 % 251).unwrap()).collect();
    let expected = sent.clone();
    let mut pump = Pump::tunnel();
    let moving = async {
        let mut most = 0;
        std::future::poll_fn(|cx| {
            let step = pump.poll(cx, &mut from, &mut to);
            most = most.max(Bulk::made());
            step
        })
        .await
        .unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut to).await.unwrap();
        most
    };
    let sending = async {
        let mut at = 0;
        for size in sizes {
            client.write_all(&sent[at..at + size]).await.unwrap();
            at += size;
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        client.shutdown().await.unwrap();
    };
    let reading = async {
        let mut all = Vec::new();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        upstream.read_to_end(&mut all).await.unwrap();
        all
    };
    let (pipes, (), all) = tokio::join!(moving, sending, reading);
    assert!(all == expected, "{} of {} bytes, or others", all.len(), expected.len());
    assert_eq!(pipes, 1);
    assert_eq!(pump.moved, expected.len() as u64);
}
