//! What `wsgen import` and `wsgen migrate` print: each reason once, the heaviest first.

use assert_cmd::Command;

struct Run {
    code: Option<i32>,
    model: String,
    said: String,
}

/// Runs wsgen with a configuration as its last argument.
fn run(text: &str, arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.conf"), text).unwrap();
    let mut command = Command::cargo_bin("wsgen").unwrap();
    let output = command.current_dir(folder.path()).args(arguments).arg("site.conf").output();
    let output = output.unwrap();
    let kept = std::fs::read_to_string(folder.path().join("out/wsgen.yaml"));
    let model = kept.unwrap_or_else(|_| String::from_utf8(output.stdout).unwrap());
    let said = String::from_utf8(output.stderr).unwrap();
    Run { code: output.status.code(), model, said }
}

fn import(from: &str, text: &str, more: &[&str]) -> Run {
    run(text, &[&["import", "--from", from, "--loss", "warn"], more].concat())
}

/// Plain sites as people have them: a login of addresses, a limit, what a cache wants, and a socket.
fn nginx_sites(number: usize) -> String {
    let site = |number: usize| {
        format!(
            "server {{\n listen 80;\n server_name site{number}.example.com;\n allow 10.0.0.0/8;\n deny all;\n \
             location / {{\n  proxy_pass http://127.0.0.1:{};\n  proxy_redirect http:// https://;\n  \
             proxy_set_header Host $host;\n  sub_filter a b;\n }}\n \
             location ~ ^/(?!x)y {{ proxy_pass http://127.0.0.1:1; proxy_buffers 4 4k; }}\n}}\n",
            3000 + number
        )
    };
    (0..number).map(site).collect()
}

#[test]
fn forty_sites_are_as_short_as_one() {
    let (one, forty) = (nginx_sites(1), nginx_sites(40));
    let lines = |run: &Run| run.said.lines().count();
    let (one, forty) = (import("nginx", &one, &[]), import("nginx", &forty, &[]));
    assert!(lines(&forty) < lines(&one) + 10 && lines(&forty) < 60, "{}", forty.said);
    assert!(
        forty.said.contains("`allow` and `deny` are lost, and they guarded something (80 places)")
    );
    let places = "also at site.conf:5:2, site.conf:17:2 and 77 more places";
    assert!(forty.said.contains(places), "{}", forty.said);
    let all = import("nginx", &nginx_sites(40), &["--verbose"]);
    assert!(all.said.matches("[WSG0404]: `deny` is lost").count() == 40, "{}", all.said);
    assert_eq!(all.model, forty.model);
    let last = forty.said.lines().last().unwrap_or_default();
    assert!(
        last.contains("80 guards lost") && last.ends_with("; --verbose shows every place"),
        "{last}"
    );
}

#[test]
fn what_is_heaviest_is_said_first() {
    let run = import("nginx", &nginx_sites(2), &[]);
    let at = |code: &str| run.said.find(code).unwrap_or_else(|| panic!("{code}: {}", run.said));
    let order = ["WSG0411", "WSG0404", "WSG0403", "WSG0407"].map(at);
    assert!(order.is_sorted(), "{order:?} {}", run.said);
}

#[test]
fn a_placeholder_says_what_it_stands_for() {
    let text = "defaults\n mode http\nfrontend web\n bind :8080\n http-request deny if { src 10.0.0.0/8 }\n \
                default_backend app\nbackend app\n server a 127.0.0.1:3000\n";
    let run = import("haproxy", text, &[]);
    let comment = "  # placeholder for `http-request deny` (site.conf:5): `src` is";
    assert!(run.model.contains(comment), "{}", run.model);
    let first = run.said.lines().next().unwrap_or_default();
    assert!(first.starts_with("warning[WSG0411]: every request for"), "{first}");
    assert!(run.said.contains("1 site that answers nothing but 502"), "{}", run.said);
}

#[test]
fn a_lost_block_is_one_finding() {
    let text = "server {\n listen 80;\n if ($http_user_agent ~ bot) {\n  set $bot 1;\n  return 403;\n }\n \
                location / { proxy_pass http://127.0.0.1:3000; }\n}\n";
    let run = import("nginx", text, &[]);
    assert!(
        run.said.contains("directive in it)") || run.said.contains("directives in it)"),
        "{}",
        run.said
    );
    assert!(!run.said.contains("`return`") && !run.said.contains("`set`"), "{}", run.said);
}

#[test]
fn a_migration_folds_and_simplifies_too() {
    let mut text =
        "defaults\n mode http\n timeout connect 5s\nfrontend web\n bind :8080\n".to_owned();
    for number in 0..20 {
        text.push_str(&format!(" use_backend b{number} if {{ path_beg /{number}app }}\n"));
    }
    for number in 0..20 {
        text.push_str(&format!(
            "backend b{number}\n balance leastconn\n cookie S insert\n server a 127.0.0.1:1 cookie a\n \
             server b 127.0.0.1:2 cookie b\n"
        ));
    }
    let arguments =
        ["migrate", "--from", "haproxy", "--to", "nginx", "--loss", "warn", "-o", "out"];
    let run = self::run(&text, &arguments);
    assert_eq!(run.code, Some(0), "{}", run.said);
    assert!(run.said.lines().count() < 120 && run.said.contains("(20 places)"), "{}", run.said);
    assert!(run.model.contains("{starts_with: /3app}"), "{}", run.model);
    let simple = self::run(&text, &[arguments.as_slice(), &["--simplify"]].concat());
    assert!(simple.model.contains("{prefix: /3app}"), "{}", simple.model);
    assert!(simple.said.contains("simplified 20 paths"), "{}", simple.said);
}
