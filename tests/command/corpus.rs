//! The committed corpus of the fuzzers, checked by the same rules on a stable toolchain (`fuzz/`).

use std::fs;
use std::path::Path;

#[allow(unreachable_pub, reason = "public in the crate of the fuzzers")]
#[path = "../../fuzz/src/lib.rs"]
mod readers;

/// Fails where a reader breaks a rule with these bytes.
type Check = fn(&[u8]);

/// Each reader, by the name of its fuzzer and its folder.
const READERS: &[(&str, Check)] = &[
    ("apache", readers::import::apache),
    ("chunks", readers::chunks::check),
    ("frame", readers::frame::check),
    ("haproxy", readers::import::haproxy),
    ("head", readers::head::check),
    ("model", readers::model::check),
    ("names", readers::names::check),
    ("nginx", readers::import::nginx),
    ("proxy_header", readers::proxy_header::check),
    ("response", readers::response::check),
    ("users", readers::users::check),
];

/// Names the input that was being read when its check failed.
struct Reading<'p>(&'p Path);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("while {} was read", self.0.display());
        }
    }
}

#[test]
fn every_input_keeps_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (name, check) in READERS {
        assert!(root.join("fuzz_targets").join(format!("{name}.rs")).is_file(), "{name}");
        let mut inputs = 0;
        for file in fs::read_dir(root.join("corpus").join(name)).unwrap() {
            let path = file.unwrap().path();
            let _reading = Reading(&path);
            check(&fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs >= 5, "{name}: {inputs} inputs");
    }
}

#[test]
fn every_fuzzer_is_replayed() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    assert_eq!(fs::read_dir(targets).unwrap().count(), READERS.len());
}
