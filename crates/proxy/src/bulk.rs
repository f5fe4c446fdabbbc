//! Large messages pass through a pipe of the kernel's (splice(2)) and are never copied into the process. It pays from
//! reads of 32 KiB on; a tunnel that waits holds no pipe.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// A read of this size says that there is more where it came from.
pub(crate) const WORTH: usize = 32 * 1024;
/// What a pipe takes; half of what the kernel allows to everybody (pipe(7), pipe-max-size).
const SIZE: usize = 512 * 1024;
/// A yield below this is better read and written.
pub(crate) const POOR: usize = 4 * 1024;
/// Pipes of a thread. Where all are in use, bytes are copied.
const PIPES: usize = 16;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { waiting: Vec::new(), made: 0 }) };
}

struct Pool {
    waiting: Vec<(OwnedFd, OwnedFd)>,
    made: usize,
}

/// A pipe that one direction of a tunnel has for a while.
#[derive(Debug)]
pub(crate) struct Bulk {
    pipe: Option<(OwnedFd, OwnedFd)>,
    held: usize,
}

impl Bulk {
    /// A pipe, if one is to be had.
    pub(crate) fn take() -> Option<Self> {
        POOL.with_borrow_mut(|pool| {
            let pipe = pool.waiting.pop().or_else(|| {
                if pool.made == PIPES {
                    return None;
                }
                let pipe = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
                // A smaller one works too.
                let _ = fcntl_setpipe_size(&pipe.1, SIZE);
                pool.made += 1;
                Some(pipe)
            })?;
            Some(Self { pipe: Some(pipe), held: 0 })
        })
    }

    /// How many pipes this thread has.
    #[cfg(test)]
    pub(crate) fn made() -> usize {
        POOL.with_borrow(|pool| pool.made)
    }

    /// Bytes in the pipe: taken in, and not given out yet.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Takes in what has come, and gives how much; 0 is the end.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
    ) -> Poll<io::Result<usize>> {
        let Some((_, into)) = &self.pipe else { return Poll::Ready(Ok(0)) };
        loop {
            ready!(from.poll_read_ready(cx))?;
            match from.try_io(Interest::READABLE, || moved(from, into, SIZE)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(taken) => {
                    self.held = taken;
                    return Poll::Ready(Ok(taken));
                }
            }
        }
    }

    /// Gives out what was taken in, until nothing is left.
    pub(crate) fn poll_drain(
        &mut self,
        cx: &mut Context<'_>,
        to: &TcpStream,
    ) -> Poll<io::Result<()>> {
        let Some((out, _)) = &self.pipe else { return Poll::Ready(Ok(())) };
        while self.held > 0 {
            ready!(to.poll_write_ready(cx))?;
            match to.try_io(Interest::WRITABLE, || moved(out, to, self.held)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(given) => self.held -= given,
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn moved(
    from: impl std::os::fd::AsFd,
    to: impl std::os::fd::AsFd,
    size: usize,
) -> io::Result<usize> {
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    Ok(splice(from, None, to, None, size, flags)?)
}

impl Drop for Bulk {
    fn drop(&mut self) {
        let _ = POOL.try_with(|pool| {
            let Ok(mut pool) = pool.try_borrow_mut() else { return };
            match self.pipe.take() {
                Some(pipe) if self.held == 0 => pool.waiting.push(pipe),
                // What is left in it is nobody's.
                _ => pool.made -= 1,
            }
        });
    }
}
