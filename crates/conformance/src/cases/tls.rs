//! TLS of both sides.

use std::sync::Arc;

use crate::case::cases;
use crate::peer::{Teller, handshake};
use crate::stage::{Server, Stage};
use crate::verdict::{Trouble, Verdict, check, equal};
use crate::wire::frame::{Frame, TEXT};
use crate::wire::{Certificate, Versions, Wire, client_tls, server_tls};

/// Writes a certificate and its key; gives the model's entry for it.
fn written(stage: &Stage, name: &str, names: &[&str]) -> Verdict<(Certificate, String)> {
    let certificate = Certificate::new(names)?;
    let chain = stage.file(&format!("{name}.pem"), &certificate.chain)?;
    let key = stage.file(&format!("{name}.key"), &certificate.key)?;
    Ok((certificate, format!("{{certificate: \"{chain}\", key: \"{key}\"}}")))
}

/// A target with a TLS listener in front of a teller.
async fn secured(stage: &Stage, more: &str) -> Verdict<(Arc<Server>, Teller, Certificate)> {
    let (certificate, entry) = written(stage, "chat", &["chat.test"])?;
    let app = Teller::bind("app").await?;
    let server = stage
        .site(app.address(), &format!(", tls: {{certificates: [{entry}]{more}}}"), "", "")
        .await?;
    Ok((server, app, certificate))
}

/// A connection by TLS, with the certificate that is shown.
async fn connected(
    stage: &Stage,
    server: &Server,
    name: &str,
    own: Option<&Certificate>,
) -> Verdict<(Wire, Vec<u8>)> {
    let tcp = server.tcp(server.address).await?;
    let (wire, shown, _) =
        client_tls(tcp, name, "http/1.1", Versions::Both, own, &stage.transcript).await?;
    Ok((wire, shown))
}

/// Whether a certificate in PEM is the one that is shown.
fn is_shown(certificate: &Certificate, shown: &[u8]) -> bool {
    use base64::Engine;
    let text: String = certificate.chain.lines().filter(|line| !line.starts_with("---")).collect();
    base64::engine::general_purpose::STANDARD.decode(text).is_ok_and(|der| der == shown)
}

/// A handshake to an upstream that shows a certificate: the client's status, and the name that was asked for in SNI.
async fn shown(
    stage: &Stage,
    certificate: &Certificate,
    settings: &str,
) -> Verdict<(u16, Option<String>)> {
    let upstream = stage.upstream().await?;
    let more = format!(", protocol: https, tls: {{{settings}}}");
    let server = stage.site(upstream.address(), "", &more, "").await?;
    let mut client = server.connect().await?;
    client.send(handshake::request("/", "")).await?;
    let mut asked_for = None;
    let status = {
        let answered: std::pin::Pin<Box<dyn Future<Output = Verdict> + Send + '_>> =
            Box::pin(async {
                // It may be tried more than once.
                loop {
                    let tcp = upstream.tcp().await?;
                    let protocols = ["http/1.1"];
                    let accepted = server_tls(tcp, certificate, &protocols, &stage.transcript);
                    if let Ok((mut far, name)) = accepted.await {
                        asked_for = name;
                        if let Ok(asked) = far.head().await {
                            far.send(handshake::accept(&asked)).await?;
                        }
                    }
                }
            });
        tokio::select! {
            head = client.answer() => head?.status(),
            trouble = answered => return Err(trouble.err().unwrap_or_else(|| Trouble::broken("it ended"))),
        }
    };
    Ok((status, asked_for))
}

