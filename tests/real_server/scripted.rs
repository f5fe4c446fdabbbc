//! The reference proxy in front of an upstream that follows a script, spoken to by raw bytes.

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::{PATIENCE, SERVE, Server, start};

pub(crate) const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
pub(crate) const ACCEPT: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A proxy in front of an upstream on a port.
pub(crate) async fn proxy(port: u16, listener: &str, route: &str) -> Server {
    let model = format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"{listener}}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{port}\"], timeouts: {{connect: 1s}}}}}}\nroutes: [{{upstream: app{route}}}]\n"
    );
    start(&SERVE, &model, &[]).await
}

/// An upstream that does the same with each of its connections.
pub(crate) async fn script<F, S>(serve: S) -> u16
where
    S: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    port
}

pub(crate) async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(("127.0.0.1", server.port)).await.unwrap()
}

/// Reads until a text has come; everything is given.
pub(crate) async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut piece)).await;
        let read = read.unwrap_or_else(|_| panic!("{:?}", String::from_utf8_lossy(&seen)));
        let read = read.unwrap_or(0);
        seen.extend_from_slice(&piece[..read]);
        let all = String::from_utf8_lossy(&seen).into_owned();
        assert!(read > 0 || all.contains(text), "ends before {text:?}: {all}");
        if all.contains(text) {
            return all;
        }
    }
}

/// Everything until the end.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut seen)).await.unwrap();
    String::from_utf8_lossy(&seen).into_owned()
}

/// Reads a request's head and gives it.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    until(stream, "\r\n\r\n").await
}
