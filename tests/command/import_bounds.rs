//! `wsgen import` of configurations that grow without end, or that reach for files which are not theirs.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use assert_cmd::Command;

/// Imports a file below a bound of memory (1 GiB), and gives what came of it.
fn import(from: &str, file: &Path, more: &[&str]) -> Output {
    let program = assert_cmd::cargo::cargo_bin("wsgen");
    let mut command = Command::new("prlimit");
    let command = command.arg("--as=1073741824").arg("--").arg(program).args(["import", "--from"]);
    command.arg(from).args(more).arg(file).timeout(Duration::from_mins(2)).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn nginx(inside: &str) -> String {
    format!(
        "http {{ server {{ listen 80;\n{inside}\nlocation / {{ proxy_pass http://127.0.0.1:1; }} }} }}\n"
    )
}

fn apache(inside: &str) -> String {
    format!("{inside}\n<VirtualHost *:80>\nProxyPass / http://127.0.0.1:1/\n</VirtualHost>\n")
}

fn haproxy(inside: &str) -> String {
    format!(
        "frontend f\n mode http\n bind :80\n{inside}\n default_backend b\nbackend b\n mode http\n server s 127.0.0.1:1\n"
    )
}

/// Forty doublings of a value have ten terabytes.
#[test]
fn values_that_double_are_bounded_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |line: &dyn Fn(usize) -> String| (1..=40).map(line).collect::<String>();
    let parameters: Vec<String> = (10..50).map(|n| format!("$p{n}")).collect();
    let doubled: String = parameters[1..].iter().map(|name| format!("\"{name}{name}\" ")).collect();
    for (from, text) in [
        ("nginx", nginx(&format!("set $a 0123456789;\n{}", "set $a $a$a;\n".repeat(40)))),
        ("nginx", nginx(&format!("set $a0 0123456789;\n{}", lines(&|n| format!("set $a{n} $a{m}${{a{m}}};\n", m = n - 1))))),
        ("apache", apache(&format!("Define a 0123456789\n{}", "Define a ${a}${a}\n".repeat(40)))),
        ("apache", apache(&format!("Define a0 0123456789\n{}", lines(&|n| format!("Define a{n} ${{a{m}}}${{a{m}}}\n", m = n - 1))))),
        ("apache", apache(&format!("<Macro m {}>\nHeader set X \"$p10\"\n</Macro>\nUse m {doubled} x", parameters.join(" ")))),
        ("apache", apache(&format!("<Macro m0>\nHeader set X y\nHeader set Y z\n</Macro>\n{}", lines(&|n| format!("<Macro m{n}>\nUse m{m}\nUse m{m}\n</Macro>\n", m = n - 1))))),
        ("haproxy", {
            let defaults: String = (0..200).map(|n| format!("defaults d{n}{}\n mode http\n", if n > 0 { format!(" from d{}", n - 1) } else { String::new() })).collect();
            format!("{defaults}{}", haproxy(""))
        }),
        ("haproxy", haproxy(&format!(" http-request set-var(txn.v0) path\n{}", lines(&|n| {
            let line = |test: &str| format!(" http-request set-var(txn.v{n}) var(txn.v{m}) if {{ path_beg /{test} }}\n", m = n - 1);
            format!("{}{}", line("a"), line("b"))
        })))
            .replace(" default_backend", " use_backend b if { var(txn.v40) -m str /a }\n default_backend")),
    ] {
        let file = folder.path().join("in.conf");
        fs::write(&file, &text).unwrap();
        let output = import(from, &file, &[]);
        let said = said(&output);
        assert!(said.contains("error[WSG0410]"), "{from}: {said}\n{}", &text[..text.len().min(300)]);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(output.stdout.is_empty());
        let output = import(from, &file, &["--loss", "warn"]);
        assert_eq!(output.status.code(), Some(0), "{}", self::said(&output));
        assert!(output.stdout.len() < 4 << 20, "{}", output.stdout.len());
    }
}

