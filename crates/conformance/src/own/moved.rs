//! A model at other addresses: its text, with what lies elsewhere replaced where it stands.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use wsgen_model::scalar::TunnelIdle;
use wsgen_model::site::{Auth, ListenerId};
use wsgen_model::source::Span;

use super::Own;
use super::asked::Sent;
use crate::launch::Port;
use crate::peer::Teller;
use crate::stage::{Server, Stage};
use crate::verdict::{Trouble, Verdict};
use crate::wire::{Certificate, Head, Versions, Wire, client_tls};

/// Idle steps are made this short, with the timers that they wait for.
const SHORT: Duration = Duration::from_secs(6);

/// A target that runs a model at other addresses.
#[derive(Debug)]
pub(crate) struct Moved {
    /// The target.
    pub(crate) server: Arc<Server>,
    /// By how much timers were shortened.
    pub(crate) scale: f64,
    /// The model as it runs.
    pub(crate) text: String,
    listeners: Vec<SocketAddr>,
    /// The certificate that clients show to listeners that want one.
    client: Option<Arc<Certificate>>,
    _held: Vec<Port>,
    _tellers: Vec<Teller>,
}

/// What came for a request.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Its head.
    pub(crate) head: Head,
    /// The connection.
    pub(crate) wire: Wire,
}

impl Moved {
    /// Plays the servers of a model and starts a target with it.
    pub(super) async fn start(stage: &Stage, own: &Own) -> Verdict<Self> {
        let mut changes: BTreeMap<Span, String> = BTreeMap::new();
        let (mut held, mut tellers, mut listeners) = (Vec::new(), Vec::new(), Vec::new());
        for listener in &own.site.listeners {
            let port = stage.nowhere()?;
            listeners.push(port.address());
            changes.insert(listener.address.span, port.address().to_string());
            held.push(port);
        }
        if let Some(admin) = &own.site.admin {
            let port = stage.nowhere()?;
            changes.insert(admin.span, port.address().to_string());
            held.push(port);
        }
        for upstream in &own.site.upstreams {
            for server in &upstream.servers {
                let teller = Teller::bind(upstream.name.value.as_str()).await?;
                changes.insert(server.address.span, teller.address().to_string());
                tellers.push(teller);
            }
        }
        for forward in own.site.routes.iter().filter_map(|route| route.forward()) {
            if let Some(Auth::Forward { url, .. }) = forward.auth.as_ref().map(|auth| &auth.value) {
                let teller = Teller::bind("service").await?;
                changes.insert(url.span, format!("http://{}{}", teller.address(), url.value.path));
                tellers.push(teller);
            }
        }
        files(stage, own, &mut changes)?;
        let scale = shortened(own, &mut changes);
        let text = replaced(&own.text, &changes)?;
        let server = stage.start_at(&text, &listeners).await?;
        Ok(Self { server, scale, text, listeners, client: None, _held: held, _tellers: tellers })
    }

    /// A server that was started by somebody else, where its listeners are, and what clients show to those that want a
    /// certificate.
    pub(crate) fn at(
        server: Arc<Server>,
        text: String,
        listeners: Vec<SocketAddr>,
        client: Arc<Certificate>,
    ) -> Self {
        let (held, tellers) = (Vec::new(), Vec::new());
        let client = Some(client);
        Self { server, scale: 1.0, text, listeners, client, _held: held, _tellers: tellers }
    }

    /// Where a listener is.
    pub(crate) fn address(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.listeners.get(listener.0).copied()
    }

    /// Sends a request to a listener, by TLS and with a PROXY header where it wants them.
    pub(crate) async fn ask(
        &self,
        stage: &Stage,
        own: &Own,
        listener: ListenerId,
        sent: &Sent,
    ) -> Verdict<Answered> {
        let mut wire = self.send(stage, own, listener, sent).await?;
        Ok(Answered { head: wire.answer().await?, wire })
    }

    /// Sends a request and returns its connection without waiting for an answer.
    pub(crate) async fn send(
        &self,
        stage: &Stage,
        own: &Own,
        listener: ListenerId,
        sent: &Sent,
    ) -> Verdict<Wire> {
        let mut tcp = self.server.tcp(self.listeners[listener.0]).await?;
        if own.site.listener(listener).proxy_protocol.is_some() {
            let header = "PROXY TCP4 127.0.0.1 127.0.0.1 40000 443\r\n";
            let written = tokio::io::AsyncWriteExt::write_all(&mut tcp, header.as_bytes()).await;
            written.map_err(Trouble::broken)?;
        }
        let mut wire = if own.site.listener(listener).tls.is_some() {
            let wanted =
                own.site.listener(listener).tls.as_ref().is_some_and(|t| t.client_auth.is_some());
            let shown = self.client.as_deref().filter(|_| wanted);
            client_tls(tcp, &sent.host, "http/1.1", Versions::Both, shown, &stage.transcript)
                .await?
                .0
        } else {
            Wire::new(tcp, "client", &stage.transcript)
        };
        wire.send(&sent.text).await?;
        Ok(wire)
    }
}

/// A model's text with other values at these places.
pub(crate) fn replaced(text: &str, changes: &BTreeMap<Span, String>) -> Verdict<String> {
    let mut text = text.to_owned();
    for (span, value) in changes.iter().rev() {
        let value = serde_json::to_string(value).map_err(Trouble::broken)?;
        text.replace_range(span.range(), &value);
    }
    Ok(text)
}

/// Certificates are made anew for every name of the model; other files stay where they are.
fn files(stage: &Stage, own: &Own, changes: &mut BTreeMap<Span, String>) -> Verdict {
    let mut names = vec!["wsgen.test".to_owned()];
    let routes = own.site.routes.iter().flat_map(|route| &route.hostnames);
    names.extend(routes.map(|name| super::asked::host(&name.value)));
    names.dedup();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut site = own.site.clone();
    let mut made = Vec::new();
    for certificate in site
        .listeners
        .iter()
        .filter_map(|listener| listener.tls.as_ref())
        .flat_map(|tls| &tls.certificates)
    {
        let new = Certificate::new(&names)?;
        let number = made.len();
        let chain = stage.file(&format!("own{number}.pem"), &new.chain)?;
        let key = stage.file(&format!("own{number}.key"), &new.key)?;
        changes.insert(certificate.certificate.span, chain);
        changes.insert(certificate.key.span, key);
        made.extend([certificate.certificate.span, certificate.key.span]);
    }
    for file in site.files_mut() {
        if !made.contains(&file.span) {
            let path = own.folder.join(file.value.as_str());
            changes.insert(file.span, path.display().to_string());
        }
    }
    Ok(())
}

/// Shortens `tunnel_idle` everywhere so that the longest idle step takes no longer than it must.
fn shortened(own: &Own, changes: &mut BTreeMap<Span, String>) -> f64 {
    let steps = own.site.routes.iter().flat_map(|route| &route.expect);
    let idle =
        steps.filter_map(|step| step.value.idle.as_ref()).map(|idle| Duration::from(idle.value));
    let longest = idle.max().unwrap_or_default();
    if own.slow || longest <= SHORT {
        return 1.0;
    }
    let scale = SHORT.as_secs_f64() / longest.as_secs_f64();
    for forward in own.site.routes.iter().filter_map(|route| route.forward()) {
        let setting = &forward.timeouts.tunnel_idle;
        if let (TunnelIdle::After(time), Some(span)) = (**setting, setting.span) {
            let short = Duration::from(time).mul_f64(scale).max(Duration::from_secs(1));
            changes.insert(span, format!("{}ms", short.as_millis()));
        }
    }
    scale
}
