//! What a tunnel costs on each server: the same load through all of them, round by round, and each server's own
//! processor time for a message.
//!
//! A [`plan`] says what is measured; [`run`] starts the servers from one model and lets a [`load`] run through each,
//! in turns; a [`statistics`] is made of what was seen, and [`report`] writes it down.

#![allow(clippy::cast_precision_loss, reason = "of a figure three digits matter")]

mod baseline;
mod echo;
mod frame;
pub mod load;
mod machine;
mod many;
mod memory;
pub mod plan;
mod poll;
pub mod report;
pub mod run;
mod setup;
pub mod statistics;
mod transport;