/// A text of groups within groups, or of very many ways, is no hostname and no path that is written out.
#[test]
fn nested_groups_and_blocks_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let nested = format!("{}a{}", "(".repeat(50_000), ")".repeat(50_000));
    let branches: String = (0..30).map(|n| format!("(a{n}|b{n})")).collect();
    for (from, text) in [
        ("nginx", nginx(&format!("server_name ~^{nested}$;"))),
        ("nginx", nginx(&format!("server_name ~^{branches}$;"))),
        ("nginx", nginx(&format!("location ~ ^/{nested} {{ proxy_pass http://127.0.0.1:1; }}"))),
        ("nginx", nginx(&"a {".repeat(100_000))),
        ("apache", apache(&"<Location />\n".repeat(100_000))),
        ("haproxy", haproxy(&format!(" use_backend b if {{ hdr_reg(host) ^{nested}$ }}"))),
    ] {
        let file = folder.path().join("in.conf");
        fs::write(&file, &text).unwrap();
        let output = import(from, &file, &["--loss", "warn"]);
        assert_eq!(output.status.code(), Some(0), "{from}: {}", said(&output));
    }
}

/// Ten times as many directives take about ten times as long, and not a hundred times.
#[test]
fn unknown_directives_take_linear_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.conf");
    let time = |from: &str, count: usize| {
        let lines =
            |end: &str| (0..count).map(|n| format!(" unknown{n} x{end}\n")).collect::<String>();
        let text = match from {
            "nginx" => nginx(&lines(";")),
            "apache" => apache(&lines("")),
            _ => haproxy(&lines("")),
        };
        fs::write(&file, text).unwrap();
        let begin = Instant::now();
        let output = import(from, &file, &["--loss", "warn"]);
        assert_eq!(output.status.code(), Some(0), "{from}: {}", said(&output));
        assert!(said(&output).contains("others are lost"), "{from}");
        begin.elapsed()
    };
    for target in wsgen_emit::TARGETS {
        let (few, many) = (time(target.name, 4_000), time(target.name, 40_000));
        let allowed = few * 30 + Duration::from_secs(2);
        assert!(many < allowed, "{}: {few:?} for 4,000, {many:?} for 40,000", target.name);
    }
}

/// Includes that lead out of the folder: by dots, by an absolute name, by a link, by a pattern.
#[test]
fn files_elsewhere_are_refused_and_never_read() {
    let outside = tempfile::tempdir().unwrap();
    let inside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.conf");
    fs::write(&secret, "root_password hunter2;\n").unwrap();
    let accessed = fs::metadata(&secret).unwrap().atime_nsec();
    symlink(&secret, inside.path().join("link.conf")).unwrap();
    symlink(outside.path(), inside.path().join("folder")).unwrap();
    let dots = "../".repeat(12);
    let absolute = secret.display().to_string();
    let names = [
        format!("{dots}{}", absolute.trim_start_matches('/')),
        absolute.clone(),
        "link.conf".to_owned(),
        "folder/secret.conf".to_owned(),
        "folder/*.conf".to_owned(),
        format!("{}/*.conf", outside.path().display()),
        format!("{}/missing.conf", outside.path().display()),
        "f*/secret.conf".to_owned(),
    ];
    for name in &names {
        for (from, text) in [
            ("nginx", nginx(&format!("include {name};"))),
            ("apache", apache(&format!("IncludeOptional {name}"))),
            ("apache", apache(&format!("ServerRoot {}\nInclude {name}", inside.path().display()))),
        ] {
            let file = inside.path().join("main");
            fs::write(&file, text).unwrap();
            for more in [&[][..], &["--root", inside.path().to_str().unwrap()]] {
                let output = import(from, &file, more);
                let said = said(&output);
                assert!(
                    !said.contains("hunter2") && !said.contains("root_password"),
                    "{name}: {said}"
                );
                // Below --root, an absolute name is another one.
                let leads_out =
                    more.is_empty() || !name.starts_with('/') && !name.starts_with("link");
                assert_eq!(
                    said.contains("warning[WSG0409]"),
                    leads_out,
                    "{from} {more:?} {name}: {said}"
                );
            }
        }
    }
    assert_eq!(fs::metadata(&secret).unwrap().atime_nsec(), accessed, "it was read");
    // Whoever says so reads them.
    let file = inside.path().join("main");
    fs::write(&file, nginx(&format!("include {absolute};"))).unwrap();
    let said = said(&import("nginx", &file, &["--root", "/", "--loss", "warn"]));
    assert!(said.contains("root_password") && !said.contains("WSG0409"), "{said}");
}

/// A pipe or a device that is included has no end, or never begins.
#[test]
fn devices_and_pipes_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.conf");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let file = folder.path().join("main");
    fs::write(&file, nginx("include pipe.conf; include /dev/zero;")).unwrap();
    let output = import("nginx", &file, &["--root", "/", "--verbose", "--loss", "warn"]);
    let said = said(&output);
    assert_eq!(said.matches("warning[WSG0410]").count(), 2, "{said}");
}
