//! See `wsgen_fuzz::response`.

#![no_main]

use wsgen_fuzz::response;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| response::check(bytes));
