//! Bodies in chunks that could be read in two ways.

use super::http2::{connected, get, offering};
use super::smuggling::passed;
use crate::case::cases;
use crate::opened::{OK, plain};
use crate::peer::{read, response};
use crate::stage::Stage;
use crate::verdict::{Trouble, Verdict, check, equal};
use crate::wire::Head;

/// Sends a chunked body with this end. Gives the status, and the head and the body that have passed to the upstream;
/// none where the request was refused ahead of its sending.
async fn chunked(stage: &Stage, end: &str) -> Verdict<(u16, Option<(Head, String)>)> {
    let upstream = stage.upstream().await?;
    let server = stage.route(upstream.address(), "").await?;
    let mut client = server.connect().await?;
    let head = plain("POST /", "Transfer-Encoding: chunked\r\n");
    client.send(format!("{head}5\r\nhello\r\n{end}")).await?;
    let answered = async {
        match client.answer().await {
            Ok(answer) => Ok(answer.status()),
            Err(Trouble::Failed(_)) => Ok(0),
            Err(trouble) => Err(trouble),
        }
    };
    let mut answered = std::pin::pin!(answered);
    tokio::select! {
        status = &mut answered => Ok((status?, None)),
        asked = upstream.request() => match asked {
            Ok((far, asked)) => {
                let passed = passed(far).await;
                // Its upstream is gone: the proxy answers by itself.
                Ok((answered.await?, Some((asked, passed))))
            }
            Err(Trouble::Failed(_)) => Ok((answered.await?, None)),
            Err(trouble) => Err(trouble),
        }
    }
}

/// The trailers of a body in which no reader finds another end than the strictest one: it does not look whole, or it is
/// whole in good form with nothing behind it. `None` where it is in no good form.
fn trailers<'b>(asked: &Head, body: &'b str) -> Option<Vec<&'b str>> {
    if let Some(length) = asked.field("content-length") {
        return length.parse().is_ok_and(|length: usize| body.len() <= length).then(Vec::new);
    }
    let mut rest = body;
    loop {
        let Some((size, behind)) = rest.split_once("\r\n") else {
            return (!rest.contains('\n')).then(Vec::new);
        };
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            let lines = behind.strip_suffix("\r\n").unwrap_or(behind);
            let lines: Vec<_> = lines.split_terminator("\r\n").collect();
            let is_field = |line: &&str| {
                // A blank ahead of a colon makes no request of a line.
                let name = line.split_once(':').map_or("", |(name, _)| name.trim_end());
                !name.is_empty() && !line.contains('\n') && !name.contains([' ', '\t'])
            };
            return lines.iter().all(is_field).then_some(lines);
        }
        match behind.get(size..).and_then(|behind| behind.strip_prefix("\r\n")) {
            Some(behind) => rest = behind,
            None => return (behind.len() < size + 2).then(Vec::new),
        }
    }
}

/// Chunks that break the rules, behind a good one.
const BAD_CHUNKS: [&str; 8] = [
    "5 \r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "5;x\nhello\r\n0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhelloX\r\n0\r\n\r\n",
];

/// Trailers that break the rules.
const BAD_TRAILERS: [&str; 5] = [
    "0\r\nX: y\n\r\n",
    "0\r\nX: y\r\n z\r\n\r\n",
    "0\r\nX\r\n\r\n",
    "0\r\nX : y\r\n\r\n",
    "0\r\nX: y\r\nGET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n",
];

