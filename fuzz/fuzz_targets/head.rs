//! See `wsgen_fuzz::head`.

#![no_main]

use wsgen_fuzz::head;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| head::check(bytes));
