//! A TLS client that believes every certificate: what is shown is looked at elsewhere.

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use wsgen_conformance::wire::tls_stream;

/// TLS over a connection, with a name in SNI and a protocol in ALPN.
pub(crate) async fn tls(stream: TcpStream, name: &str, protocol: &str) -> TlsStream<TcpStream> {
    tls_stream(stream, name, protocol).await.unwrap()
}
