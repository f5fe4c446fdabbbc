//! The bound of TLS handshakes in flight. A handshake takes memory for its keys and milliseconds of the processor before
//! its client has asked for anything. Handshakes beyond the bound wait for their turn without keys of their own.

use std::collections::HashMap;
use std::fmt::Display;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wsgen_model::scalar::Ipv6Prefix;

use super::network;
use crate::events::{self, Limit};
use crate::metrics::metrics;

/// The most TLS handshakes in flight, however many descriptors the process has.
const MOST: usize = 4096;
/// The fewest, however few descriptors there are.
const FEWEST: usize = 16;

/// The TLS handshakes of all clients that are in flight.
#[derive(Debug)]
pub(crate) struct Handshakes {
    places: Arc<Semaphore>,
    /// The most places of one client.
    share: usize,
    /// Clients with a handshake that is in flight or waits.
    clients: Mutex<HashMap<[u8; 16], Client>>,
}

/// The part of the places that one client may take.
#[derive(Debug)]
struct Client {
    places: Arc<Semaphore>,
    /// Handshakes that are in flight or wait.
    handshakes: usize,
}

/// The place of one handshake; it counts as long as it lives.
#[derive(Debug)]
pub(crate) struct Handshake<'a> {
    _place: OwnedSemaphorePermit,
    _of_client: OwnedSemaphorePermit,
    _known: Known<'a>,
}

/// Keeps the entry of a client.
#[derive(Debug)]
struct Known<'a> {
    all: &'a Handshakes,
    client: [u8; 16],
}

impl Handshakes {
    /// Counts handshakes in a process that may have this many descriptors. A quarter of them may shake hands at a time,
    /// and one client may take a quarter of these places.
    pub(super) fn new(descriptors: u64) -> Self {
        let most = usize::try_from(descriptors / 4).unwrap_or(MOST).clamp(FEWEST, MOST);
        let (places, share) = (Arc::new(Semaphore::new(most)), most / 4);
        Self { places, share, clients: Mutex::default() }
    }

    /// Waits for a place of a client's handshake at a listener, in the order of arrival. `None` does not occur: places
    /// are never closed.
    pub(crate) async fn begin(
        &self,
        client: IpAddr,
        listener: &dyn Display,
    ) -> Option<Handshake<'_>> {
        let (known, own) = self.known(network(client, Ipv6Prefix::LINE));
        let waits = || events::limit_reached(Limit::Handshakes, listener, Some(client));
        let of_client = place(&own, waits).await?;
        let place = place(&self.places, waits).await?;
        metrics().tls_handshakes.inc();
        Some(Handshake { _place: place, _of_client: of_client, _known: known })
    }

    fn known(&self, client: [u8; 16]) -> (Known<'_>, Arc<Semaphore>) {
        let mut clients = self.clients();
        let entry = clients.entry(client).or_insert_with(|| Client {
            places: Arc::new(Semaphore::new(self.share)),
            handshakes: 0,
        });
        entry.handshakes += 1;
        (Known { all: self, client }, entry.places.clone())
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<[u8; 16], Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a place, and says first that there is none free, if so.
async fn place(places: &Arc<Semaphore>, waits: impl Fn()) -> Option<OwnedSemaphorePermit> {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Some(place);
    }
    waits();
    places.clone().acquire_owned().await.ok()
}

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        metrics().tls_handshakes.dec();
    }
}

impl Drop for Known<'_> {
    fn drop(&mut self) {
        let mut clients = self.all.clients();
        if let Some(client) = clients.get_mut(&self.client) {
            client.handshakes -= 1;
            if client.handshakes == 0 {
                clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Beginning<'a> = Pin<Box<dyn Future<Output = Option<Handshake<'a>>> + 'a>>;

    fn poll<'a>(beginning: &mut Beginning<'a>) -> Poll<Option<Handshake<'a>>> {
        beginning.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Begins a handshake of a client: it is in flight, or it waits.
    fn begin(all: &Handshakes, client: u8) -> (Option<Handshake<'_>>, Beginning<'_>) {
        let mut beginning: Beginning<'_> =
            Box::pin(all.begin([192, 0, 2, client].into(), &"127.0.0.1:443"));
        match poll(&mut beginning) {
            Poll::Ready(handshake) => (handshake, beginning),
            Poll::Pending => (None, beginning),
        }
    }

    #[test]
    fn one_client_waits_for_its_own_handshakes_and_others_do_not() {
        let all = Handshakes::new(0);
        let mut own: Vec<_> = (0..4).map(|_| begin(&all, 1).0.expect("a place")).collect();
        let (none, mut waiting) = begin(&all, 1);
        assert!(none.is_none(), "a quarter of 16 places is taken");
        let other = begin(&all, 2).0.expect("others have places");
        drop(own.pop());
        assert!(poll(&mut waiting).is_ready(), "its turn has come");
        drop((own, waiting, other));
        assert!(all.clients().is_empty(), "nobody is remembered who has none");
        assert_eq!(all.places.available_permits(), FEWEST);
    }

    #[test]
    fn all_clients_together_have_a_bound() {
        let all = Handshakes::new(u64::MAX);
        assert_eq!((all.places.available_permits(), all.share), (MOST, MOST / 4));
        let all = Handshakes::new(100);
        let mut held: Vec<_> =
            (0..25).map(|client| begin(&all, client).0.expect("a place")).collect();
        let (none, mut first) = begin(&all, 30);
        assert!(none.is_none(), "25 places are taken");
        let (_, mut second) = begin(&all, 31);
        held.pop();
        assert!(poll(&mut second).is_pending(), "the order of arrival");
        assert!(poll(&mut first).is_ready());
        assert!(poll(&mut second).is_ready());
        // A client that has gone while it waited leaves its turn to the next.
        held.push(begin(&all, 33).0.expect("a place"));
        let (none, gone) = begin(&all, 34);
        let (_, mut next) = begin(&all, 35);
        assert!(none.is_none());
        drop(gone);
        held.pop();
        assert!(poll(&mut next).is_ready());
        drop((held, first, second, next));
        assert!(all.clients().is_empty());
    }
}
