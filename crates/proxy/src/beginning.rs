//! The beginning of a connection: its PROXY header, the place of a newcomer, TLS, and the choice between HTTP/1.1 and
//! HTTP/2.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use wsgen_model::config::OnOff;
use wsgen_model::scalar::ListenAddress;

use crate::connection::{self, Arrival};
use crate::events::{self, Limit};
use crate::fault;
use crate::http2;
use crate::listening::plain;
use crate::proxy_header;
use crate::stream::{Peer, Stream, Wire};
use crate::worker::{Counted, Worker};

/// Begins a connection that was accepted, and serves it until its end.
pub(crate) async fn begin(
    mut wire: Wire,
    (mut peer, local): (SocketAddr, SocketAddr),
    address: ListenAddress,
    counted: Counted,
) {
    let worker = counted.worker();
    let snapshot = worker.snapshot();
    let Some(listener) = snapshot.listener_at(&address) else { return };
    let settings = snapshot.site.listener(listener);
    let time: Duration = (*settings.timeouts.request_header).into();
    if let Some(header) = &settings.proxy_protocol {
        let known = header.from.iter().any(|range| range.value.contains(peer.ip()));
        if !known && !header.from.is_empty() {
            let why = "the peer is none of `proxy_protocol.from`";
            return events::proxy_header_failed(&address, peer.ip(), &why);
        }
        let read = proxy_header::read(&mut wire, header.accept.value);
        match tokio::time::timeout(time, read).await {
            Ok(Ok(Some(client))) => peer = plain(client),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => return events::proxy_header_failed(&address, peer.ip(), &error),
            Err(_) => {
                let why = "no whole header within `request_header`";
                return events::proxy_header_failed(&address, peer.ip(), &why);
            }
        }
    }
    match worker.clients.arrive(peer.ip()) {
        Ok(place) => counted.arrives(place),
        Err(_) => return events::limit_reached(Limit::Newcomers, &address, Some(peer.ip())),
    }
    let acceptor = snapshot.tls(listener).cloned();
    let announces = *settings.h2_websockets != OnOff::Off;
    drop(snapshot);
    let counted = Rc::new(counted);
    let from = Arrival { at: address, peer, local, secure: acceptor.is_some(), counted };
    let Some(acceptor) = acceptor else {
        return connection::serve(Peer::new(Stream::Plain(wire)), from, worker).await;
    };
    // Boxed: what most connections do not need must not be held by all of them.
    Box::pin(secure(wire, acceptor, time, announces, from, worker)).await;
}

/// TLS first, and then HTTP/1.1 or HTTP/2.
async fn secure(
    wire: Wire,
    acceptor: TlsAcceptor,
    time: Duration,
    announces: bool,
    from: Arrival,
    worker: Rc<Worker>,
) {
    // A handshake of TLS is a part of the head that is owed. It begins with the client's first byte.
    let accepted = tokio::time::timeout(time, async {
        wire.readable().await?;
        let _place = worker.clients.handshakes.begin(from.peer.ip(), &from.at).await;
        acceptor.accept(wire).await
    });
    let accepted = accepted.await;
    fault::point("tls");
    let tls = match accepted {
        Ok(Ok(tls)) => Box::new(tls),
        Ok(Err(error)) => return events::tls_failed(&from.at, from.peer.ip(), &error),
        Err(_) => {
            let why = "no whole handshake within `request_header`";
            return events::tls_failed(&from.at, from.peer.ip(), &why);
        }
    };
    if tls.get_ref().1.alpn_protocol() == Some(b"h2") {
        return http2::serve(*tls, from, announces, worker).await;
    }
    connection::serve(Peer::new(Stream::FromClient(tls)), from, worker).await;
}
