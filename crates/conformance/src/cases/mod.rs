//! The cases, one file for each family.

mod access;
mod answer;
mod balancing;
mod chunks;
mod close;
mod data;
mod failure;
mod handshake;
mod headers;
mod health;
mod http;
mod http2;
mod http2_timers;
mod operation;
mod pressure;
mod proxy_protocol;
mod remote;
mod rewriting;
mod routing;
mod smuggling;
mod stalls;
mod stop;
mod timers;
mod tls;

use crate::case::Case;

/// The families, in the order of reports.
pub(crate) const FAMILIES: &[&[Case]] = &[
    handshake::CASES,
    answer::CASES,
    data::CASES,
    close::CASES,
    timers::CASES,
    stalls::CASES,
    http2_timers::CASES,
    pressure::CASES,
    failure::CASES,
    balancing::CASES,
    health::CASES,
    routing::CASES,
    rewriting::CASES,
    headers::CASES,
    access::CASES,
    smuggling::CASES,
    chunks::CASES,
    tls::CASES,
    http2::CASES,
    http::CASES,
    proxy_protocol::CASES,
    operation::CASES,
    stop::CASES,
];

/// What is seen of a proxy that runs already.
pub(crate) const REMOTE: &[Case] = remote::CASES;
