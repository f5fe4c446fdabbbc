//! Asking servers whether they work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::case::cases;
use crate::peer::handshake;
use crate::stage::{Server, Stage};
use crate::verdict::{Trouble, Verdict, check, equal};
use crate::wire::Upstream;

/// A server whose checks can be made to fail: it answers `/check` with a status, and the rest with its name.
struct Moody {
    status: Arc<AtomicU16>,
    task: JoinHandle<()>,
    address: std::net::SocketAddr,
}

impl Drop for Moody {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Moody {
    async fn bind(stage: &Stage, name: &'static str) -> Verdict<Self> {
        let upstream = Upstream::bind(name, &stage.transcript).await?;
        let address = upstream.address();
        let status = Arc::new(AtomicU16::new(200));
        let mood = status.clone();
        let task = tokio::spawn(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Ok(mut wire) = accepted(&upstream).await {
                let mood = mood.clone();
                serving.spawn(async move {
                    while let Ok(head) = wire.head_within(Duration::from_mins(1)).await {
                        let mood = mood.load(Ordering::Relaxed);
                        let checks = head.target().starts_with("/check");
                        let sick = checks && mood != 200;
                        if head.lists("upgrade", "websocket") && !sick {
                            let _ = wire.send(handshake::accept_with(&head, &format!("X-Teller: {name}\r\n"))).await;
                            let _ = wire.rest_within(Duration::from_mins(1)).await;
                            return;
                        }
                        let status = if sick { mood } else { 200 };
                        let answer = format!("HTTP/1.1 {status} Well\r\nX-Teller: {name}\r\nContent-Length: 0\r\n\r\n");
                        if wire.send(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(Self { status, task, address })
    }

    fn becomes(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }
}

async fn accepted(upstream: &Upstream) -> Verdict<crate::wire::Wire> {
    loop {
        match upstream.accept().await {
            Err(Trouble::Failed(_)) => {}
            other => return other,
        }
    }
}

/// A target in front of a moody server and a steady one, with a check of the upstream.
async fn pair(stage: &Stage, check: &str, more: &str) -> Verdict<(Arc<Server>, Moody, Moody)> {
    let (moody, steady) = (Moody::bind(stage, "moody").await?, Moody::bind(stage, "steady").await?);
    let server = stage
        .start(&format!(
            "version: 1\nlisteners: [{{name: web, address: \"LISTEN\"}}]\n\
             upstreams: {{app: {{servers: [\"{}\", \"{}\"], health_check: {{{check}, interval: 1s, timeout: 1s, unhealthy_threshold: 2, healthy_threshold: 2}}{more}}}}}\n\
             routes: [{{upstream: app}}]\n",
            moody.address, steady.address
        ))
        .await?;
    Ok((server, moody, steady))
}

/// Waits until the moody server gets requests, or gets none.
async fn until(server: &Server, wanted: bool) -> Verdict {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let mut reached = false;
        for _ in 0..8 {
            let (answer, _) = server.ask("GET /", "").await?;
            equal("the status", answer.status(), 200)?;
            reached |= answer.field("x-teller").as_deref() == Some("moody");
        }
        if reached == wanted {
            return Ok(());
        }
        let what = if wanted { "the server is used again" } else { "the server is left alone" };
        check(Instant::now() < deadline, format!("{what} within 15 s"), "not so")?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

cases! { "health";
    /// A server that fails its HTTP checks gets nothing until it is well again.
    ///
    /// Sent: requests while `/check` of one of two servers is 200, then 500, then 200. Seen: both, the other alone, both.
    [HEALTH_CHECK, HealthHttp]
    async fn http(stage) {
        let (server, moody, _steady) = pair(stage, "type: http, path: /check", "").await?;
        until(&server, true).await?;
        moody.becomes(500);
        until(&server, false).await?;
        moody.becomes(200);
        until(&server, true).await?;
    }

    /// A server that nobody can reach is taken out by its TCP checks before clients notice.
    ///
    /// Sent: requests after one of two servers has gone. Seen: answers of the other alone.
    [HEALTH_CHECK, HealthTcp]
    async fn tcp(stage) {
        let (server, moody, _steady) = pair(stage, "type: tcp", "").await?;
        until(&server, true).await?;
        drop(moody);
        tokio::time::sleep(Duration::from_millis(4_500)).await;
        for _ in 0..8 {
            let (answer, _) = server.ask("GET /", "").await?;
            equal("the status", answer.status(), 200)?;
            equal("who answers", answer.field("x-teller").as_deref(), Some("steady"))?;
        }
    }

    /// A server that refuses a handshake is no server for WebSockets.
    ///
    /// Sent: requests while one of two servers answers the check's handshake with 101, then with 503. Seen: both, then the other alone.
    [HEALTH_WEBSOCKET, HealthWebSocket]
    async fn websocket(stage) {
        let (server, moody, _steady) = pair(stage, "type: websocket, path: /check", "").await?;
        until(&server, true).await?;
        moody.becomes(503);
        until(&server, false).await?;
    }

    /// Tunnels of a server that is taken out live on.
    ///
    /// Sent: a tunnel, then checks that fail. Seen: the tunnel is open after the server is out.
    [HEALTH_TUNNELS, HealthHttp]
    async fn tunnels_live_on(stage) {
        let (server, moody, _steady) = pair(stage, "type: http, path: /check", "").await?;
        until(&server, true).await?;
        let mut tunnel = on_moody(&server).await?;
        moody.becomes(500);
        until(&server, false).await?;
        tunnel.quiet(Duration::from_millis(500)).await?;
    }

    /// With `on_unhealthy: close_tunnels` the tunnels of a server that is taken out end.
    ///
    /// Sent: a tunnel, then checks that fail. Seen: the tunnel's end.
    [HEALTH_TUNNELS, HealthHttp, CloseTunnels]
    async fn tunnels_are_closed(stage) {
        let (server, moody, _steady) = pair(stage, "type: http, path: /check", ", on_unhealthy: close_tunnels").await?;
        until(&server, true).await?;
        let mut tunnel = on_moody(&server).await?;
        moody.becomes(500);
        tunnel.rest_within(Duration::from_secs(12)).await?;
    }
}

/// A tunnel to the moody server.
async fn on_moody(server: &Server) -> Verdict<crate::wire::Wire> {
    for _ in 0..20 {
        let mut client = server.connect().await?;
        let head = handshake::open(&mut client, "/").await?;
        if head.field("x-teller").as_deref() == Some("moody") {
            return Ok(client);
        }
    }
    Err(Trouble::failed("a tunnel to each server", "none to one of them"))
}
