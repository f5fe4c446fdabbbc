//! See `wsgen_fuzz::users`.

#![no_main]

use wsgen_fuzz::users;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| users::check(bytes));
