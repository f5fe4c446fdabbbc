//! Raw ends of connections: whatever bytes a case wants to send, and every byte that comes, with its time.

mod accept;
mod connection;
pub mod frame;
mod head;
pub mod http2;
mod tls;
mod url;

pub use accept::Upstream;
pub use connection::{Ending, PATIENCE, Wire};
pub use head::Head;
pub use tls::{Anybody, Certificate, Versions, client_tls, server_tls, tls_stream};
pub use url::Url;
