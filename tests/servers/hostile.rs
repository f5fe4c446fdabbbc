//! Config text is code: no value of a model can add, end or comment out a directive. A hostile value either is
//! refused, or changes nothing but its own word, and the real checker takes the result.

use proptest::prelude::*;
use wsgen_emit::{Options, Selection};
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::source::Sources;

/// A model that carries one text wherever a model takes free text and the target knows the field.
fn model(target: &str, text: &str) -> String {
    // Apache hashes nothing.
    let hashed = if target == "apache" {
        ""
    } else {
        ", load_balancing: {policy: hash, key: \"cookie:sid\"}"
    };
    // A JSON string is a YAML string.
    let text = serde_json::to_string(text).unwrap();
    format!(
        r#"
version: 1
name: {text}
listeners: [{{name: web, address: "127.0.0.1:8080"}}]
upstreams:
  app: {{servers: ["127.0.0.1:3000", "127.0.0.1:3001"]{hashed}}}
routes:
  - match: [{{path: {{prefix: /a}}}}]
    upstream: app
    request_headers: {{set: {{X-A: {text}}}, add: {{X-B: {text}}}}}
    response_headers: {{set: {{X-C: {text}}}}}
    websocket: {{origins: [same_origin]}}
    auth: {{basic: {{users_file: {text}, realm: {text}}}}}
    error_pages: {{"502": {text}}}
  - match: [{{path: {{prefix: /c}}, headers: {{x-m: {text}}}, query: {{q: {text}}}}}]
    upstream: app
  - match: [{{path: {{exact: /b}}}}]
    respond: {{status: 200, body: {text}, headers: {{X-D: {text}}}}}
"#
    )
}

/// The configuration, or nothing where the value was refused with a finding.
fn render(target: &str, text: &str) -> Option<String> {
    let model = model(target, text);
    let model = model.as_str();
    let (site, findings) = wsgen_model::read(&Sources::single("model.yaml", model));
    let Some(site) = site else {
        assert!(findings.has_errors());
        return None;
    };
    let mut findings = Diagnostics::default();
    let selection = Selection::parse(target).unwrap();
    // Users and pages that no value of a model reaches.
    let handed = wsgen_emit::needs(&site, &selection).into_iter();
    let handed = handed.map(|need| (need.path, b"me:$6$a$b\n".to_vec())).collect();
    let options = Options { handed, ..Options::default() };
    let rendered = wsgen_emit::render(&site, &selection, &options, &mut findings);
    let rendered = rendered.unwrap_or_else(|problem| panic!("{}\n{model}", problem.message));
    assert_eq!(rendered.is_none(), findings.has_errors());
    rendered.map(|rendered| rendered.main)
}

/// The lines of a HAProxy configuration as it reads words (section 2.2 of its manual): the number of words of
/// each line, and the first two.
fn haproxy_skeleton(text: &str) -> Vec<String> {
    let mut shape = Vec::new();
    for line in text.lines() {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
                ('"' | '\'', None) => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (c, Some(open)) if c == open => quote = None,
                ('$', Some('"')) => panic!("a variable of the environment: {line}"),
                ('#', None) => break,
                (c, None) if c.is_whitespace() => words.extend(word.take()),
                (c, _) => word.get_or_insert_default().push(c),
            }
        }
        assert!(quote.is_none(), "a quote is left open: {line}");
        words.extend(word);
        if !words.is_empty() {
            shape.push(format!("{} {:?}", words.len(), &words[..words.len().min(2)]));
        }
    }
    shape
}

/// The lines of an Apache configuration: of directives of `mod_rewrite`, which split at blanks, and of others, which
/// read words (`ap_getword_conf`), the first word and the number of words.
fn apache_skeleton(text: &str) -> Vec<String> {
    let ours = ["${wsgen_modules}", "${wsgen_dollar}"];
    let mut shape = Vec::new();
    // A dollar sign adds the constant that stands for it, and nothing else.
    let lines = text.lines().map(str::trim).filter(|line| *line != "Define wsgen_dollar $");
    for line in lines.filter(|line| !line.starts_with('#')) {
        let foreign = line
            .match_indices("${")
            .find(|(at, _)| !ours.iter().any(|name| line[*at..].starts_with(name)));
        assert!(foreign.is_none(), "a variable is replaced: {line}");
        assert!(!line.ends_with('\\'), "the next line is joined: {line}");
        let escapes = !line.starts_with("Rewrite");
        let (mut words, mut word, mut quoted) = (0, None::<String>, false);
        let mut first = String::new();
        let mut end = |word: Option<String>| {
            if let Some(word) = word {
                words += 1;
                if words == 1 {
                    first = word;
                }
            }
        };
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if escapes && matches!(chars.peek(), Some('"' | '\\')) => {
                    word.get_or_insert_default().extend(chars.next());
                }
                '"' if !quoted && word.is_none() => {
                    quoted = true;
                    word = Some(String::new());
                }
                '"' if quoted => {
                    quoted = false;
                    end(word.take());
                }
                c if c.is_whitespace() && !quoted => end(word.take()),
                c => word.get_or_insert_default().push(c),
            }
        }
        assert!(!quoted, "a quote is left open: {line}");
        end(word);
        if words > 0 {
            shape.push(format!("{first} {words}"));
        }
    }
    shape
}

