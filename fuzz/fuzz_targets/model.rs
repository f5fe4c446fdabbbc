//! See `wsgen_fuzz::model`.

#![no_main]

use wsgen_fuzz::model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::check(bytes));
