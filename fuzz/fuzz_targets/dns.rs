//! See `wsgen_fuzz::dns`.

#![no_main]

use wsgen_fuzz::dns;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dns::check(bytes));
