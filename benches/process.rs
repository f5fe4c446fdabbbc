//! The whole process: start, read a small file, judge it, end.

use std::process::{Command, Stdio};

use divan::Bencher;

fn main() {
    divan::main();
}

#[divan::bench(args = ["examples/minimal.yaml", "examples/full.yaml"], sample_count = 50)]
fn check(bencher: Bencher<'_, '_>, model: &str) {
    bencher.bench(|| {
        let status = Command::new(env!("CARGO_BIN_EXE_wsgen"))
            .args(["check", model])
            .stdout(Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| status.success()));
    });
}

#[divan::bench(args = ["nginx", "apache", "haproxy"], sample_count = 50)]
fn render(bencher: Bencher<'_, '_>, target: &str) {
    bencher.bench(|| {
        let status = Command::new(env!("CARGO_BIN_EXE_wsgen"))
            .args(["render", "--target", target, "examples/minimal.yaml"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.is_ok_and(|status| status.success()));
    });
}