/// The directives of a configuration as nginx reads words (`ngx_conf_read_token`), without their values: for each
/// its name and the number of its words, and the braces.
fn nginx_skeleton(text: &str) -> Vec<String> {
    let mut shape = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            ';' | '{' | '}' => {
                // The lines of a map begin with their pattern.
                let name =
                    words.first().map_or("", |word| if word.starts_with('~') { "~" } else { word });
                shape.push(format!("{name} {} {c}", words.len()));
                words.clear();
            }
            '"' | '\'' => {
                let mut word = String::new();
                while let Some(next) = chars.next() {
                    match next {
                        '\\' => word.extend(chars.next()),
                        next if next == c => break,
                        next => word.push(next),
                    }
                }
                words.push(word);
            }
            first => {
                let mut word = String::from(first);
                let mut variable = first == '$';
                while let Some(next) = chars.peek().copied() {
                    let ends = next.is_whitespace() || next == ';' || next == '{' && !variable;
                    if ends {
                        break;
                    }
                    if next == '\\' {
                        chars.next();
                    }
                    variable = next == '$';
                    word.extend(chars.next());
                }
                words.push(word);
            }
        }
    }
    assert!(words.is_empty(), "the configuration ends within a directive");
    shape
}

const PIECES: [&str; 26] = [
    ";",
    "}",
    "{",
    "\n",
    "\"",
    "'",
    "#",
    "$host",
    "${host}",
    "$",
    "\\",
    "\\\"",
    "%[src]",
    "%{x}",
    "${",
    " ",
    "\t",
    "a",
    "ä",
    "\u{0}",
    "\r\n",
    "return 200;",
    "} server {",
    "*/",
    "$1",
    "\u{7f}",
];

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::collection::vec(proptest::sample::select(&PIECES[..]), 1..8).prop_map(|p| p.concat()),
        1 => "[ -~]{1,60}",
        1 => Just("x".repeat(5_000)),
    ]
}

/// Whether two skeletons are equal; if not, where they part.
fn same(shape: &[String], harmless: &[String], text: &str, all: &str) -> Result<(), TestCaseError> {
    let parts = shape.iter().zip(harmless).find(|(one, other)| one != other);
    prop_assert!(parts.is_none() && shape.len() == harmless.len(), "{parts:?} of {text:?}\n{all}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_value_stays_one_word(text in hostile()) {
        let harmless = nginx_skeleton(&render("nginx", "x").unwrap());
        if let Some(rendered) = render("nginx", &text) {
            // A dollar sign adds the constant that stands for it, and nothing else.
            let mut shape = nginx_skeleton(&rendered);
            if let Some(at) = shape.iter().position(|line| line == "geo 2 {") {
                shape.drain(at..at + 3);
            }
            same(&shape, &harmless, &text, &rendered)?;
        }
        let harmless = apache_skeleton(&render("apache", "x").unwrap());
        if let Some(rendered) = render("apache", &text) {
            same(&apache_skeleton(&rendered), &harmless, &text, &rendered)?;
        }
        let harmless = haproxy_skeleton(&render("haproxy", "x").unwrap());
        if let Some(rendered) = render("haproxy", &text) {
            same(&haproxy_skeleton(&rendered), &harmless, &text, &rendered)?;
        }
    }
}

#[test]
fn the_real_checkers_take_what_is_not_refused() {
    for kind in crate::real_server::ALL.into_iter().filter(|kind| !kind.serves()) {
        let mut taken = 0;
        for text in [
            "a; return 200",
            "a } server { listen 1; }",
            "a # b",
            "$host ${host} $",
            "\\",
            "\\\"",
            "it's \"quoted\"",
            "%[src] %{THE_REQUEST} 100%",
            "a\\nb",
            "{{ 7 * 7 }}",
            "${wsgen_dollar}",
            "*/ /* <? ?>",
            "a if TRUE",
        ] {
            if let Some(rendered) = render(kind.target, text) {
                let folder = tempfile::tempdir().unwrap();
                // Some read their pages already when they check.
                let page = folder.path().join(text);
                std::fs::create_dir_all(page.parent().unwrap()).unwrap();
                std::fs::write(page, "sorry\n").unwrap();
                crate::real_server::checked(kind, folder.path(), &rendered);
                taken += 1;
            }
        }
        assert!(taken >= 8, "only {taken} of the texts were not refused");
    }
}

