//! A ring of `io_uring(7)` with the buffers that the kernel reads into, so that nothing outside of this folder is unsafe.
//! Deferred task work (Linux 6.1): the kernel does its part when this thread asks for it, never in between.
#![allow(unsafe_code, reason = "an entry of a ring names memory, and the kernel uses it later")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};

use io_uring::{IoUring, Probe, cqueue, opcode, squeue, types};
use rustix::event::{EventfdFlags, eventfd};
use rustix::net::SendFlags;

use super::buffers::{Buffer, Buffers};

/// Entries that are handed over at once; more of them take more calls.
const ENTRIES: u32 = 256;
/// Results that wait at once; the kernel keeps what is beyond.
const RESULTS: u32 = 1024;

/// See the module.
pub(super) struct Ring {
    uring: IoUring,
    buffers: Buffers,
    /// Buffers that the kernel has given out.
    out: usize,
    /// Entries for which there was no room.
    later: Vec<squeue::Entry>,
}

/// What became of an operation.
pub(super) struct Completion {
    /// The mark that it was given.
    pub(super) mark: u64,
    /// What it yields: bytes, or an error.
    pub(super) result: io::Result<usize>,
    /// What was read, if something was.
    pub(super) buffer: Option<Buffer>,
    /// Whether the operation goes on.
    pub(super) more: bool,
}

