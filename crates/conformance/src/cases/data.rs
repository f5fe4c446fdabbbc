//! What passes through an open tunnel: bytes, untouched.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use crate::case::cases;
use crate::opened::Opened;
use crate::peer::{Teller, handshake};
use crate::verdict::{Trouble, check, equal};
use crate::wire::frame::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, TEXT};

cases! { "data";
    /// A client and a server of a library talk to each other.
    ///
    /// Sent: text, bytes and a ping by tokio-tungstenite to its own echo. Seen: each comes back, the ping as a pong.
    [HANDSHAKE_STRICT_TOKEN]
    async fn library_to_library(stage) {
        let echo = stage.echo()?;
        let server = stage.route(echo.address(), "").await?;
        let url = format!("ws://{}/", server.address);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.map_err(|e| Trouble::failed("a tunnel", e))?;
        for message in [Message::text("grüß dich"), Message::binary(vec![0, 255, 13, 10]), Message::text("")] {
            socket.send(message.clone()).await.map_err(|e| Trouble::failed("a message is taken", e))?;
            let back = socket.next().await.and_then(Result::ok);
            equal("an echo", back, Some(message))?;
        }
        socket.send(Message::Ping(b"there?".as_slice().into())).await.map_err(|e| Trouble::failed("a ping is taken", e))?;
        let back = socket.next().await.and_then(Result::ok);
        equal("a pong", back, Some(Message::Pong(b"there?".as_slice().into())))?;
    }

    /// Messages of every form of length pass, up to a mebibyte.
    ///
    /// Sent: 0, 1, 125, 126, 127, 65535, 65536 and 1048576 bytes in one frame each. Seen: every byte, both ways.
    [END_PROPAGATION]
    async fn every_form_of_length(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let mut client = server.connect().await?;
        handshake::open(&mut client, "/").await?;
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20] {
            let payload: Vec<u8> = (0..length).map(|n: usize| u8::try_from(n % 251).unwrap_or(0)).collect();
            client.send_frame(&Frame::client(BINARY, &payload)).await?;
            let back = client.frame().await?;
            check(back == Frame::server(BINARY, &payload), format!("{length} bytes come back"), back.payload.len())?;
        }
    }

    /// A message of 16 MiB passes.
    ///
    /// Sent: one frame of 16 MiB through an echo. Seen: every byte.
    [BODY_BUFFERING; alone]
    async fn sixteen_mebibytes(stage) {
        large(stage, 16 << 20).await?;
    }

    /// A message of 64 MiB passes: limits of bodies are none of a tunnel's.
    ///
    /// Sent: one frame of 64 MiB through an echo. Seen: every byte.
    [BODY_BUFFERING; alone]
    async fn sixty_four_mebibytes(stage) {
        large(stage, 64 << 20).await?;
    }

    /// Fragments pass as they were cut.
    ///
    /// Sent: a text in four frames. Seen: the same four.
    [END_PROPAGATION]
    async fn fragments_stay(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        let frames = [
            Frame::client(TEXT, "a").unfinished(),
            Frame::client(CONTINUATION, "").unfinished(),
            Frame::client(CONTINUATION, "bc").unfinished(),
            Frame::client(CONTINUATION, "d"),
        ];
        for frame in &frames {
            client.send_frame(frame).await?;
        }
        for frame in frames {
            equal("a fragment", far.frame().await?, frame)?;
        }
    }

    /// Control frames between fragments pass in their order.
    ///
    /// Sent: a ping between two fragments. Seen: the same order.
    [END_PROPAGATION]
    async fn control_frames_between_fragments(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        let frames = [
            Frame::server(BINARY, "1").unfinished(),
            Frame::server(PING, "now"),
            Frame::server(CONTINUATION, "2"),
        ];
        for frame in &frames {
            far.send_frame(frame).await?;
        }
        for frame in frames {
            equal("a frame", client.frame().await?, frame)?;
        }
    }

    /// Pings and pongs pass with their payload, from either end; the proxy answers none itself.
    ///
    /// Sent: a ping each way, and pongs. Seen: the same frames, and nothing else.
    [END_PROPAGATION]
    async fn pings_pass(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        let longest = "p".repeat(125);
        client.send_frame(&Frame::client(PING, &longest)).await?;
        equal("a ping", far.frame().await?, Frame::client(PING, &longest))?;
        far.send_frame(&Frame::server(PONG, &longest)).await?;
        equal("a pong", client.frame().await?, Frame::server(PONG, &longest))?;
        far.send_frame(&Frame::server(PING, "back")).await?;
        equal("a ping", client.frame().await?, Frame::server(PING, "back"))?;
        client.quiet(std::time::Duration::from_millis(150)).await?;
        far.quiet(std::time::Duration::from_millis(50)).await?;
    }

    /// Reserved bits pass: extensions are the endpoints' matter.
    ///
    /// Sent: frames with RSV1, RSV2 and RSV3. Seen: the same bits.
    [HANDSHAKE_FIELDS]
    async fn reserved_bits_pass(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        for reserved in 1..8 {
            let frame = Frame { reserved, ..Frame::client(BINARY, "x") };
            client.send_frame(&frame).await?;
            equal("a frame", far.frame().await?, frame)?;
        }
    }

    /// Unknown opcodes pass.
    ///
    /// Sent: frames of every opcode that RFC 6455 reserves. Seen: the same.
    [END_PROPAGATION]
    async fn unknown_opcodes_pass(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            let frame = Frame::client(opcode, "?");
            client.send_frame(&frame).await?;
            equal("a frame", far.frame().await?, frame)?;
        }
    }

    /// Text that is no UTF-8 passes.
    ///
    /// Sent: a text frame with a broken sequence. Seen: the same bytes.
    [END_PROPAGATION]
    async fn broken_utf8_passes(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        let frame = Frame::client(TEXT, b"\xce\xba\xed\xa0\x80\xff");
        client.send_frame(&frame).await?;
        equal("a frame", far.frame().await?, frame)?;
    }

    /// Frames that break the rules of masking pass.
    ///
    /// Sent: an unmasked frame of the client, a masked one of the server. Seen: both, as they were.
    [END_PROPAGATION]
    async fn wrong_masks_pass(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        client.send_frame(&Frame::server(TEXT, "bare")).await?;
        equal("unmasked", far.frame().await?, Frame::server(TEXT, "bare"))?;
        far.send_frame(&Frame::client(TEXT, "hidden")).await?;
        equal("masked", client.frame().await?, Frame::client(TEXT, "hidden"))?;
    }

    /// Bytes that are no frames at all pass.
    ///
    /// Sent: every byte value in a row, each way. Seen: the same.
    [END_PROPAGATION]
    async fn any_bytes_pass(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        let all: Vec<u8> = (0..=255).collect();
        client.send(&all).await?;
        far.expect(&all).await?;
        far.send(&all).await?;
        client.expect(&all).await?;
    }

    /// Bytes that look like HTTP are no requests.
    ///
    /// Sent: a request and chunks within a tunnel. Seen: the same bytes at the other end, and no other connection.
    [END_PROPAGATION]
    async fn what_looks_like_http_passes(stage) {
        let Opened { upstream, mut client, mut far, .. } = stage.opened("").await?;
        let text = "GET /secret HTTP/1.1\r\nHost: a.test\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        client.send(text).await?;
        far.expect(text).await?;
        far.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
        client.expect("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
        let alone = upstream.is_left_alone(std::time::Duration::from_millis(150)).await;
        check(alone, "no other connection to the upstream", "there is one")?;
    }

    /// A server may speak first, and a client later.
    ///
    /// Sent: three frames of the server, then one of the client. Seen: all, in order.
    [END_PROPAGATION]
    async fn server_speaks_first(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        for n in ["1", "2", "3"] {
            far.send_frame(&Frame::server(TEXT, n)).await?;
        }
        for n in ["1", "2", "3"] {
            equal("a frame", client.frame().await?, Frame::server(TEXT, n))?;
        }
        client.send_frame(&Frame::client(TEXT, "4")).await?;
        equal("a frame", far.frame().await?, Frame::client(TEXT, "4"))?;
    }

    /// A frame may come byte by byte, and each byte passes at once.
    ///
    /// Sent: a frame in pieces of one byte. Seen: each byte before the next is sent.
    [BODY_BUFFERING]
    async fn nothing_is_held_back(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        for byte in Frame::client(TEXT, "slowly").bytes() {
            client.send([byte]).await?;
            far.expect([byte]).await?;
        }
        for byte in Frame::server(TEXT, "too").bytes() {
            far.send([byte]).await?;
            client.expect([byte]).await?;
        }
    }

    /// Both directions carry at once.
    ///
    /// Sent: 4 MiB each way at the same time. Seen: all of it at both ends.
    [END_PROPAGATION]
    async fn both_directions_at_once(stage) {
        let Opened { client, far, .. } = stage.opened("").await?;
        let size = 4 << 20;
        let (mut from_client, mut to_client, _) = client.split();
        let (mut from_far, mut to_far, _) = far.split();
        let (up, down) = (vec![b'u'; size], vec![b'd'; size]);
        let (mut got_up, mut got_down) = (vec![0; size], vec![0; size]);
        let moved = async {
            tokio::try_join!(
                to_client.write_all(&up),
                to_far.write_all(&down),
                async { from_far.read_exact(&mut got_up).await.map(|_| ()) },
                async { from_client.read_exact(&mut got_down).await.map(|_| ()) },
            )
        };
        let moved = tokio::time::timeout(crate::wire::PATIENCE, moved).await;
        check(matches!(moved, Ok(Ok(_))), "both directions move", format!("{moved:?}"))?;
        check(got_up == up && got_down == down, "every byte arrives", "other bytes")?;
    }

    /// Twenty thousand small messages come back, every one.
    ///
    /// Sent: 20,000 texts of 8 bytes, without waiting. Seen: 20,000 echoes in their order.
    [END_PROPAGATION; alone]
    async fn twenty_thousand_messages(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let mut client = server.connect().await?;
        handshake::open(&mut client, "/").await?;
        let (mut reader, mut writer, _) = client.split();
        let sent: Vec<u8> = (0..20_000).flat_map(|n| Frame::client(TEXT, format!("{n:08}")).bytes()).collect();
        let back: Vec<u8> = (0..20_000).flat_map(|n| Frame::server(TEXT, format!("{n:08}")).bytes()).collect();
        let mut got = vec![0; back.len()];
        let moved = async { tokio::try_join!(writer.write_all(&sent), async { reader.read_exact(&mut got).await.map(|_| ()) }) };
        let moved = tokio::time::timeout(3 * crate::wire::PATIENCE, moved).await;
        check(matches!(moved, Ok(Ok(_))), "20,000 echoes", format!("{moved:?}"))?;
        check(got == back, "the echoes in their order", "others")?;
    }

    /// Large and small messages keep their order.
    ///
    /// Sent: ten times 48 KiB and a small one behind it. Seen: the same order.
    [END_PROPAGATION]
    async fn large_and_small_in_order(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), "").await?;
        let mut client = server.connect().await?;
        handshake::open(&mut client, "/").await?;
        for n in 0..10_u8 {
            client.send_frame(&Frame::client(BINARY, vec![n; 48 << 10])).await?;
            client.send_frame(&Frame::client(TEXT, [b'0' + n])).await?;
        }
        for n in 0..10_u8 {
            equal("a large one", client.frame().await?, Frame::server(BINARY, vec![n; 48 << 10]))?;
            equal("a small one", client.frame().await?, Frame::server(TEXT, [b'0' + n]))?;
        }
    }

    /// Compression is agreed on end to end, and compressed messages pass.
    ///
    /// Sent: `permessage-deflate` accepted by the upstream, then a frame with RSV1. Seen: the agreement and the frame.
    [HANDSHAKE_FIELDS]
    async fn deflate_is_end_to_end(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(handshake::request("/", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n")).await?;
        let (mut far, asked) = upstream.request().await?;
        far.send(handshake::accept_with(&asked, "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n")).await?;
        let answer = client.answer().await?;
        let agreed = answer.field("sec-websocket-extensions");
        equal("the agreement", agreed.as_deref(), Some("permessage-deflate; server_max_window_bits=10"))?;
        // "Hello" as RFC 7692 section 7.2.3.1 has it.
        let hello = Frame { reserved: 4, ..Frame::server(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00") };
        far.send_frame(&hello).await?;
        equal("a compressed frame", client.frame().await?, hello)?;
    }

    /// With `compression: strip` no extension is offered, so that messages can be read on their way.
    ///
    /// Sent: an offer of `permessage-deflate`. Seen: no offer at the upstream, and a tunnel.
    [HANDSHAKE_FIELDS, CompressionStrip]
    async fn stripped_offers_do_not_arrive(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", websocket: {compression: strip}").await?;
        let seen = server.seen_by_socket("/", "Sec-WebSocket-Extensions: permessage-deflate\r\n").await?;
        equal("the status", seen.status, 101)?;
        equal("the offer", seen.head.field("sec-websocket-extensions"), None)?;
    }

    /// Listed subprotocols are the only ones that are offered to the upstream.
    ///
    /// Sent: three subprotocols, two of them listed. Seen: the two, in the client's order.
    [HANDSHAKE_FIELDS, Subprotocols]
    async fn listed_subprotocols_arrive(stage) {
        let app = Teller::bind("app").await?;
        let server = stage.route(app.address(), ", websocket: {subprotocols: [chat, mqtt]}").await?;
        let seen = server.seen_by_socket("/", "Sec-WebSocket-Protocol: mqtt, evil, chat\r\n").await?;
        equal("the offer", seen.head.field("sec-websocket-protocol").as_deref(), Some("mqtt, chat"))?;
    }

    /// A close frame is a frame like others.
    ///
    /// Sent: a close with a code of one's own and a reason, each way. Seen: the same code and reason.
    [END_PROPAGATION]
    async fn close_frames_pass(stage) {
        let Opened { mut client, mut far, .. } = stage.opened("").await?;
        let bye = [4999_u16.to_be_bytes().to_vec(), "path unknown".into()].concat();
        client.send_frame(&Frame::client(CLOSE, &bye)).await?;
        equal("a close", far.frame().await?, Frame::client(CLOSE, &bye))?;
        far.send_frame(&Frame::server(CLOSE, &bye)).await?;
        equal("its answer", client.frame().await?, Frame::server(CLOSE, &bye))?;
    }
}

/// One frame through an echo, compared byte by byte.
async fn large(stage: &crate::stage::Stage, size: usize) -> crate::verdict::Verdict {
    let app = Teller::bind("app").await?;
    let server = stage.route(app.address(), "").await?;
    let mut client = server.connect().await?;
    handshake::open(&mut client, "/").await?;
    let payload: Vec<u8> = (0..size).map(|n| u8::try_from(n % 253).unwrap_or(0)).collect();
    let (sent, expected) =
        (Frame::client(BINARY, &payload).bytes(), Frame::server(BINARY, &payload).bytes());
    let (mut reader, mut writer, _) = client.split();
    let mut got = vec![0; expected.len()];
    let moved = async {
        tokio::try_join!(writer.write_all(&sent), async {
            reader.read_exact(&mut got).await.map(|_| ())
        })
    };
    let moved = tokio::time::timeout(4 * crate::wire::PATIENCE, moved).await;
    check(matches!(moved, Ok(Ok(_))), format!("{size} bytes come back"), format!("{moved:?}"))?;
    check(got == expected, "every byte is the same", "others")
}
