//! Connections to servers that wait for their next request, of one thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};

use super::Server;
use crate::stream::Peer;
use crate::wheel::{Tick, ticks};

/// How long a connection waits; servers mostly close theirs after 60 s or more.
const WAITS: Duration = Duration::from_secs(30);
/// How many wait for one server.
const MANY: usize = 64;

/// Connections by server.
#[derive(Debug, Default)]
pub(crate) struct Pool(RefCell<HashMap<usize, Vec<Waiting>>>);

/// A connection that waits.
#[derive(Debug)]
struct Waiting {
    peer: Peer,
    since: Tick,
    /// Which of its name's addresses it goes to.
    changes: u64,
}

impl Waiting {
    fn is_young(&self, now: Tick, changes: u64) -> bool {
        self.since + ticks(WAITS) > now && self.changes == changes
    }
}

fn key(server: &Arc<Server>) -> usize {
    Arc::as_ptr(server) as usize
}

impl Pool {
    /// A connection that is still open.
    pub(crate) fn take(&self, server: &Arc<Server>, now: Tick) -> Option<Peer> {
        let mut all = self.0.borrow_mut();
        let waiting = all.get_mut(&key(server))?;
        while let Some(mut one) = waiting.pop() {
            if one.is_young(now, server.target.changes()) && is_quiet(&mut one.peer) {
                return Some(one.peer);
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(crate) fn put(&self, server: &Arc<Server>, peer: Peer, now: Tick) {
        if !peer.buffer.is_empty() {
            return;
        }
        let mut all = self.0.borrow_mut();
        let waiting = all.entry(key(server)).or_default();
        let changes = server.target.changes();
        waiting.retain(|one| one.is_young(now, changes));
        if waiting.len() < MANY {
            waiting.push(Waiting { peer, since: now, changes });
        }
    }

    /// Forgets every connection: their servers are those of another configuration.
    pub(crate) fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

/// Whether a connection is open and says nothing: what came unasked would be taken for the next answer.
fn is_quiet(peer: &mut Peer) -> bool {
    let mut byte = [0];
    let mut cx = Context::from_waker(Waker::noop());
    let read =
        std::pin::Pin::new(&mut peer.stream).poll_read(&mut cx, &mut ReadBuf::new(&mut byte));
    matches!(read, Poll::Pending)
}
