//! `wsgen bench`: what it measures is there, and what cannot be measured is said. No time is asserted.

use assert_cmd::Command;
use serde_json::Value;

fn bench(arguments: &[&str]) -> (i32, String, String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let command = command.arg("bench").args(arguments);
    let output =
        command.arg("--report").arg(format!("json={}", report.display())).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let report = std::fs::read_to_string(report)
        .map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr), report)
}

const SHORT: [&str; 6] = ["--rounds", "2", "--secs", "0.1", "--conns", "4"];

/// Every server that is here, each with what it can keep of the model.
#[test]
fn every_server_is_measured_where_none_is_named() {
    let _machine = crate::MACHINE.blocking_lock();
    let (code, page, said, report) =
        bench(&["--rounds", "1", "--secs", "0.1", "--workload", "http"]);
    assert_eq!(code, 0, "{said}{page}");
    let seen: Vec<&str> =
        report["rows"].as_array().unwrap().iter().map(|r| r["target"].as_str().unwrap()).collect();
    for name in ["serve", "nginx", "haproxy", "apache"] {
        assert!(seen.iter().any(|target| target.starts_with(name)), "{name}: {seen:?}");
    }
}

/// Every load through the reference proxy and an installed server, and without any between.
#[test]
fn every_load_is_measured_and_compared() {
    let _machine = crate::MACHINE.blocking_lock();
    let loads = ["echo:125", "echo:64k", "rate", "churn", "http"];
    let mut arguments = SHORT.to_vec();
    arguments.extend(["--target", "serve", "--target", "nginx"]);
    arguments.extend(loads.iter().flat_map(|load| ["--workload", load]));
    let (code, page, said, report) = bench(&arguments);
    assert_eq!(code, 0, "{said}{page}");
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), loads.len() * 3);
    for row in rows {
        let samples = row["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 2, "{row}");
        for sample in samples {
            assert!(sample["per_second"].as_f64().unwrap() > 0.0, "{row}");
            assert!(sample["p50"].as_f64().unwrap() > 0.0, "{row}");
            assert_eq!(sample["errors"], 0, "{row}");
            // Who is between has used a processor; nobody has not.
            let direct = row["target"] == "direct";
            assert_eq!(sample["cpu"].as_f64().is_some_and(|cpu| cpu > 0.0), !direct, "{row}");
        }
    }
    for column in ["CPU us/message", "x nginx", "x direct", "CPU us/handshake"] {
        assert!(page.contains(column), "{column}\n{page}");
    }
}

#[test]
fn clients_come_by_tls_where_that_is_asked() {
    let _machine = crate::MACHINE.blocking_lock();
    let folder = tempfile::tempdir().unwrap();
    let (html, markdown) = (folder.path().join("bench.html"), folder.path().join("bench.md"));
    let (html_report, markdown_report) =
        (format!("html={}", html.display()), format!("markdown={}", markdown.display()));
    let mut arguments = SHORT.to_vec();
    arguments.extend(["--target", "serve", "--tls", "--size", "4k", "--routes", "3"]);
    arguments.extend(["--report", &html_report, "--report", &markdown_report]);
    let (code, page, said, report) = bench(&arguments);
    assert!(page.contains("; 3 routes; 4 connections by TLS;"), "{page}");
    assert_eq!((code, &report["tls"]), (0, &Value::Bool(true)), "{said}{page}");
    let html = std::fs::read_to_string(html).unwrap();
    assert!(html.contains("<svg") && html.contains("echo of 4 KiB"), "{html}");
    let markdown = std::fs::read_to_string(markdown).unwrap();
    assert!(markdown.contains("| serve 0.1.0 |"), "{markdown}");
}

#[test]
fn what_cannot_be_measured_is_said() {
    let _machine = crate::MACHINE.blocking_lock();
    for (arguments, said) in [
        (["--workload", "nothing"], "there is no workload named `nothing`"),
        (["--target", "nobody"], "there is no target named `nobody`"),
        (["--size", "17m"], "expected a size"),
        (["--secs", "0"], "expected a number"),
    ] {
        let (code, _, errors, report) = bench(&arguments);
        assert_eq!((code, report), (2, Value::Null), "{errors}");
        assert!(errors.contains(said), "{said}\n{errors}");
    }
}
