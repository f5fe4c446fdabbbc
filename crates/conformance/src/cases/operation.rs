//! Reloads, stops, and many at once.

use std::time::{Duration, Instant};

use crate::case::cases;
use crate::opened::Opened;
use crate::peer::{Teller, handshake};
use crate::verdict::{check, equal};
use crate::wire::frame::{Frame, TEXT};

cases! { "operation";
    /// A reload leaves open tunnels open.
    ///
    /// Sent: a tunnel, a reload, frames. Seen: the frames, both ways.
    [DRAIN_RELOAD]
    async fn reload_keeps_tunnels(stage) {
        let Opened { server, mut client, mut far, .. } = stage.opened("").await?;
        server.reload(&server.model()?).await?;
        tokio::time::sleep(Duration::from_millis(800)).await;
        client.send_frame(&Frame::client(TEXT, "still")).await?;
        equal("a frame", far.frame().await?, Frame::client(TEXT, "still"))?;
        far.send_frame(&Frame::server(TEXT, "here")).await?;
        equal("a frame", client.frame().await?, Frame::server(TEXT, "here"))?;
    }

    /// A reload refuses nobody.
    ///
    /// Sent: requests one after the other, through a reload. Seen: an answer to each.
    [DRAIN_RELOAD]
    async fn reload_refuses_nobody(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let asking = async {
            let began = Instant::now();
            let mut answers = 0;
            while began.elapsed() < Duration::from_millis(2_500) {
                let (answer, _) = server.ask("GET /", "").await?;
                equal("the status", answer.status(), 200)?;
                answers += 1;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Ok(answers)
        };
        let model = server.model()?;
        let (answers, reloaded) = tokio::join!(asking, server.reload(&model));
        reloaded?;
        let answers: usize = answers?;
        check(answers > 20, "answers all the time", answers)?;
    }

    /// New handshakes follow the new configuration at once.
    ///
    /// Sent: a reload to another upstream, then handshakes. Seen: the other upstream; the old tunnel stays where it is.
    [DRAIN_RELOAD]
    async fn reload_takes_hold(stage) {
        let (old, new) = (Teller::bind("old").await?, Teller::bind("new").await?);
        let server = stage.route(old.address(), "").await?;
        let mut tunnel = server.connect().await?;
        handshake::open(&mut tunnel, "/").await?;
        let model = server.model()?.replace(&old.address().to_string(), &new.address().to_string());
        server.reload(&model).await?;
        let deadline = Instant::now() + Duration::from_secs(5);
        while server.seen_by_socket("/", "").await?.by != "new" {
            check(Instant::now() < deadline, "the new upstream within 5 s", "the old one")?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tunnel.send_frame(&Frame::client(TEXT, "x")).await?;
        equal("an echo of the old one", tunnel.frame().await?, Frame::server(TEXT, "x"))?;
    }

    /// `drain.timeout` ends the tunnels of before a reload.
    ///
    /// Sent: a tunnel, then a reload. Seen: it lives on for a while, then ends.
    [DRAIN_RELOAD, DrainTimeout]
    async fn drain_ends_old_tunnels(stage) {
        let upstream = stage.upstream().await?;
        let server = stage
            .start(&format!(
                "version: 1\ndrain: {{timeout: 2s}}\nlisteners: [{{name: web, address: \"LISTEN\"}}]\n\
                 upstreams: {{app: {{servers: [\"{}\"]}}}}\nroutes: [{{upstream: app}}]\n",
                upstream.address()
            ))
            .await?;
        let (mut client, _far, ..) = server.tunnel(&upstream, "/", "").await?;
        server.reload(&server.model()?).await?;
        let began = Instant::now();
        client.quiet(Duration::from_secs(1)).await?;
        client.rest_within(Duration::from_secs(8)).await?;
        let window = Duration::from_millis(1_500)..Duration::from_secs(8);
        check(window.contains(&began.elapsed()), "the end after about 2 s", format!("{:?}", began.elapsed()))?;
    }

    /// A route that is gone after a reload is gone.
    ///
    /// Sent: a reload that takes a route out. Seen: 404.
    [DRAIN_RELOAD]
    async fn reload_takes_routes_out(stage) {
        let app = Teller::bind("app").await?;
        let routes = "  - {match: [{path: {prefix: /a}}], upstream: app}\n  - {match: [{path: {prefix: /b}}], upstream: app}\n";
        let server = stage.routes(app.address(), app.address(), routes).await?;
        equal("before", server.reaches("/b", "").await?.as_str(), "app")?;
        let model = server.model()?.replace("  - {match: [{path: {prefix: /b}}], upstream: app}\n", "");
        server.reload(&model).await?;
        let deadline = Instant::now() + Duration::from_secs(5);
        while server.ask("GET /b", "").await?.0.status() != 404 {
            check(Instant::now() < deadline, "404 within 5 s", "another")?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// `drain.stop` gives open tunnels their time at a stop, and takes nobody new.
    ///
    /// Sent: a tunnel, then the signal that stops. Seen: no new connection, an open tunnel, then its end.
    [DRAIN_STOP, DrainStop]
    async fn stop_gives_time(stage) {
        let upstream = stage.upstream().await?;
        let server = stage
            .start(&format!(
                "version: 1\ndrain: {{stop: 2s}}\nlisteners: [{{name: web, address: \"LISTEN\"}}]\n\
                 upstreams: {{app: {{servers: [\"{}\"]}}}}\nroutes: [{{upstream: app}}]\n",
                upstream.address()
            ))
            .await?;
        let (mut client, mut far, ..) = server.tunnel(&upstream, "/", "").await?;
        server.signal("TERM")?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        client.send_frame(&Frame::client(TEXT, "still")).await?;
        equal("a frame", far.frame().await?, Frame::client(TEXT, "still"))?;
        check(server.tcp(server.address).await.is_err(), "nobody new", "a connection")?;
        client.rest_within(Duration::from_secs(6)).await?;
        check(server.ends(Duration::from_secs(5)).await, "the end of the server", "it runs")?;
    }

    /// A thousand tunnels are open at once, and all of them carry.
    ///
    /// Sent: 1,000 handshakes, then a message through each. Seen: 1,000 echoes.
    [LIMIT_LISTENER, UnboundedConnections; alone]
    async fn a_thousand_tunnels(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let mut open = Vec::new();
        for _ in 0..1_000 {
            let mut client = server.connect().await?;
            handshake::open(&mut client, "/").await?;
            open.push(client);
        }
        for client in &mut open {
            client.send_frame(&Frame::client(TEXT, "x")).await?;
        }
        for client in &mut open {
            equal("an echo", client.frame().await?, Frame::server(TEXT, "x"))?;
        }
    }
}
