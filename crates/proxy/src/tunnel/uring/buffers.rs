//! Buffers that the kernel takes from when something has come, so that a tunnel that waits has none
//! (`io_uring_register_buf_ring(3)`).
#![allow(unsafe_code, reason = "the kernel shares this memory")]

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

/// How many there are; a power of two.
const COUNT: u16 = 128;
/// The size of each: a message of 4 KiB fits with its header, and a larger one is better read by others.
pub(super) const SIZE: usize = 8 * 1024;
/// The kernel wants its list on a page of its own.
const PAGE: usize = 4096;

/// A buffer that the kernel has filled. Whoever has it may read it; giving it back ends that.
#[derive(Debug)]
pub(super) struct Buffer {
    id: u16,
    length: u16,
}

/// Buffers in a row, of which only the first is known: a tunnel that waits holds nothing on the heap for them.
#[derive(Debug, Default)]
pub(super) struct Row {
    first: Option<Buffer>,
    last: u16,
    length: u16,
}

impl Row {
    /// The one that is next.
    pub(super) fn first(&self) -> Option<&Buffer> {
        self.first.as_ref()
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        usize::from(self.length)
    }
}

/// What follows each buffer in its row.
pub(super) struct Rows([Option<Buffer>; COUNT as usize]);

impl Rows {
    /// No buffer is in a row.
    pub(super) fn new() -> Self {
        Self([const { None }; COUNT as usize])
    }

    /// Puts one at the end of a row.
    pub(super) fn push(&mut self, row: &mut Row, buffer: Buffer) {
        let before = std::mem::replace(&mut row.last, buffer.id);
        row.length += 1;
        match &mut row.first {
            Some(_) => self.0[usize::from(before)] = Some(buffer),
            first @ None => *first = Some(buffer),
        }
    }

    /// Takes the first of a row.
    pub(super) fn pop(&mut self, row: &mut Row) -> Option<Buffer> {
        let buffer = row.first.take()?;
        row.length -= 1;
        row.first = self.0[usize::from(buffer.id)].take();
        Some(buffer)
    }
}

impl Buffer {
    /// What a result names.
    pub(super) fn new(id: u16, length: usize) -> Self {
        // No buffer is larger.
        Self { id: id % COUNT, length: u16::try_from(length.min(SIZE)).unwrap_or(0) }
    }
}

/// The buffers of a ring. They are never freed: a ring that is closed is taken down by the kernel in its own time, and
/// a thread has one ring for as long as the process lives.
pub(super) struct Buffers {
    list: *mut BufRingEntry,
    data: *mut u8,
    tail: u16,
}

impl Buffers {
    /// Their number with the ring.
    pub(super) const GROUP: u16 = 0;
    /// How many there are.
    pub(super) const MANY: usize = COUNT as usize;

    /// Makes buffers for a ring.
    pub(super) fn new(uring: &IoUring) -> io::Result<Self> {
        let count = usize::from(COUNT);
        let (list, data) = (zeroed::<BufRingEntry>(count), zeroed::<u8>(count * SIZE));
        // SAFETY: the list has this many entries, begins on a page, and is never freed.
        unsafe {
            uring.submitter().register_buf_ring_with_flags(list as u64, COUNT, Self::GROUP, 0)?;
        }
        let mut buffers = Self { list, data, tail: 0 };
        for id in 0..COUNT {
            buffers.give(Buffer { id, length: 0 });
        }
        Ok(buffers)
    }

    /// What was read.
    pub(super) fn bytes(&self, buffer: &Buffer) -> &[u8] {
        // SAFETY: the kernel does not touch a buffer that it gave out until it is given back, which consumes it.
        unsafe { std::slice::from_raw_parts(self.address(buffer.id), usize::from(buffer.length)) }
    }

    /// Gives one to the kernel.
    #[allow(clippy::needless_pass_by_value, reason = "it is the kernel's from here on")]
    pub(super) fn give(&mut self, buffer: Buffer) {
        let address = self.address(buffer.id) as u64;
        // SAFETY: the place is within the list, and the kernel reads no entry at or behind the tail.
        let entry = unsafe { &mut *self.list.add(usize::from(self.tail % COUNT)) };
        entry.set_addr(address);
        entry.set_len(u32::try_from(SIZE).unwrap_or(0));
        entry.set_bid(buffer.id);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies within the first entry, is aligned, and is written here alone; the kernel reads it.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.list).cast_mut()) };
        // The entry is there before the kernel may read it.
        tail.store(self.tail, Ordering::Release);
    }

    fn address(&self, id: u16) -> *mut u8 {
        // SAFETY: an id is below `COUNT`.
        unsafe { self.data.add(usize::from(id) * SIZE) }
    }
}

/// Zeroed pages for so many.
#[allow(clippy::cast_ptr_alignment, reason = "a page is aligned for everything")]
fn zeroed<T>(count: usize) -> *mut T {
    let layout = Layout::from_size_align(count * size_of::<T>(), PAGE);
    let Ok(layout) = layout else { return std::ptr::null_mut() };
    // SAFETY: no size here is zero.
    let pages = unsafe { alloc_zeroed(layout) };
    if pages.is_null() {
        handle_alloc_error(layout);
    }
    pages.cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_order() {
        let (mut rows, mut one, mut other) = (Rows::new(), Row::default(), Row::default());
        let mut push = |row: &mut Row, id| rows.push(row, Buffer::new(id, 1));
        push(&mut one, 7);
        push(&mut other, 0);
        push(&mut one, 127);
        push(&mut one, 3);
        assert_eq!((one.len(), other.len()), (3, 1));
        let mut all = |row: &mut Row| {
            std::iter::from_fn(|| rows.pop(row)).map(|buffer| buffer.id).collect::<Vec<_>>()
        };
        assert_eq!(all(&mut one), [7, 127, 3]);
        assert_eq!(all(&mut other), [0]);
        assert!(one.first().is_none() && one.len() == 0);
    }
}
