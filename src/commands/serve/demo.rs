//! `wsgen serve --demo`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use wsgen_conformance::peer::Echo;
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::source::{Source, Sources};

use crate::input::Input;
use crate::output::{self, Failure};

/// A model in front of an echo, both on free ports of loopback.
pub(super) fn start() -> Result<(Input, Option<Echo>), Failure> {
    let free = |error: std::io::Error| {
        Failure::new(
            format!("cannot listen on loopback: {error}"),
            "check the network of this machine",
        )
    };
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let echo = Echo::bind(any).map_err(free)?;
    let port = TcpListener::bind(any).and_then(|socket| socket.local_addr()).map_err(free)?.port();
    let model = format!(
        "version: 1\nlisteners: [{{name: demo, address: \"127.0.0.1:{port}\"}}]\n\
         upstreams: {{echo: {{servers: [\"{}\"]}}}}\nroutes: [{{upstream: echo}}]\n",
        echo.address()
    );
    output::eprint(&format!(
        "a WebSocket that answers with what you say: ws://127.0.0.1:{port}/\n\
         try it:  curl -i http://127.0.0.1:{port}/   or, with Node.js 22:\n  \
         node -e 'const s=new WebSocket(\"ws://127.0.0.1:{port}/\");s.onopen=()=>s.send(\"hello\");s.onmessage=m=>{{console.log(m.data);s.close()}}'\n"
    ));
    let mut sources = Sources::default();
    sources.add(Source::new("<demo>", model));
    Ok((Input { sources, diagnostics: Diagnostics::default() }, Some(echo)))
}
