//! Well-behaved peers of a proxy.

mod echo;
pub mod handshake;
mod http2;
mod mischief;
mod receive;
mod teller;

pub use echo::Echo;
pub use http2::{Http2, read, response};
pub use mischief::Mischief;
pub use teller::{Seen, Teller};