cases! { "tls";
    /// `wss` in front, `ws` behind.
    ///
    /// Sent: a handshake by TLS. Seen: a tunnel, and `https` in what the upstream is told.
    [TLS_CERTIFICATE, ListenerTls]
    async fn wss_in_front(stage) {
        let (server, _app, certificate) = secured(stage, "").await?;
        let (mut client, shown) = connected(stage, &server, "chat.test", None).await?;
        check(is_shown(&certificate, &shown), "its certificate", "another")?;
        let head = handshake::open(&mut client, "/").await?;
        let seen = crate::peer::Seen::of(head, b"");
        equal("the scheme", seen.head.field("x-forwarded-proto").as_deref(), Some("https"))?;
        client.send_frame(&Frame::client(TEXT, "x")).await?;
        equal("an echo", client.frame().await?, Frame::server(TEXT, "x"))?;
    }

    /// Each name has its certificate, and unknown names get the first.
    ///
    /// Sent: connections for two names and a third. Seen: the certificate of each, and the first.
    [TLS_CERTIFICATE, ListenerTls]
    async fn by_name(stage) {
        let (one, first) = written(stage, "one", &["one.test"])?;
        let (two, second) = written(stage, "two", &["two.test"])?;
        let app = Teller::bind("app").await?;
        let more = second.replace("{cert", "{hostnames: [two.test], cert");
        let server = stage.site(app.address(), &format!(", tls: {{certificates: [{first}, {more}]}}"), "", "").await?;
        for (name, certificate) in [("one.test", &one), ("two.test", &two), ("three.test", &one)] {
            let (_, shown) = connected(stage, &server, name, None).await?;
            check(is_shown(certificate, &shown), format!("the certificate for {name}"), "another")?;
        }
    }

    /// A large message passes by TLS.
    ///
    /// Sent: a message of 1 MiB by TLS. Seen: its echo.
    [TLS_CERTIFICATE, ListenerTls]
    async fn large_messages(stage) {
        let (server, _app, _) = secured(stage, "").await?;
        let (mut client, _) = connected(stage, &server, "chat.test", None).await?;
        handshake::open(&mut client, "/").await?;
        let message = vec![b'm'; 1 << 20];
        client.send_frame(&Frame::client(2, &message)).await?;
        check(client.frame().await?.payload == message, "the message", "another")?;
    }

    /// The end of a tunnel by TLS is told in order.
    ///
    /// Sent: the upstream's end. Seen: the end at the client, not a reset.
    [END_PROPAGATION, ListenerTls]
    async fn ends_in_order(stage) {
        let (_, entry) = written(stage, "chat", &["chat.test"])?;
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), &format!(", tls: {{certificates: [{entry}]}}"), "", "").await?;
        let (mut client, _) = connected(stage, &server, "chat.test", None).await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, asked) = upstream.request().await?;
        far.send(handshake::accept(&asked)).await?;
        client.answer().await?;
        far.send_frame(&Frame::server(TEXT, "last")).await?;
        drop(far);
        equal("the last words", client.frame().await?, Frame::server(TEXT, "last"))?;
        client.rest().await?;
    }

    /// A modern listener does not speak TLS 1.2, an intermediate one does.
    ///
    /// Sent: connections of TLS 1.2 to both. Seen: a refusal, and a connection.
    [TLS_PROFILE, ListenerTls, TlsProfile]
    async fn profiles(stage) {
        for (profile, speaks) in [("modern", false), ("intermediate", true)] {
            let (server, _app, _) = secured(stage, &format!(", profile: {profile}")).await?;
            let tcp = server.tcp(server.address).await?;
            let old = client_tls(tcp, "chat.test", "http/1.1", Versions::Only12, None, &stage.transcript).await;
            equal(&format!("TLS 1.2 with {profile}"), old.is_ok(), speaks)?;
            connected(stage, &server, "chat.test", None).await?;
        }
    }

    /// With `client_auth: require` a client without a certificate gets nowhere.
    ///
    /// Sent: a client without one, with a stranger's, with a good one. Seen: no answer, no answer, a tunnel.
    [TLS_CLIENT, ListenerTls, ClientAuth]
    async fn client_certificates(stage) {
        let (mine, stranger) = (Certificate::new(&["me.test"])?, Certificate::new(&["me.test"])?);
        let ca = stage.file("clients.pem", &mine.authority)?;
        let (server, _app, _) = secured(stage, &format!(", client_auth: {{mode: require, ca: \"{ca}\"}}")).await?;
        for (who, own, good) in [("nobody", None, false), ("a stranger", Some(&stranger), false), ("me", Some(&mine), true)] {
            // TLS 1.3 tells a client that it is refused only when it reads.
            let opened = async {
                let (mut client, _) = connected(stage, &server, "chat.test", own).await?;
                handshake::open(&mut client, "/").await
            };
            equal(&format!("a tunnel for {who}"), opened.await.is_ok(), good)?;
        }
    }

    /// An upstream by TLS is verified, and asked for by its name.
    ///
    /// Sent: a handshake to an upstream whose certificate is good for `server_name`. Seen: that name in SNI, and a tunnel.
    [TLS_UPSTREAM, UpstreamTls]
    async fn upstream_is_verified(stage) {
        let certificate = Certificate::new(&["app.test"])?;
        let ca = stage.file("ca.pem", &certificate.authority)?;
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), "", &format!(", protocol: https, tls: {{server_name: app.test, ca: \"{ca}\"}}"), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, name) = server_tls(upstream.tcp().await?, &certificate, &["http/1.1"], &stage.transcript).await?;
        equal("SNI", name.as_deref(), Some("app.test"))?;
        let asked = far.head().await?;
        far.send(handshake::accept(&asked)).await?;
        equal("the status", client.answer().await?.status(), 101)?;
        far.send_frame(&Frame::server(TEXT, "x")).await?;
        client.expect(Frame::server(TEXT, "x").bytes()).await?;
    }

    /// An upstream that nobody vouches for is not believed.
    ///
    /// Sent: a handshake to an upstream with a certificate of a strange authority, and to one with another name. Seen: 502.
    [TLS_UPSTREAM, UpstreamTls]
    async fn strange_upstreams_are_refused(stage) {
        let (good, stranger) = (Certificate::new(&["app.test"])?, Certificate::new(&["app.test"])?);
        let ca = stage.file("ca.pem", &good.authority)?;
        for (certificate, name) in [(&stranger, "app.test"), (&good, "other.test")] {
            let (status, _) = shown(stage, certificate, &format!("server_name: {name}, ca: \"{ca}\"")).await?;
            check([502, 503].contains(&status), format!("502 for {name}"), status)?;
        }
    }

    /// A certificate for an address is good for a server that is known by its address.
    ///
    /// Sent: a handshake to an upstream without `server_name`, whose certificate is for 127.0.0.1, and one for another
    /// address. Seen: 101, then 502.
    [TLS_UPSTREAM, UpstreamTls]
    async fn upstream_by_address(stage) {
        for (address, good) in [("127.0.0.1", true), ("127.0.0.9", false)] {
            let certificate = Certificate::new(&[address])?;
            let ca = stage.file(&format!("{address}.pem"), &certificate.authority)?;
            let (status, _) = shown(stage, &certificate, &format!("ca: \"{ca}\"")).await?;
            let fits = if good { status == 101 } else { [502, 503].contains(&status) };
            check(fits, if good { "101" } else { "502" }, status)?;
        }
    }

    /// An address is no name for SNI (RFC 6066 section 3).
    ///
    /// Sent: a handshake to an upstream that is known by its address. Seen: no name in SNI.
    [TLS_UPSTREAM, UpstreamTls]
    async fn addresses_are_not_sent_as_names(stage) {
        let certificate = Certificate::new(&["app.test"])?;
        let (status, name) = shown(stage, &certificate, "verify: false").await?;
        equal("the status", status, 101)?;
        equal("SNI", name, None)?;
    }

    /// The authorities between an upstream and the one that vouches may come in any order (RFC 8446 section 4.4.2).
    ///
    /// Sent: a handshake to an upstream that shows the farther authority before the nearer. Seen: 101.
    [TLS_UPSTREAM, UpstreamTls]
    async fn unordered_chains(stage) {
        let certificate = Certificate::unordered(&["app.test"])?;
        let ca = stage.file("root.pem", &certificate.authority)?;
        let (status, _) = shown(stage, &certificate, &format!("server_name: app.test, ca: \"{ca}\"")).await?;
        equal("the status", status, 101)?;
    }

    /// A certificate out of date is not believed, though it is named itself.
    ///
    /// Sent: a handshake to an upstream with a certificate that ended years ago. Seen: 502.
    [TLS_UPSTREAM, UpstreamTls]
    async fn expired_upstreams_are_refused(stage) {
        let certificate = Certificate::expired(&["app.test"])?;
        let ca = stage.file("own.pem", &certificate.authority)?;
        let (status, _) = shown(stage, &certificate, &format!("server_name: app.test, ca: \"{ca}\"")).await?;
        check([502, 503].contains(&status), "502", status)?;
    }

    /// A certificate that is its own authority, as `openssl req -x509` makes it, is believed where the model names it.
    ///
    /// Sent: a handshake to an upstream with such a certificate, for its name and for another. Seen: 101, then 502.
    [TLS_UPSTREAM, UpstreamTls]
    async fn an_upstream_that_is_its_own_authority(stage) {
        let certificate = Certificate::own_authority(&["app.test"])?;
        let ca = stage.file("own.pem", &certificate.authority)?;
        for (name, good) in [("app.test", true), ("other.test", false)] {
            let (status, _) = shown(stage, &certificate, &format!("server_name: {name}, ca: \"{ca}\"")).await?;
            let fits = if good { status == 101 } else { [502, 503].contains(&status) };
            check(fits, format!("{name}: {}", if good { 101 } else { 502 }), status)?;
        }
    }

    /// Clients that ask for no name get the first certificate.
    ///
    /// Sent: a connection without SNI. Seen: the first certificate.
    [TLS_CERTIFICATE, ListenerTls]
    async fn without_a_name(stage) {
        let (one, first) = written(stage, "one", &["one.test"])?;
        let (_, second) = written(stage, "two", &["two.test"])?;
        let app = Teller::bind("app").await?;
        let more = second.replace("{cert", "{hostnames: [two.test], cert");
        let server = stage.site(app.address(), &format!(", tls: {{certificates: [{first}, {more}]}}"), "", "").await?;
        // An address is not sent as a name.
        let (_, shown) = connected(stage, &server, "127.0.0.1", None).await?;
        check(is_shown(&one, &shown), "the first certificate", "another")?;
    }

    /// With `verify: false` every upstream is believed.
    ///
    /// Sent: a handshake to an upstream with a certificate of a strange authority. Seen: a tunnel.
    [TLS_UPSTREAM, UpstreamTls]
    async fn unverified_upstream(stage) {
        let certificate = Certificate::new(&["app.test"])?;
        let upstream = stage.upstream().await?;
        let server = stage.site(upstream.address(), "", ", protocol: https, tls: {verify: false}", "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let (mut far, _) = server_tls(upstream.tcp().await?, &certificate, &["http/1.1"], &stage.transcript).await?;
        let asked = far.head().await?;
        far.send(handshake::accept(&asked)).await?;
        equal("the status", client.answer().await?.status(), 101)?;
    }

    /// What is no TLS gets nowhere on a TLS listener.
    ///
    /// Sent: a handshake without TLS. Seen: no tunnel.
    [TLS_CERTIFICATE, ListenerTls]
    async fn plain_text_is_refused(stage) {
        let (server, _app, _) = secured(stage, "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "")).await?;
        let status = match client.answer().await {
            Ok(answer) => answer.status(),
            Err(Trouble::Failed(_)) => 0,
            Err(trouble) => return Err(trouble),
        };
        check(status != 101 && status != 200, "a refusal", status)?;
    }
}
