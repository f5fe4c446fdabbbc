//! Rendering grows with the number of routes, for every target that can be rendered.

use std::fmt::Write;

use divan::{Bencher, black_box};
use wsgen_emit::{Options, Selection, TARGETS};
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::source::Sources;

fn main() {
    divan::main();
}

fn model(routes: usize) -> String {
    let mut text = String::from(
        "version: 1\nlisteners: [{name: web, address: \"127.0.0.1:8080\"}]\nupstreams:\n",
    );
    for n in 0..routes.div_ceil(10) {
        let _ = writeln!(text, "  app{n}: {{servers: [\"10.0.0.1:3000\", \"10.0.0.2:3000\"]}}");
    }
    text.push_str("routes:\n");
    for n in 0..routes {
        let _ = writeln!(
            text,
            "  - {{name: r{n}, hostnames: [h{}.example.com], match: [{{path: {{prefix: /t/{n}/ws}}}}], upstream: app{}}}",
            n % 50,
            n / 10
        );
    }
    text
}

#[divan::bench(args = [10, 100, 1_000, 10_000], sample_count = 5)]
fn render(bencher: Bencher<'_, '_>, routes: usize) {
    let (site, findings) = wsgen_model::read(&Sources::single("model.yaml", model(routes)));
    let Some(site) = site else { panic!("{findings:?}") };
    bencher.bench(|| {
        for target in TARGETS {
            let selection = Selection { target, version: None };
            let mut said = Diagnostics::default();
            let rendered =
                wsgen_emit::render(black_box(&site), &selection, &Options::default(), &mut said);
            assert!(rendered.is_ok_and(|rendered| rendered.is_some()));
        }
    });
}
