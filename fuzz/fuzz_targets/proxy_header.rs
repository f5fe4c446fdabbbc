//! See `wsgen_fuzz::proxy_header`.

#![no_main]

use wsgen_fuzz::proxy_header;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proxy_header::check(bytes));
