//! Forward authentication: another service decides whether a request may pass (`auth/forward`). Each thread has an HTTP
//! client for each service, which keeps connections for the next questions.

use std::cell::RefCell;
use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT, HOST};
use http::uri::PathAndQuery;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use wsgen_model::config::Resolve;
use wsgen_model::located::Located;
use wsgen_model::scalar::{HeaderName as ModelName, HttpUrl};
use wsgen_model::site::{Setting, UpstreamTls};
use wsgen_model::spelling::{FORWARDED_FIELDS, FRAMING_FIELDS, is_same};

use crate::answer::Answer;
use crate::events::{self, Stage};
use crate::exchange::Exchange;
use crate::fields;
use crate::head::find;
use crate::isolation::{Beside, Part};
use crate::snapshot::StartError;
use crate::stream::Stream;
use crate::upstream::{Speaks, Target};

/// Most bytes of a refusal's body that are passed on.
const BODY: usize = 64 * 1024;
/// Most bytes of an answer's head.
const HEAD: usize = 64 * 1024;
/// Most fields of an answer.
const FIELDS: usize = 128;
/// Time that a connection to the service may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Time that an idle connection is kept; services mostly close theirs after 60 s or more.
const IDLE: Duration = Duration::from_secs(30);
/// Idle connections that one thread keeps for one service.
const IDLE_CONNECTIONS: usize = 64;
/// Questions of one thread to one service at a time, each on a connection of its own. Further ones wait.
const QUESTIONS: usize = 1024;

/// The service that decides on the requests of a route.
#[derive(Debug)]
pub(crate) struct Service {
    target: Arc<Target>,
    path: PathAndQuery,
    host: HeaderValue,
    copies: Vec<String>,
}

/// Fields that the upstream gets from a service's answer, in place of the client's own; `None` where the service had none.
pub(crate) type Copied = Vec<(String, Option<Vec<u8>>)>;

impl Service {
    /// Prepares a service: resolves its name and reads the authorities.
    pub(crate) fn new(
        url: &Located<HttpUrl>,
        copies: &[Located<ModelName>],
    ) -> Result<Self, StartError> {
        let tls = UpstreamTls { server_name: None, ca: None, verify: Setting::built_in(true) };
        let address = Located::new(url.value.address.clone(), url.span);
        let target =
            Target::reach(&address, url.value.tls.then_some(&tls), CONNECT, Resolve::Startup)?;
        let bad = |what: &str| {
            let message = format!("`{}` has a {what} that no request can carry", url.value);
            StartError::at(url.span, message, "percent-encode it")
        };
        let path = url.value.path.to_string().parse().map_err(|_| bad("path"))?;
        let host = target.to_string().parse().map_err(|_| bad("host"))?;
        let copies = copies.iter().map(|name| name.value.to_string()).collect();
        Ok(Self { target: Arc::new(target), path, host, copies })
    }

    /// Asks whether a request may pass, for at most `time`. An error is the answer that the client gets.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        exchange: &Exchange<'_>,
        host: &str,
        time: Duration,
    ) -> Result<Copied, Answer> {
        let client = exchange.worker.services.client(self);
        let asked = async { client.ask(self.question(exchange, host)?).await };
        let failed = |status, Failed(stage, cause): Failed| {
            events::upstream_failed("auth.forward", self.target.name(), stage, &cause);
            Answer::status(status)
        };
        let (answer, body) = match tokio::time::timeout(time, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => return Err(failed(502, why)),
            Err(_) => {
                let why = Failed(Stage::ResponseHead, "no answer in time".to_owned());
                return Err(failed(504, why));
            }
        };
        let (head, ()) = answer.into_parts();
        let field = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.as_bytes().to_vec())
        };
        let fields: Vec<(String, Vec<u8>)> = head.headers.iter().map(field).collect();
        if head.status.is_success() {
            let copy = |name: &String| (name.clone(), find(&fields, name).map(<[u8]>::to_vec));
            return Ok(self.copies.iter().map(copy).collect());
        }
        let named = fields::named(&fields);
        let kept = fields
            .iter()
            .filter(|(n, _)| n != "content-length" && !fields::is_hop_by_hop(n, &named))
            .map(|(n, v)| (n.clone(), String::from_utf8_lossy(v).into_owned()));
        Err(Answer { status: head.status.as_u16(), fields: kept.collect(), body })
    }

    /// The question about a request: its fields without its body and its upgrade, and where it goes. An error where a
    /// field cannot be sent: a service that does not see all of a request must not judge it.
    fn question(
        &self,
        exchange: &Exchange<'_>,
        host: &str,
    ) -> Result<Request<Empty<Bytes>>, Failed> {
        self.written(exchange, host)
            .ok_or_else(|| Failed(Stage::Choose, "a field cannot be sent".to_owned()))
    }

    fn written(&self, exchange: &Exchange<'_>, host: &str) -> Option<Request<Empty<Bytes>>> {
        let head = exchange.head;
        let scheme = if exchange.secure { "https" } else { "http" };
        let vouched = [
            ("x-original-method", head.method.as_str()),
            ("x-original-uri", &head.target),
            ("x-forwarded-for", &exchange.entry.client.to_string()),
            ("x-forwarded-proto", scheme),
            ("x-forwarded-host", host),
        ];
        let mut fields = HeaderMap::new();
        fields.insert(HOST, self.host.clone());
        let named = fields::named(&head.fields);
        for (name, value) in &head.fields {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            // Nobody but the proxy tells the service who asks, in any spelling (`forwarded/spelling`).
            let ours = vouched.iter().map(|(known, _)| *known);
            let mut ours = ours.chain(FORWARDED_FIELDS).chain(FRAMING_FIELDS);
            let stays = [HOST, EXPECT, CONNECTION].contains(&name)
                || fields::is_hop_by_hop(name.as_str(), &named)
                || name.as_str().starts_with("sec-websocket-")
                || ours.any(|known| is_same(known, name.as_str()));
            if !stays {
                fields.try_append(name, HeaderValue::from_bytes(value).ok()?).ok()?;
            }
        }
        for (name, value) in vouched {
            fields.insert(name, HeaderValue::from_str(value).ok()?);
        }
        // The client of a service has one destination, whatever the authority says.
        let uri = Uri::builder().scheme("http").authority("service");
        let uri = uri.path_and_query(self.path.clone()).build().ok()?;
        let mut question = Request::new(Empty::new());
        (*question.uri_mut(), *question.headers_mut()) = (uri, fields);
        Some(question)
    }
}

