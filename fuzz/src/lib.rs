//! Properties of every reader of bytes from outside. Each module has a function `check`, which fails where its reader
//! breaks a rule. The fuzzers call it with what they make up, and `tests/command/corpus.rs` calls it with the committed
//! corpus, so that every find stays found on a stable toolchain.

pub mod chunks;
pub mod frame;
pub mod head;
pub mod import;
pub mod model;
pub mod names;
pub mod proxy_header;
pub mod response;
pub mod users;
