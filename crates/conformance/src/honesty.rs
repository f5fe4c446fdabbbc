//! Whether this harness can fail on a target: before its cases are believed, it has to see a dead port, a 200 in place of a
//! 101, and an echo that alters a byte.

use std::path::Path;

use crate::launch::Target;
use crate::peer::handshake;
use crate::run::make;
use crate::stage::Stage;
use crate::verdict::{Trouble, Verdict};
use crate::wire::frame::{Frame, TEXT};

/// Tries the three lies; an error says which was believed.
pub(crate) async fn probe(target: &Target, folder: &Path) -> Result<(), String> {
    make(folder).map_err(|error| error.to_string())?;
    let stage = Stage::new(target, folder, None);
    let believed = |what: &str| Err(format!("{what} was taken for a pass"));
    let failed = |verdict: Verdict| match verdict {
        Ok(()) => None,
        Err(Trouble::Failed(_)) => Some(Ok(())),
        Err(Trouble::Broken(why)) => Some(Err(why)),
    };
    let nowhere = stage.nowhere().map_err(|_| "no port".to_owned())?;
    for (what, seen) in [
        ("a dead port", failed(echoes(&stage, Lie::Dead(nowhere.address())).await)),
        ("a 200 in place of a 101", failed(echoes(&stage, Lie::NoUpgrade).await)),
        ("an echo that alters a byte", failed(echoes(&stage, Lie::Alters).await)),
    ] {
        match seen {
            Some(Ok(())) => {}
            Some(Err(why)) => return Err(why),
            None => return believed(what),
        }
    }
    // And the truth is believed.
    match echoes(&stage, Lie::None).await {
        Ok(()) => Ok(()),
        Err(trouble) => Err(format!("an echo is no pass: {trouble:?}")),
    }
}

enum Lie {
    None,
    Dead(std::net::SocketAddr),
    NoUpgrade,
    Alters,
}

/// What a case would see of an upstream that lies.
async fn echoes(stage: &Stage, lie: Lie) -> Verdict {
    let upstream = stage.upstream().await?;
    let address = if let Lie::Dead(address) = lie { address } else { upstream.address() };
    let server = stage.route(address, "").await?;
    let far = async {
        if matches!(lie, Lie::Dead(_)) {
            return Ok(());
        }
        let (mut wire, head) = upstream.request().await?;
        if matches!(lie, Lie::NoUpgrade) {
            return wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        }
        wire.send(handshake::accept(&head)).await?;
        let frame = wire.frame().await?;
        let mut payload = frame.payload;
        if matches!(lie, Lie::Alters) {
            payload[0] ^= 1;
        }
        wire.send_frame(&Frame::server(TEXT, payload)).await?;
        let _ = wire.rest().await;
        Ok(())
    };
    let near = async {
        let mut client = server.connect().await?;
        handshake::open(&mut client, "/").await?;
        client.send_frame(&Frame::client(TEXT, "honest")).await?;
        client.expect(Frame::server(TEXT, "honest").bytes()).await
    };
    // What the client sees decides.
    let far = async {
        let _ = far.await;
        std::future::pending::<Verdict>().await
    };
    tokio::select! {
        near = near => near,
        far = far => far,
    }
}