impl Ring {
    /// A ring of this thread, and a descriptor that tells of results. An error where the kernel has none, or not all
    /// of what is used, or forbids it: containers mostly do.
    pub(super) fn new() -> io::Result<(Self, OwnedFd)> {
        let uring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_cqsize(RESULTS)
            .build(ENTRIES)?;
        let mut probe = Probe::new();
        uring.submitter().register_probe(&mut probe)?;
        let needed = [opcode::RecvMulti::CODE, opcode::Send::CODE, opcode::AsyncCancel::CODE];
        if !needed.iter().all(|code| probe.is_supported(*code)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let buffers = Buffers::new(&uring)?;
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        uring.submitter().register_eventfd(event.as_raw_fd())?;
        Ok((Self { uring, buffers, out: 0, later: Vec::new() }, event))
    }

    /// Reads whatever comes on a socket, until it ends, fails or is told to stop.
    pub(super) fn receive(&mut self, socket: impl AsFd, mark: u64) {
        let socket = types::Fd(socket.as_fd().as_raw_fd());
        let entry = opcode::RecvMulti::new(socket, Buffers::GROUP).build().user_data(mark);
        // SAFETY: it names no memory but the buffers of the ring, which are never freed.
        unsafe { self.push(entry) };
    }

    /// Writes a buffer to a socket, or what of it the socket takes now. It must be kept until the result is there.
    pub(super) fn send(&mut self, socket: impl AsFd, buffer: &Buffer, mark: u64) {
        let socket = types::Fd(socket.as_fd().as_raw_fd());
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let bytes = self.buffers.bytes(buffer);
        let length = u32::try_from(bytes.len()).unwrap_or(0);
        let entry = opcode::Send::new(socket, bytes.as_ptr(), length)
            .flags(flags.bits().cast_signed())
            .build()
            .user_data(mark);
        // SAFETY: it names a buffer of the ring, and those are never freed.
        unsafe { self.push(entry) };
    }

    /// Stops what has a mark; both have a result then.
    pub(super) fn cancel(&mut self, stopped: u64, mark: u64) {
        let entry = opcode::AsyncCancel::new(stopped).build().user_data(mark);
        // SAFETY: it names no memory.
        unsafe { self.push(entry) };
    }

    /// # Safety
    /// The memory that an entry names must be there until its result is.
    unsafe fn push(&mut self, entry: squeue::Entry) {
        // None overtakes another: what waits goes first.
        // SAFETY: passed on to the caller.
        if !self.later.is_empty() || unsafe { self.uring.submission().push(&entry) }.is_err() {
            self.later.push(entry);
        }
    }

    /// Hands over what was asked for, and has the kernel do what has become possible.
    pub(super) fn submit(&mut self) {
        loop {
            // What is not taken now, where results have to be taken first, is handed over the next time.
            let is_taken = self.uring.submit().is_ok();
            let mut submission = self.uring.submission();
            let room = submission.capacity() - submission.len();
            let some: Vec<_> = self.later.drain(..room.min(self.later.len())).collect();
            // SAFETY: whoever pushed them has promised what they name.
            let _ = unsafe { submission.push_multiple(&some) };
            if some.is_empty() || !is_taken {
                return;
            }
        }
    }

    /// Takes the results that are there.
    pub(super) fn take(&mut self, into: &mut Vec<Completion>) {
        let out = &mut self.out;
        into.extend(self.uring.completion().map(|entry| {
            let (result, flags) = (entry.result(), entry.flags());
            *out += usize::from(cqueue::buffer_select(flags).is_some());
            let bytes = usize::try_from(result).unwrap_or(0);
            Completion {
                mark: entry.user_data(),
                result: usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result)),
                buffer: cqueue::buffer_select(flags).map(|id| Buffer::new(id, bytes)),
                more: cqueue::more(flags),
            }
        }));
    }

    /// Whether there is nothing to hand over, to do or to take.
    pub(super) fn is_idle(&mut self) -> bool {
        // Results are told of from now on: what was there before is seen by this look.
        fence(Ordering::SeqCst);
        let submission = self.uring.submission();
        let has_work = !submission.is_empty() || submission.taskrun() || !self.later.is_empty();
        drop(submission);
        !has_work && self.uring.completion().is_empty()
    }

    /// Whether the descriptor tells of results.
    pub(super) fn tells(&mut self, tells: bool) {
        let completion = self.uring.completion();
        if tells { completion.enable_eventfd() } else { completion.disable_eventfd() }
    }

    /// What was read.
    pub(super) fn bytes(&self, buffer: &Buffer) -> &[u8] {
        self.buffers.bytes(buffer)
    }

    /// Lets the kernel read into a buffer again.
    pub(super) fn give_back(&mut self, buffer: Buffer) {
        self.buffers.give(buffer);
        self.out -= 1;
    }

    /// How many buffers the kernel can read into.
    pub(super) fn free(&self) -> usize {
        Buffers::MANY.saturating_sub(self.out)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    use super::*;

    const READ: u64 = 1;
    const SENT: u64 = 2;
    const STOPPED: u64 = 3;

    /// A ring, unless the kernel of a container forbids it.
    fn ring() -> Option<(Ring, OwnedFd)> {
        Ring::new().ok()
    }

    /// Returns the next results of the ring.
    fn results(ring: &mut Ring) -> Vec<Completion> {
        let end = Instant::now() + Duration::from_secs(10);
        let mut all = Vec::new();
        while all.is_empty() {
            assert!(Instant::now() < end, "nothing comes");
            ring.submit();
            ring.take(&mut all);
        }
        all
    }

    #[test]
    fn every_byte_passes_and_every_buffer_comes_back() {
        let Some((mut ring, _event)) = ring() else { return };
        let (mut client, from) = UnixStream::pair().unwrap();
        let (to, mut server) = UnixStream::pair().unwrap();
        ring.receive(&from, READ);
        for round in 0..2_000_usize {
            let length = 1 + round * 37 % 20_000;
            let message: Vec<u8> = (0..length).map(|at| (at + round).to_le_bytes()[0]).collect();
            client.write_all(&message).unwrap();
            let (mut read, mut waiting) = (0, VecDeque::new());
            while read < length || !waiting.is_empty() {
                for Completion { mark, result, buffer, more } in results(&mut ring) {
                    if mark == READ {
                        let buffer = buffer.unwrap();
                        read += ring.bytes(&buffer).len();
                        if waiting.is_empty() {
                            ring.send(&to, &buffer, SENT);
                        }
                        waiting.push_back(buffer);
                        if !more {
                            ring.receive(&from, READ);
                        }
                    } else {
                        let buffer: Buffer = waiting.pop_front().unwrap();
                        assert_eq!(result.unwrap(), ring.bytes(&buffer).len());
                        ring.give_back(buffer);
                        if let Some(next) = waiting.front() {
                            ring.send(&to, next, SENT);
                        }
                    }
                }
            }
            let mut arrived = vec![0; length];
            server.read_exact(&mut arrived).unwrap();
            assert!(arrived == message, "round {round}");
            assert_eq!(ring.free(), Buffers::MANY);
        }
        // A receive that waits is stopped; both it and what stops it have a result.
        ring.cancel(READ, STOPPED);
        let mut ends = Vec::new();
        while ends.len() < 2 {
            ends.extend(results(&mut ring).iter().map(|end| (end.mark, end.more)));
        }
        ends.sort_unstable();
        assert_eq!(ends, [(READ, false), (STOPPED, false)]);
    }

    #[test]
    fn no_more_is_read_than_there_are_buffers() {
        let Some((mut ring, _event)) = ring() else { return };
        let pairs: Vec<_> = (0..2 * Buffers::MANY).map(|_| UnixStream::pair().unwrap()).collect();
        for (mut client, from) in pairs.iter().map(|(client, from)| (client, from)) {
            client.write_all(b"hello").unwrap();
            ring.receive(from, READ);
        }
        let (mut held, mut refused) = (Vec::new(), 0);
        while held.len() + refused < pairs.len() {
            for Completion { result, buffer, .. } in results(&mut ring) {
                match buffer {
                    Some(buffer) => held.push(buffer),
                    None => refused += usize::from(result.is_err()),
                }
            }
        }
        assert_eq!((held.len(), ring.free()), (Buffers::MANY, 0));
        assert!(held.iter().all(|buffer| ring.bytes(buffer) == b"hello"));
        for buffer in held {
            ring.give_back(buffer);
        }
        assert_eq!(ring.free(), Buffers::MANY);
    }

    #[test]
    fn a_ring_may_go_while_operations_are_under_way() {
        for _ in 0..20 {
            let Some((mut ring, _event)) = ring() else { return };
            let (mut client, from) = UnixStream::pair().unwrap();
            let (mut other, to) = UnixStream::pair().unwrap();
            ring.receive(&from, READ);
            ring.receive(&to, READ);
            client.write_all(b"hello").unwrap();
            let read = results(&mut ring).remove(0).buffer.unwrap();
            ring.send(&to, &read, SENT);
            ring.submit();
            drop((from, to));
            drop(ring);
            let _ = client.write_all(b"too late");
            let _ = other.write_all(b"too late");
        }
    }
}
