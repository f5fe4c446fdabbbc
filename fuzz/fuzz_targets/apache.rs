//! See `wsgen_fuzz::import`.

#![no_main]

use wsgen_fuzz::import;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| import::apache(bytes));
