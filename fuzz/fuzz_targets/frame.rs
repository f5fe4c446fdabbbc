//! See `wsgen_fuzz::frame`.

#![no_main]

use wsgen_fuzz::frame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| frame::check(bytes));