/// The clients of one thread, by the service that they ask. A service is gone when its configuration is.
#[derive(Debug, Default)]
pub(crate) struct ServiceClients(RefCell<Vec<(Weak<Service>, ServiceClient)>>);

impl ServiceClients {
    fn client(&self, service: &Arc<Service>) -> ServiceClient {
        let mut all = self.0.borrow_mut();
        let known = all.iter().find(|(known, _)| known.as_ptr() == Arc::as_ptr(service));
        if let Some((_, client)) = known {
            return client.clone();
        }
        all.retain(|(known, _)| known.strong_count() > 0);
        let client = ServiceClient::new(&service.target);
        all.push((Arc::downgrade(service), client.clone()));
        client
    }

    /// Forgets every client; connections that are in use end with their answers.
    pub(crate) fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

/// The HTTP client that asks one service.
#[derive(Debug, Clone)]
struct ServiceClient {
    client: Client<Connector, Empty<Bytes>>,
    places: Arc<Semaphore>,
}

impl ServiceClient {
    fn new(target: &Arc<Target>) -> Self {
        let client = Client::builder(Beside(Part::Upstream))
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(HEAD)
            .http1_max_headers(FIELDS)
            .http1_title_case_headers(true)
            .build(Connector(target.clone()));
        Self { client, places: Arc::new(Semaphore::new(QUESTIONS)) }
    }

    /// Asks, and reads the answer's body as far as it is passed on.
    async fn ask(
        &self,
        question: Request<Empty<Bytes>>,
    ) -> Result<(Response<()>, Vec<u8>), Failed> {
        // It is never closed.
        let _place = self.places.acquire().await;
        let answer = loop {
            match self.client.request(question.clone()).await {
                Ok(answer) => break answer,
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(Failed::of(&error)),
            }
        };
        if let Some(answered) = answer.extensions().get::<Answered>() {
            answered.0.store(true, Ordering::Relaxed);
        }
        // Nobody has asked for another protocol.
        if answer.status().is_informational() {
            let why = format!("answered {}", answer.status().as_u16());
            return Err(Failed(Stage::ResponseHead, why));
        }
        let (head, body) = answer.into_parts();
        let body = read(body).await.map_err(|error| Failed(Stage::Body, error.to_string()))?;
        Ok((Response::from_parts(head, ()), body))
    }
}

/// The step at which a service failed, and why.
struct Failed(Stage, String);

impl Failed {
    /// The failure of a client: the cause at the end of its chain, and the step that a connection was marked with.
    fn of(error: &Error) -> Self {
        let otherwise = if error.is_connect() { Stage::Connect } else { Stage::ResponseHead };
        let (mut stage, mut last): (_, &dyn std::error::Error) = (None, error);
        while let Some(source) = last.source() {
            stage = stage.or_else(|| Stage::find(source.downcast_ref()?));
            last = source;
        }
        Self(stage.unwrap_or(otherwise), last.to_string())
    }
}

/// Reads a body up to [`BODY`] bytes.
async fn read(mut body: Incoming) -> hyper::Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            all.extend_from_slice(&data);
        }
        if all.len() > BODY {
            all.truncate(BODY);
            break;
        }
    }
    Ok(all)
}

/// Whether a connection has answered a question before.
#[derive(Debug, Clone, Default)]
struct Answered(Arc<AtomicBool>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().extra(Answered::default())
    }
}

/// Whether a question failed because its connection, which had waited for it, was closed meanwhile. A question is a GET
/// without a body, so that it can be asked again (RFC 9112 section 9.3.1); each attempt takes such a connection away.
fn is_stale(error: &Error) -> bool {
    let mut known = Extensions::new();
    if let Some(connected) = error.connect_info() {
        connected.get_extras(&mut known);
    }
    let waited = known.get::<Answered>().is_some_and(|a| a.0.load(Ordering::Relaxed));
    let cause = error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
    waited && cause.is_some_and(|cause| !cause.is_parse())
}

/// Opens connections to a service.
#[derive(Debug, Clone)]
struct Connector(Arc<Target>);

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let target = self.0.clone();
        Box::pin(async move { target.connect(&[], Speaks::Http1).await.map(TokioIo::new) })
    }
}