cases! { "chunks";
    /// Chunks and trailers that break the rules never reach an upstream in a form that two servers read in two ways.
    ///
    /// Sent: sizes with a blank, a sign or too many digits, bare line feeds, folded trailers, a request among them. Seen: no
    /// whole body at the upstream, or one that was written anew, with nothing behind its last chunk.
    [BODY_CHUNKS]
    async fn bad_chunks_are_harmless(stage) {
        for end in BAD_CHUNKS.into_iter().chain(BAD_TRAILERS) {
            let (_, seen) = chunked(stage, end).await?;
            let sound = seen.as_ref().is_none_or(|(asked, body)| trailers(asked, body).is_some());
            check(sound, format!("nothing odd for {end:?}"), format!("{seen:?}"))?;
        }
    }

    /// A chunk that breaks the rules is 400.
    ///
    /// Sent: sizes with a blank, a sign or too many digits, bare line feeds. Seen: 400 for each.
    [BODY_CHUNKS]
    async fn bad_chunks_are_refused(stage) {
        for end in BAD_CHUNKS {
            equal(&format!("the status for {end:?}"), chunked(stage, end).await?.0, 400)?;
        }
    }

    /// Trailers that break the rules are 400.
    ///
    /// Sent: a bare line feed, a folded line, no colon, a blank ahead of it, a request. Seen: 400 for each.
    [BODY_CHUNKS]
    async fn bad_trailers_are_refused(stage) {
        for end in BAD_TRAILERS {
            equal(&format!("the status for {end:?}"), chunked(stage, end).await?.0, 400)?;
        }
    }

    /// Nothing behind a body says how the request is framed, where it goes or who sent it.
    ///
    /// Sent: trailers that belong into a head. Seen: none of them at the upstream.
    [BODY_TRAILERS]
    async fn trailers_of_a_head(stage) {
        let end = "0\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\nHost: b.test\r\nAuthorization: x\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
        let (_, seen) = chunked(stage, end).await?;
        let none = |(asked, body): &(Head, String)| trailers(asked, body).is_some_and(|t| t.is_empty());
        let sound = seen.as_ref().is_none_or(none);
        check(sound, "no field behind the body", format!("{seen:?}"))?;
    }

    /// Trailers of a request over HTTP/2 become none that an upstream of HTTP/1.1 could take for a head.
    ///
    /// Sent: a body over HTTP/2 with trailers that belong into a head. Seen: the body at the upstream, and no field behind
    /// it; or a refusal.
    [BODY_TRAILERS, ListenerTls, Http2]
    async fn trailers_over_http2(stage) {
        let upstream = stage.upstream().await?;
        let server = offering(stage, upstream.address(), "").await?;
        let mut client = connected(&server).await?;
        let mut request = get("/");
        *request.method_mut() = http::Method::POST;
        let (_answer, mut send) = client.send(request, false).await?;
        send.send_data("hello".into(), false).map_err(Trouble::broken)?;
        let mut fields = http::HeaderMap::new();
        for (name, value) in [("authorization", "x"), ("x-forwarded-for", "6.6.6.6"), ("x-sum", "7")] {
            fields.insert(name, http::HeaderValue::from_static(value));
        }
        send.send_trailers(fields).map_err(Trouble::broken)?;
        let (far, asked) = match upstream.request().await {
            Ok(asked) => asked,
            // It was refused ahead of its sending.
            Err(Trouble::Failed(_)) => return Ok(()),
            Err(trouble) => return Err(trouble),
        };
        let body = passed(far).await;
        let none = trailers(&asked, &body).is_some_and(|lines| lines.is_empty());
        check(body.contains("hello") && none, "a body and no field behind it", body)?;
    }

    /// An answer keeps its own trailers, and loses those that belong into a head.
    ///
    /// Sent: an answer in chunks with `grpc-status` and `Set-Cookie` behind its body. Seen: the first alone, over HTTP/2.
    [BODY_TRAILERS, ListenerTls, Http2]
    async fn trailers_of_an_answer(stage) {
        let upstream = stage.upstream().await?;
        let server = offering(stage, upstream.address(), "").await?;
        let mut client = connected(&server).await?;
        let (answer, _send) = client.send(get("/"), true).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n2\r\nok\r\n0\r\ngrpc-status: 0\r\nSet-Cookie: a=b\r\n\r\n").await?;
        let mut body = response(answer).await?.into_body();
        equal("the body", read(&mut body, usize::MAX).await?, b"ok".to_vec())?;
        let trailers = body.trailers().await.map_err(Trouble::broken)?.unwrap_or_default();
        check(trailers.contains_key("grpc-status"), "the status of gRPC", format!("{trailers:?}"))?;
        check(!trailers.contains_key("set-cookie"), "no cookie", format!("{trailers:?}"))?;
    }

    /// Lines behind the last chunk of an answer are judged as its head is.
    ///
    /// Sent: an answer with another one among its trailers. Seen: nothing of the other one.
    [BODY_CHUNKS]
    async fn answer_among_trailers(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        let mut client = server.connect().await?;
        client.send(plain("GET /", "")).await?;
        let (mut far, _) = upstream.request().await?;
        far.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\nHTTP/1.1 200 Hidden\r\n\r\n").await?;
        let seen = passed(client).await;
        check(!seen.contains("Hidden"), "no hidden answer", seen)?;
    }

    /// Answers without bodies say nothing of chunks.
    ///
    /// Sent: HEAD, and answers of 204 and 304, with `Transfer-Encoding: chunked`. Seen: none for 204 and 304, and no body.
    [BODY_CHUNKS]
    async fn without_a_body(stage) {
        let upstream = stage.upstream().await?;
        let server = stage.route(upstream.address(), "").await?;
        for (line, status) in [("HEAD /", "200 OK"), ("GET /", "204 No Content"), ("GET /", "304 Not Modified")] {
            let mut client = server.connect().await?;
            client.send(format!("{line} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await?;
            let (mut far, _) = upstream.request().await?;
            far.send(format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")).await?;
            let answer = client.answer().await?;
            check(line == "HEAD /" || answer.field("transfer-encoding").is_none(), format!("no coding for {status}"), &answer)?;
            client.send("GET /next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await?;
            let (mut far, asked) = upstream.request().await?;
            equal("the next target", asked.target(), "/next")?;
            far.send(OK).await?;
            equal("the next status", client.answer().await?.status(), 200)?;
        }
    }
}
