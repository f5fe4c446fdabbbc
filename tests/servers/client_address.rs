//! Whose address the upstream is told, behind trusted and other peers, observed on running servers.

use crate::real_server::{ALL, PATIENCE, Server, start, upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wsgen_model::feature::Feature;

async fn raw(server: &Server, bytes: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is refused may end with a reset.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).to_lowercase()
}

fn model(listener: &str, route: &str, app: u16) -> String {
    format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\", {listener}}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes: [{{upstream: app{route}}}]\n"
    )
}

/// `forwarded/append`
#[tokio::test]
async fn only_trusted_peers_are_believed() {
    let app = upstream("app").await;
    let append = ", forwarded: {mode: append}";
    let forged = "GET /\nX-Forwarded-For: 203.0.113.7\nX-Forwarded-Proto: https\nX-Forwarded-Host: outer.test";
    for kind in ALL {
        let trusting =
            start(kind, &model("trusted_proxies: [127.0.0.0/8]", append, app), &[]).await;
        let seen = trusting.send(forged).await;
        assert!(
            seen.contains("x-forwarded-for: 203.0.113.7, 127.0.0.1\r\n"),
            "{}: {seen}",
            kind.target
        );
        assert!(seen.contains("x-forwarded-proto: https\r\n"), "{}: {seen}", kind.target);
        assert!(seen.contains("x-forwarded-host: outer.test\r\n"), "{}: {seen}", kind.target);
        let seen = trusting.send("GET /").await;
        assert!(seen.contains("x-forwarded-for: 127.0.0.1\r\n"), "{}: {seen}", kind.target);

        // `forwarded/replace`: the client is whom the trusted peer speaks for.
        let replacing = start(kind, &model("trusted_proxies: [127.0.0.0/8]", "", app), &[]).await;
        let seen = replacing.send(forged).await;
        assert!(seen.contains("x-forwarded-for: 203.0.113.7\r\n"), "{}: {seen}", kind.target);
        assert!(seen.contains("x-forwarded-host: a.test\r\n"), "{}: {seen}", kind.target);

        let strict = start(kind, &model("trusted_proxies: [192.0.2.0/24]", append, app), &[]).await;
        let seen = strict.send(forged).await;
        assert!(seen.contains("x-forwarded-for: 127.0.0.1\r\n"), "{}: {seen}", kind.target);
        assert!(seen.contains("x-forwarded-proto: http\r\n"), "{}: {seen}", kind.target);
        assert!(seen.contains("x-forwarded-host: a.test\r\n"), "{}: {seen}", kind.target);

        let off =
            start(kind, &model("trusted_proxies: []", ", forwarded: {mode: \"off\"}", app), &[])
                .await;
        assert!(
            off.send(forged).await.contains("x-forwarded-for: 203.0.113.7\r\n"),
            "{}",
            kind.target
        );
        assert!(!off.send("GET /").await.contains("x-forwarded-for"), "{}", kind.target);
    }
}

/// `listener/proxy-protocol`
#[tokio::test]
async fn the_proxy_header_tells_the_client() {
    let app = upstream("app").await;
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    for kind in ALL.into_iter().filter(|kind| kind.keeps(Feature::AcceptProxyProtocol)) {
        let server = start(kind, &model("proxy_protocol: {accept: any}", "", app), &[]).await;
        let seen =
            raw(&server, &format!("PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n{request}")).await;
        assert!(seen.contains("x-forwarded-for: 203.0.113.7\r\n"), "{}: {seen}", kind.target);
        assert!(
            !raw(&server, request).await.contains("200 ok"),
            "{} needs the header",
            kind.target
        );
    }
}
