//! One end of a connection.

use std::io;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::frame::Frame;
use super::head::Head;
use crate::transcript::Transcript;
use crate::verdict::{Trouble, Verdict, check};

/// Nothing on loopback takes longer than this, unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(10);

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// How the other side ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// In order (FIN).
    Fin,
    /// By a reset.
    Reset,
}

/// A connection of which a case has one end.
pub struct Wire {
    stream: Box<dyn Duplex>,
    /// A second handle of the socket, for what TLS hides.
    socket: Option<std::net::TcpStream>,
    buffer: Vec<u8>,
    who: String,
    transcript: Transcript,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("who", &self.who).finish_non_exhaustive()
    }
}

impl Wire {
    /// An end that writes into a transcript under a name.
    pub fn new(stream: TcpStream, who: &str, transcript: &Transcript) -> Self {
        let _ = stream.set_nodelay(true);
        let socket = second(&stream);
        Self::over(stream, socket, who, transcript)
    }

    /// The same over another layer, such as TLS.
    pub(super) fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        socket: Option<std::net::TcpStream>,
        who: &str,
        transcript: &Transcript,
    ) -> Self {
        let (who, transcript) = (who.to_owned(), transcript.clone());
        Self { stream: Box::new(stream), socket, buffer: Vec::new(), who, transcript }
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Verdict {
        let bytes = bytes.as_ref();
        self.transcript.bytes(&self.who, "sent", bytes);
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(PATIENCE, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.failed(format!("takes {} bytes", bytes.len()), error)),
            Err(_) => Err(self.failed(format!("takes {} bytes", bytes.len()), "it does not")),
        }
    }

    /// Sends bytes as far as the other side takes any; what becomes of them is not asked.
    pub async fn send_some(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.transcript.bytes(&self.who, "sent", bytes);
        let sent = async {
            let _ = self.stream.write_all(bytes).await;
            let _ = self.stream.flush().await;
        };
        let _ = tokio::time::timeout(PATIENCE, sent).await;
    }

    /// Sends bytes one by one.
    pub async fn send_slowly(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) -> Verdict {
        for byte in bytes.as_ref() {
            self.send([*byte]).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Sends a frame.
    pub async fn send_frame(&mut self, frame: &Frame) -> Verdict {
        self.send(frame.bytes()).await
    }

    fn failed(&self, expected: impl Into<String>, observed: impl std::fmt::Display) -> Trouble {
        Trouble::failed(format!("the other side of the {} {}", self.who, expected.into()), observed)
    }

    /// Reads more; `false` is the end.
    async fn fill(&mut self, time: Duration) -> io::Result<bool> {
        let before = self.buffer.len();
        let read = tokio::time::timeout(time, self.stream.read_buf(&mut self.buffer)).await;
        match read {
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
            Ok(Err(error)) => {
                self.transcript.note(&self.who, format!("ended: {error}"));
                Err(error)
            }
            Ok(Ok(0)) => {
                self.transcript.note(&self.who, "the other side has closed");
                Ok(false)
            }
            Ok(Ok(_)) => {
                let (who, got) = (self.who.clone(), self.buffer[before..].to_vec());
                self.transcript.bytes(&who, "got", &got);
                Ok(true)
            }
        }
    }

    /// The next head.
    pub async fn head(&mut self) -> Verdict<Head> {
        self.head_within(PATIENCE).await
    }

    /// The next head, if it comes in time.
    pub async fn head_within(&mut self, time: Duration) -> Verdict<Head> {
        let deadline = Instant::now() + time;
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.drain(..end + 4);
                return Ok(Head::parse(&text));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.fill(left).await {
                Ok(true) => {}
                Ok(false) => return Err(self.failed("sends a head", "it has closed")),
                Err(error) => return Err(self.failed("sends a head", error)),
            }
        }
    }

    /// The next answer that is none of the interim ones.
    pub async fn answer(&mut self) -> Verdict<Head> {
        loop {
            let head = self.head().await?;
            if !(100..200).contains(&head.status()) || head.status() == 101 {
                return Ok(head);
            }
        }
    }

    /// So many bytes.
    pub async fn bytes(&mut self, length: usize) -> Verdict<Vec<u8>> {
        while self.buffer.len() < length {
            match self.fill(PATIENCE).await {
                Ok(true) => {}
                Ok(false) => {
                    let seen = self.buffer.escape_ascii().to_string();
                    return Err(self.failed(
                        format!("sends {length} bytes"),
                        format!("the end behind {seen:.200}"),
                    ));
                }
                Err(error) => {
                    let seen = format!("{error} behind {} bytes", self.buffer.len());
                    return Err(self.failed(format!("sends {length} bytes"), seen));
                }
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Exactly these bytes.
    pub async fn expect(&mut self, bytes: impl AsRef<[u8]>) -> Verdict {
        let bytes = bytes.as_ref();
        let seen = self.bytes(bytes.len()).await?;
        let show = |bytes: &[u8]| format!("{:.300}", bytes.escape_ascii().to_string());
        check(seen == bytes, format!("the {} gets {}", self.who, show(bytes)), show(&seen))
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Verdict<Frame> {
        loop {
            if let Some((frame, length)) = Frame::parse(&self.buffer) {
                self.buffer.drain(..length);
                return Ok(frame);
            }
            match self.fill(PATIENCE).await {
                Ok(true) => {}
                Ok(false) => return Err(self.failed("sends a frame", "it has closed")),
                Err(error) => return Err(self.failed("sends a frame", error)),
            }
        }
    }

    /// A body of the length that its head says, chunked or not, or up to the end.
    pub async fn body(&mut self, head: &Head) -> Verdict<Vec<u8>> {
        if let Some(length) = head.field("content-length") {
            let length = length.parse().map_err(|_| self.failed("sends a length", length))?;
            return self.bytes(length).await;
        }
        if head.lists("transfer-encoding", "chunked") {
            let mut body = Vec::new();
            loop {
                let line = self.line().await?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16);
                let size = size.map_err(|_| self.failed("sends a chunk", &line))?;
                if size == 0 {
                    while !self.line().await?.is_empty() {}
                    return Ok(body);
                }
                body.extend(self.bytes(size).await?);
                self.line().await?;
            }
        }
        Ok(self.rest().await?.0)
    }

    async fn line(&mut self) -> Verdict<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.drain(..end + 2);
                return Ok(line);
            }
            match self.fill(PATIENCE).await {
                Ok(true) => {}
                other => return Err(self.failed("sends a line", format!("{other:?}"))),
            }
        }
    }

    /// Everything until the end, and how that came.
    pub async fn rest(&mut self) -> Verdict<(Vec<u8>, Ending)> {
        self.rest_within(PATIENCE).await
    }

    /// The same, if the end comes in time.
    pub async fn rest_within(&mut self, time: Duration) -> Verdict<(Vec<u8>, Ending)> {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.fill(left).await {
                Ok(true) => {}
                Ok(false) => return Ok((std::mem::take(&mut self.buffer), Ending::Fin)),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(self.failed("ends", format!("it is open after {time:?}")));
                }
                Err(_) => return Ok((std::mem::take(&mut self.buffer), Ending::Reset)),
            }
        }
    }

    /// Nothing comes for a while, and nothing ends.
    pub async fn quiet(&mut self, time: Duration) -> Verdict {
        if !self.buffer.is_empty() {
            let seen = self.buffer.escape_ascii().to_string();
            return Err(self.failed("sends nothing", format!("{seen:.200}")));
        }
        match self.fill(time).await {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(()),
            Ok(true) => {
                let seen = self.buffer.escape_ascii().to_string();
                Err(self.failed("sends nothing", format!("{seen:.200}")))
            }
            Ok(false) => Err(self.failed("stays open", "it has closed")),
            Err(error) => Err(self.failed("stays open", error)),
        }
    }

    /// Says that nothing more will be sent.
    pub async fn shutdown(&mut self) {
        self.transcript.note(&self.who, "closes its sending side");
        let _ = self.stream.shutdown().await;
    }

    /// Ends with a reset.
    pub fn reset(self) {
        self.transcript.note(&self.who, "resets");
        if let Some(socket) = &self.socket {
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
    }

    /// Both halves, for those who send and read at once.
    pub fn split(self) -> (impl AsyncRead + Send + Unpin, impl AsyncWrite + Send + Unpin, Vec<u8>) {
        let (reader, writer) = tokio::io::split(self.stream);
        (reader, writer, self.buffer)
    }
}

pub(super) fn second(stream: &TcpStream) -> Option<std::net::TcpStream> {
    use std::os::fd::AsFd;
    Some(stream.as_fd().try_clone_to_owned().ok()?.into())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
