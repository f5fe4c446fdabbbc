//! `wsgen echo`.

use std::net::SocketAddr;

use wsgen_conformance::peer::Echo;

use crate::output::{self, Exit, Failure};

pub(super) fn run(address: SocketAddr) -> Result<Exit, Failure> {
    let echo = Echo::bind(address).map_err(|error| {
        Failure::new(format!("cannot listen on {address}: {error}"), "name another address")
    })?;
    output::eprint(&format!("echo on ws://{}\n", echo.address()));
    echo.join();
    Ok(Exit::Success)
}
