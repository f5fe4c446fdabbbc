//! Requests to the status pages of a running proxy.

use std::error::Error;
use std::time::Duration;

use http::header::HOST;
use http::{Method, Request};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use wsgen_model::scalar::ListenAddress;

use crate::args::AdminArguments;
use crate::commands::check;
use crate::input;
use crate::output::Failure;

/// How long a proxy may take: a reload resolves names and reads files.
const PATIENCE: Duration = Duration::from_mins(1);

/// Time in which a connection must be established.
const CONNECT: Duration = Duration::from_secs(5);
/// Most bytes of a page; a hundred thousand tunnels take some 30 MB.
const PAGE: usize = 1 << 30;

/// The status and the body of a page's answer.
pub(crate) fn ask(
    arguments: &AdminArguments,
    method: Method,
    path: &str,
) -> Result<(u16, String), Failure> {
    let address = address(arguments)?;
    let cannot = |error: Box<dyn Error + Send + Sync>| {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            let help = "name the address of its status pages, not of a listener";
            return Failure::new(format!("{address} is not a running proxy of wsgen"), help);
        }
        Failure::new(
            format!("cannot ask the proxy at {address}: {error}"),
            "start it with `--admin ADDR` or with `admin: {address: ADDR}` in its model",
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| cannot(error.into()))?;
    let answer = runtime.block_on(async {
        tokio::time::timeout(PATIENCE, exchange(&address, method, path))
            .await
            .unwrap_or_else(|_| Err("it does not answer".into()))
    });
    answer.map_err(cannot)
}

fn address(arguments: &AdminArguments) -> Result<ListenAddress, Failure> {
    if let Some(address) = &arguments.admin {
        return Ok(address.clone());
    }
    let (site, _) = check::judge(&input::read(&arguments.files)?);
    let admin = site.and_then(|site| site.admin).map(|admin| admin.value);
    admin.ok_or_else(|| {
        let help = "name them with `--admin ADDR`, or add `admin: {address: \"127.0.0.1:9901\"}`";
        Failure::new("the model does not say where the status pages are", help)
    })
}

type Answer = Result<(u16, String), Box<dyn Error + Send + Sync>>;

async fn exchange(address: &ListenAddress, method: Method, path: &str) -> Answer {
    match address {
        ListenAddress::Socket(socket) => {
            let stream = tokio::time::timeout(CONNECT, TcpStream::connect(socket)).await;
            let stream = stream.map_err(|_| "nobody answers")??;
            exchange_over(stream, method, path).await
        }
        ListenAddress::Unix(file) => {
            exchange_over(UnixStream::connect(file).await?, method, path).await
        }
    }
}

/// Sends one request over a connection, and reads its answer.
async fn exchange_over<S>(stream: S, method: Method, path: &str) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path).header(HOST, "localhost");
    let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), PAGE).collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
