//! Rendered configurations, on the servers that they are rendered for and on the reference proxy: every behaviour,
//! observed while they run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod article;
mod balancing;
mod behaviour;
mod client_address;
mod drain;
mod hostile;
mod http2;
mod layout;
mod logs;
#[path = "../real_server/mod.rs"]
mod real_server;
mod render;
mod routing;
mod statuses;
mod tls;
mod upstreams;
mod validate;
