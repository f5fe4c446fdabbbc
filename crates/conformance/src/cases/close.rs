//! How tunnels end.

use std::time::{Duration, Instant};

use crate::case::cases;
use crate::opened::Opened;
use crate::verdict::{check, equal};
use crate::wire::Ending;
use crate::wire::frame::{CLOSE, Frame, TEXT};

/// The end of one side ends the other within this time (`end/propagation`), measured with some room.
const SOON: Duration = Duration::from_millis(1_500);

cases! { "close";
    /// The client's end ends the upstream's side.
    ///
    /// Sent: the client closes. Seen: the end at the upstream within a second.
    [END_PROPAGATION]
    async fn client_closes(stage) {
        let Opened { client, mut far, .. } = stage.opened("").await?;
        drop(client);
        let began = Instant::now();
        far.rest().await?;
        check(began.elapsed() < SOON, "the end within 1 s", format!("{:?}", began.elapsed()))?;
    }

    /// The upstream's end ends the client's side.
    ///
    /// Sent: the upstream closes. Seen: the end at the client within a second.
    [END_PROPAGATION]
    async fn upstream_closes(stage) {
        let Opened { mut client, far, .. } = stage.opened("").await?;
        drop(far);
        let began = Instant::now();
        client.rest().await?;
        check(began.elapsed() < SOON, "the end within 1 s", format!("{:?}", began.elapsed()))?;
    }

    /// What the client said last arrives ahead of its end.
    ///
    /// Sent: 100 KiB and the end. Seen: every byte at the upstream, then the end.
    [END_PROPAGATION]
    async fn last_words_of_the_client(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        let words = vec![b'w'; 100 << 10];
        client.send(&words).await?;
        client.shutdown().await;
        let (got, _) = far.rest().await?;
        check(got == words, "every byte ahead of the end", format!("{} bytes", got.len()))?;
    }

    /// What the upstream said last arrives ahead of its end.
    ///
    /// Sent: 100 KiB and the end. Seen: every byte at the client, then the end.
    [END_PROPAGATION]
    async fn last_words_of_the_upstream(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        let words = vec![b'w'; 100 << 10];
        far.send(&words).await?;
        far.shutdown().await;
        let (got, _) = client.rest().await?;
        check(got == words, "every byte ahead of the end", format!("{} bytes", got.len()))?;
    }

    /// The handshake of closing passes, and then both sides end.
    ///
    /// Sent: a close of the client, its answer, the end of the server. Seen: the code each way, and both ends.
    [END_PROPAGATION]
    async fn closing_in_order(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        let bye = [1000_u16.to_be_bytes().to_vec(), "bye".into()].concat();
        client.send_frame(&Frame::client(CLOSE, &bye)).await?;
        equal("a close", far.frame().await?, Frame::client(CLOSE, &bye))?;
        far.send_frame(&Frame::server(CLOSE, &bye)).await?;
        drop(far);
        equal("its answer", client.frame().await?, Frame::server(CLOSE, &bye))?;
        equal("the end", client.rest().await?, (Vec::new(), Ending::Fin))?;
    }

    /// A client that vanishes by a reset ends the upstream's side.
    ///
    /// Sent: a reset of the client, as a lost network makes one. Seen: the end at the upstream within a second.
    [END_PROPAGATION]
    async fn client_resets(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        client.send_frame(&Frame::client(TEXT, "x")).await?;
        far.frame().await?;
        client.reset();
        let began = Instant::now();
        far.rest().await?;
        check(began.elapsed() < SOON, "the end within 1 s", format!("{:?}", began.elapsed()))?;
    }

    /// An upstream that dies by a reset ends the client's side.
    ///
    /// Sent: a reset of the upstream, as a killed process makes one. Seen: the end at the client within a second.
    [END_PROPAGATION]
    async fn upstream_resets(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        far.send_frame(&Frame::server(TEXT, "x")).await?;
        client.frame().await?;
        far.reset();
        let began = Instant::now();
        client.rest().await?;
        check(began.elapsed() < SOON, "the end within 1 s", format!("{:?}", began.elapsed()))?;
    }

    /// An end right behind the 101 is an end.
    ///
    /// Sent: the upstream closes in the segment of its 101. Seen: the 101 and the end.
    [END_PROPAGATION]
    async fn at_once(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(crate::peer::handshake::request("/", "")).await?;
        let (mut far, asked) = upstream.request().await?;
        far.send(crate::peer::handshake::accept(&asked)).await?;
        drop(far);
        equal("the status", client.answer().await?.status(), 101)?;
        client.rest_within(Duration::from_secs(3)).await?;
    }

    /// One tunnel's end is none of another's.
    ///
    /// Sent: two tunnels, of which one ends. Seen: the other carries on.
    [END_PROPAGATION]
    async fn others_live_on(stage) {
        let Opened { server, upstream, mut client, mut far, .. } = stage.opened("").await?;
        let (second, second_far, ..) = server.tunnel(&upstream, "/", "").await?;
        drop(second_far);
        drop(second);
        tokio::time::sleep(Duration::from_millis(200)).await;
        client.send_frame(&Frame::client(TEXT, "alive")).await?;
        equal("a frame", far.frame().await?, Frame::client(TEXT, "alive"))?;
    }
}
