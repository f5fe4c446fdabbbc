//! What happens to open tunnels and to new connections at a reload, observed on running servers.

use std::time::{Duration, Instant};

use crate::real_server::{ALL, echo, start, upstream};
use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;
use wsgen_model::feature::Feature;

/// `drain/reload`
#[tokio::test]
async fn tunnels_live_on_for_the_drain_and_no_connection_is_refused() {
    let app = upstream("app").await;
    let model = format!(
        "version: 1\ndrain: {{timeout: 3s}}\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let observed = ALL.map(async |kind| {
        let server = start(kind, &model, &[]).await;
        let (mut tunnel, _) = server.open("/", &[]).await.unwrap();
        echo(&mut tunnel, Message::text("before")).await;
        // HAProxy's master binds before it listens to signals: one that comes in its first moments is lost.
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.reload(kind);
        let reloaded = Instant::now();
        while reloaded.elapsed() < Duration::from_millis(1_500) {
            assert_eq!(server.status("GET /").await, 200, "{}", kind.target);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        echo(&mut tunnel, Message::text("after")).await;
        let end = tokio::time::timeout(Duration::from_secs(7), tunnel.next()).await;
        if kind.keeps(Feature::DrainTimeout) {
            let end = end.unwrap_or_else(|_| panic!("{}: the tunnel does not end", kind.target));
            assert!(end.is_none_or(|message| message.is_err()), "{}: the tunnel ends", kind.target);
            let lived = reloaded.elapsed();
            let window = Duration::from_millis(2_700)..Duration::from_secs(8);
            assert!(window.contains(&lived), "{}: {lived:?}", kind.target);
        } else {
            assert!(end.is_err(), "{}: the tunnel lives on", kind.target);
            echo(&mut tunnel, Message::text("still")).await;
        }
        echo(&mut server.open("/", &[]).await.unwrap().0, Message::text("new")).await;
    });
    futures_util::future::join_all(observed).await;
}
