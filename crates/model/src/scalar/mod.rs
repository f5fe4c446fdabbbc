//! Texts with a form of their own: each type knows its units, its bounds and what to say about a
//! text that is not one. `Display` writes the canonical form, which reads back as the same value.

mod address;
mod bytes;
mod cidr;
mod date;
mod duration;
mod hash_key;
mod header;
mod hostname;
mod ipv6_prefix;
mod name;
mod number;
mod origin;
mod path;
mod regex;
mod target_version;
mod text;
mod url;

pub use address::{ListenAddress, UpstreamAddress};
pub use bytes::Bytes;
pub use cidr::Cidr;
pub use date::Date;
pub use duration::{Duration, TunnelIdle};
pub use hash_key::HashKey;
pub use header::{HeaderName, HeaderValue, Method, Token};
pub use hostname::Hostname;
pub use ipv6_prefix::Ipv6Prefix;
pub use name::{CodeName, Name};
pub use number::{StatusCode, Whole};
pub use origin::Origin;
pub use path::PathLiteral;
pub use regex::{Pattern, Replacement};
pub use target_version::TargetVersion;
pub use text::{FilePath, Line, Text};
pub use url::HttpUrl;
