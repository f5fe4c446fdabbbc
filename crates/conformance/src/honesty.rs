//! Whether this harness can fail on a target: before its cases are believed, it has to see a dead port, a 200 in place of a
//! 101, and an echo that alters a byte.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::catalogue::REMOTE;
use crate::launch::{Place, Target};
use crate::peer::handshake;
use crate::run::make;
use crate::stage::Stage;
use crate::verdict::{Trouble, Verdict};
use crate::wire::Url;
use crate::wire::frame::{Frame, TEXT};

/// Tries the three lies; an error says which was believed.
pub(crate) async fn probe(target: &Target, folder: &Path) -> Result<(), String> {
    make(folder).map_err(|error| error.to_string())?;
    if let Place::At(_) = &target.place {
        return liar(folder).await;
    }
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

/// A proxy that nothing is known of cannot be made to lie: one that refuses everything takes its place.
async fn liar(folder: &Path) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let lying = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let no = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(no).await;
        }
    });
    let url = Url::parse(&format!("ws://{address}/")).ok_or("no URL")?;
    let target = Target::running(url);
    let stage = Stage::new(&target, folder, None);
    let accepted = REMOTE.iter().find(|case| case.name == "accepted").ok_or("no such case")?;
    let verdict = accepted.run.on(&stage).await;
    lying.abort();
    match verdict {
        Err(Trouble::Failed(_)) => Ok(()),
        other => Err(format!("a 200 in place of a 101 was taken for {other:?}")),
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
