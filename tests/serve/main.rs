//! The reference proxy (`wsgen serve`) by raw bytes and signals, in front of upstreams that follow a script.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access_log;
mod admin;
mod bodies;
mod events;
mod faults;
mod forward_auth;
mod framing;
mod handshakes;
mod http2_timers;
mod http2_upstream;
mod names;
mod newcomers;
mod operation;
#[path = "../real_server/mod.rs"]
mod real_server;
mod relay;
mod requests;
mod secrets;
mod sockets;
mod stop;
mod systemd;
mod timers;
mod tunnels;
