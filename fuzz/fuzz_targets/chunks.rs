//! See `wsgen_fuzz::chunks`.

#![no_main]

use wsgen_fuzz::chunks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chunks::check(bytes));
