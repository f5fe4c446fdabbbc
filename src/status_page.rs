//! Asking a running proxy through its status pages.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use wsgen_model::scalar::ListenAddress;

use crate::args::AdminArguments;
use crate::commands::check;
use crate::input;
use crate::output::Failure;

/// How long a proxy may take: a reload resolves names and reads files.
const PATIENCE: Duration = Duration::from_mins(1);

/// The status and the body of a page's answer.
pub(crate) fn ask(
    arguments: &AdminArguments,
    method: &str,
    path: &str,
) -> Result<(u16, String), Failure> {
    let address = address(arguments)?;
    let answer = exchange(&address, method, path).map_err(|error| {
        Failure::new(
            format!("cannot ask the proxy at {address}: {error}"),
            "start it with `--admin ADDR` or with `admin: {address: ADDR}` in its model",
        )
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| {
        let help = "name the address of its status pages, not of a listener";
        Failure::new(format!("{address} is not a running proxy of wsgen"), help)
    })?;
    Ok((status, body.to_owned()))
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

fn exchange(address: &ListenAddress, method: &str, path: &str) -> io::Result<String> {
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    match address {
        ListenAddress::Socket(socket) => {
            let mut stream = TcpStream::connect_timeout(socket, Duration::from_secs(5))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            stream.read_to_end(&mut answer)?;
        }
        ListenAddress::Unix(path) => {
            let mut stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            stream.read_to_end(&mut answer)?;
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
