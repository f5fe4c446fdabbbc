//! Peers that do not read.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::case::cases;
use crate::opened::Opened;
use crate::verdict::check;

/// More than any buffers on the way take.
const MUCH: usize = 48 << 20;

cases! { "pressure";
    /// A client that does not read slows its upstream down; nothing is lost when it reads again.
    ///
    /// Sent: 48 MiB to a client that reads nothing for a second. Seen: the upstream has to wait; then every byte arrives.
    [END_PROPAGATION; alone]
    async fn slow_client(stage) {
        let Opened { client, far, .. } = stage.opened("").await?;
        let (reader, _client_writer, _) = client.split();
        let (_far_reader, writer, _) = far.split();
        slow(reader, writer).await?;
    }

    /// An upstream that does not read slows its client down; nothing is lost when it reads again.
    ///
    /// Sent: 48 MiB to an upstream that reads nothing for a second. Seen: the client has to wait; then every byte arrives.
    [END_PROPAGATION; alone]
    async fn slow_upstream(stage) {
        let Opened { client, far, .. } = stage.opened("").await?;
        let (_client_reader, writer, _) = client.split();
        let (reader, _far_writer, _) = far.split();
        slow(reader, writer).await?;
    }

    /// A direction that stands still is none of the other's.
    ///
    /// Sent: 48 MiB to a client that reads nothing, and frames of that client. Seen: the frames at the upstream.
    [END_PROPAGATION; alone]
    async fn one_direction_stands_still(stage) {
        let Opened { client, far, .. } = stage.opened("").await?;
        let (_reader, mut client, _) = client.split();
        let (mut far, mut flood, _) = far.split();
        let flooding = tokio::spawn(async move {
            let _ = flood.write_all(&vec![b'f'; MUCH]).await;
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut got = [0; 5];
        let moved = async { tokio::try_join!(client.write_all(b"hello"), async { far.read_exact(&mut got).await.map(|_| ()) }) };
        let moved = tokio::time::timeout(Duration::from_secs(5), moved).await;
        flooding.abort();
        check(matches!(moved, Ok(Ok(_))) && got == *b"hello", "the frames arrive", format!("{moved:?}"))?;
    }
}

/// Writes much while nobody reads, then reads all of it.
async fn slow(
    mut reader: impl tokio::io::AsyncRead + Unpin,
    mut writer: impl tokio::io::AsyncWrite + Unpin + Send + 'static,
) -> crate::verdict::Verdict {
    let writing = tokio::spawn(async move {
        let piece: Vec<u8> = (0..65_536_u32).map(|n| u8::try_from(n % 251).unwrap_or(0)).collect();
        for _ in 0..MUCH / piece.len() {
            writer.write_all(&piece).await?;
        }
        writer.flush().await?;
        Ok::<_, std::io::Error>(writer)
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    check(!writing.is_finished(), "the writer has to wait", "all of it was taken")?;
    let mut piece = vec![0; 65_536];
    for number in 0..MUCH / piece.len() {
        let read = tokio::time::timeout(crate::wire::PATIENCE, reader.read_exact(&mut piece)).await;
        check(
            matches!(read, Ok(Ok(_))),
            "every byte arrives",
            format!("{read:?} in piece {number}"),
        )?;
        let right = piece.iter().enumerate().all(|(n, byte)| usize::from(*byte) == n % 251);
        check(right, "the same bytes", format!("others in piece {number}"))?;
    }
    Ok(())
}
