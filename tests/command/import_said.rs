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

/// Each line that no request comes to is said at its place, and nothing else is.
#[test]
fn lines_that_no_request_comes_to_are_said_at_their_place() {
    let nginx = "server { listen 80; server_name a.test; location / { proxy_pass http://127.0.0.1:1; } }\n\
                 server { listen 80; server_name a.test; location / { proxy_pass http://127.0.0.1:2; } }\n\
                 server { listen 80; server_name b.test; location / { proxy_pass http://127.0.0.1:3; }\n \
                 location ^~ /api/ { proxy_pass http://127.0.0.1:4; }\n \
                 location ~ ^/api/x { proxy_pass http://127.0.0.1:5; }\n}\n";
    let haproxy = "defaults\n mode http\nfrontend web\n bind :80\n use_backend a if { path_beg / }\n \
                   use_backend b if { path_beg /b }\n default_backend b\nbackend a\n server a 127.0.0.1:1\n\
                   backend b\n server a 127.0.0.1:1\n\
                   frontend two\n bind :81\n default_backend b\n";
    let apache = "<VirtualHost *:80>\n ServerName a.test\n ProxyPass / http://127.0.0.1:1/\n \
                  ProxyPass /x http://127.0.0.1:2/x\n</VirtualHost>\n\
                  <VirtualHost *:80>\n ServerName a.test\n ProxyPass / http://127.0.0.1:3/\n</VirtualHost>\n";
    for (from, text, lines) in [
        ("nginx", nginx, vec![2, 5]),
        ("haproxy", haproxy, vec![6, 7]),
        ("apache", apache, vec![4, 6]),
    ] {
        let run = import(from, text, &["--verbose"]);
        let mut said = Vec::new();
        let mut rest = run.said.as_str();
        while let Some((_, behind)) = rest.split_once("[WSG0205]") {
            let place = behind.split_once("--> site.conf:").map_or("", |(_, place)| place);
            said.push(place.split(':').next().unwrap_or_default().parse::<u32>().unwrap());
            rest = behind;
        }
        // What is said of several places names the others within its lines.
        let others = run.said.lines().filter(|line| line.contains("here too")).filter_map(|line| {
            line.split('|').next().and_then(|number| number.trim().parse::<u32>().ok())
        });
        said.extend(others);
        assert_eq!(said, lines, "{from}: {}", run.said);
    }
}

/// Handshakes that another rule takes do not become plain HTTP.
#[test]
fn plain_http_is_said_of_routes_that_get_handshakes() {
    let site = |rules: &str| {
        format!(
            "<VirtualHost *:80>\nServerName a.test\nRewriteEngine on\n{rules}ProxyPass / http://127.0.0.1:1/\n</VirtualHost>\n"
        )
    };
    let socket =
        "RewriteCond %{HTTP:Upgrade} =websocket [NC]\nRewriteRule /(.*) ws://127.0.0.1:2/$1 [P]\n";
    let (alone, beside) = (import("apache", &site(""), &[]), import("apache", &site(socket), &[]));
    assert!(alone.said.contains("[WSG0406]: no WebSocket gets through here"), "{}", alone.said);
    assert!(!beside.said.contains("WSG0406"), "{}\n{}", beside.said, beside.model);
}
