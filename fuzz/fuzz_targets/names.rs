//! See `wsgen_fuzz::names`.

#![no_main]

use wsgen_fuzz::names;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| names::check(bytes));
