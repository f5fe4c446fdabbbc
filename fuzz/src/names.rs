//! Answers of name servers: whatever one says, the question ends, and what is learned are addresses of the kind that was
//! asked for, which stand in a message with the question's number.

use std::cell::RefCell;
use std::net::IpAddr;

use tokio::runtime::{Builder, Runtime};
use wsgen_proxy::fuzzing::{self, Said};

/// The most messages of one name server.
const MESSAGES: usize = 32;

thread_local! {
    static RUNTIME: RefCell<Runtime> =
        RefCell::new(Builder::new_current_thread().enable_time().build().unwrap());
}

/// Checks what one name server says. The first byte chooses the kind of addresses. Each message begins with a byte of
/// flags (1: it has another number, 2: it repeats the question) and two of its length.
pub fn check(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let (ipv6, messages) = (first % 2 == 1, messages(rest));
    let resolved = RUNTIME.with_borrow(|r| r.block_on(fuzzing::resolve(&messages, ipv6)));
    let Some(addresses) = resolved else { return };
    let good: Vec<&Said> = messages.iter().filter(|said| said.numbered).collect();
    assert!(!good.is_empty(), "an answer has the question's number");
    for address in addresses {
        assert_eq!(address.is_ipv6(), ipv6, "{address}");
        let octets = match address {
            IpAddr::V4(four) => four.octets().to_vec(),
            IpAddr::V6(six) => six.octets().to_vec(),
        };
        let says = |said: &Said| said.bytes.windows(octets.len()).any(|part| part == octets);
        assert!(good.iter().any(|said| says(said)), "{address} was never said");
    }
}

fn messages(mut rest: &[u8]) -> Vec<Said> {
    let mut all = Vec::new();
    while let [flags, high, low, tail @ ..] = rest
        && all.len() < MESSAGES
    {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(tail.len());
        let (numbered, repeats) = (flags & 1 == 0, flags & 2 != 0);
        all.push(Said { numbered, repeats, bytes: tail[..length].to_vec() });
        rest = &tail[length..];
    }
    all
}