/// What a value says is what arrives: in requests, in responses, in a fixed answer.
#[tokio::test]
async fn values_arrive_as_they_were_written() {
    let values = [
        "a; b } c { # d",
        "it's \"quoted\" \\ and \\n \\\" \\\\",
        "$host ${host} $1 $",
        "%[src] %{THE_REQUEST} %{REMOTE_ADDR}e %% 100%",
        "expr=%{REMOTE_ADDR}",
        "early",
        "env=PATH",
        "/etc/passwd",
        "http://a.test/",
        "default",
        "{{ 7 * 7 }}",
    ];
    let app = crate::real_server::upstream("app").await;
    let mut sent = String::new();
    let mut answered = String::new();
    let mut routes = String::new();
    for (number, value) in values.iter().enumerate() {
        let text = serde_json::to_string(value).unwrap();
        sent.push_str(&format!("X-S{number}: {text}, "));
        answered.push_str(&format!("X-A{number}: {text}, "));
        routes.push_str(&format!(
            "  - {{match: [{{path: {{exact: /v{number}}}}}], respond: {{status: 403, body: {text}, headers: {{X-H: {text}}}}}}}\n"
        ));
    }
    let model = format!(
        "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
         upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes:\n\
         \x20 - {{upstream: app, request_headers: {{set: {{{sent}}}}}, response_headers: {{set: {{{answered}}}}}}}\n{routes}"
    );
    for kind in crate::real_server::ALL {
        let server = crate::real_server::start(kind, &model, &[]).await;
        let seen = server.send("GET /").await;
        for (number, value) in values.iter().enumerate() {
            let value = value.to_lowercase();
            for name in ["s", "a"] {
                let field = format!("\r\nx-{name}{number}: {value}\r\n");
                assert!(seen.contains(&field), "{}: {field:?} is not in {seen}", kind.target);
            }
            let fixed = server.send(&format!("GET /v{number}")).await;
            let (head, body) = fixed.split_once("\r\n\r\n").unwrap();
            assert_eq!(body, value, "{}", kind.target);
            assert!(head.contains(&format!("\r\nx-h: {value}")), "{}: {head}", kind.target);
        }
    }
}

/// The realm of a challenge, as a client reads it (RFC 9110 section 5.6.4).
fn realm(answer: &str) -> String {
    let field = "www-authenticate: basic realm=\"";
    let (_, rest) = answer.split_once(field).unwrap_or_else(|| panic!("no challenge: {answer}"));
    let (mut realm, mut chars) = (String::new(), rest.chars());
    loop {
        match chars.next().unwrap() {
            '"' => break,
            '\\' => realm.extend(chars.next()),
            c => realm.push(c),
        }
    }
    let rest = chars.as_str().lines().next().unwrap_or_default();
    assert!(rest.is_empty() || rest.starts_with(','), "{rest:?} behind the realm: {answer}");
    realm
}

#[tokio::test]
async fn realms_arrive_as_they_were_written() {
    let app = crate::real_server::upstream("app").await;
    let realms = [
        "members",
        "say \"friend\"",
        "\"",
        "\\",
        "a\\",
        "a\\\\b",
        "\\\"",
        "a\\\"b",
        "ends with \"",
        "it's; { } # $host ${x} %[src] %{REMOTE_ADDR}",
        "a\", charset=\"x",
    ];
    for kind in crate::real_server::ALL {
        let mut routes = String::new();
        for (number, realm) in realms.iter().enumerate() {
            let text = serde_json::to_string(realm).unwrap();
            routes.push_str(&format!(
                "  - {{match: [{{path: {{prefix: /r{number}}}}}], upstream: app, auth: {{basic: {{users_file: users, realm: {text}}}}}}}\n"
            ));
        }
        let model = format!(
            "version: 1\nlisteners: [{{name: web, address: \"127.0.0.1:PORT\"}}]\n\
             upstreams: {{app: {{servers: [\"127.0.0.1:{app}\"]}}}}\nroutes:\n{routes}"
        );
        let users = "wsgen:$5$wsgen$x0ADzcdKXZYlSWKyKb2sjrDxfjIYNJ02EObl1qvOJv/\n";
        let server = crate::real_server::start(kind, &model, &[("users", users)]).await;
        for (number, written) in realms.iter().enumerate() {
            let answer = server.send(&format!("GET /r{number}")).await;
            assert_eq!(realm(&answer), written.to_lowercase(), "{}: {answer}", kind.target);
        }
    }
}
