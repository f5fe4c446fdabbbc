//! Whatever stands in a configuration, a model comes of it.

use super::*;
use proptest::prelude::*;
use wsgen_model::source::Source;

use crate::import::NoFiles;

fn read(text: &str) -> Imported {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("nginx.conf", text));
    import(&mut sources, &[id], &mut NoFiles)
}

const NAMES: [&str; 44] = [
    "listen",
    "server_name",
    "proxy_pass",
    "return",
    "set",
    "proxy_set_header",
    "add_header",
    "proxy_read_timeout",
    "auth_request",
    "auth_request_set",
    "auth_basic",
    "auth_basic_user_file",
    "error_page",
    "limit_conn",
    "rewrite",
    "try_files",
    "include",
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl",
    "resolver",
    "client_max_body_size",
    "gzip",
    "gzip_types",
    "internal",
    "deny",
    "allow",
    "proxy_hide_header",
    "proxy_http_version",
    "root",
    "ssl_verify_client",
    "ssl_client_certificate",
    "set_real_ip_from",
    "real_ip_header",
    "server",
    "hash",
    "sticky",
    "least_conn",
    "proxy_next_upstream",
    "proxy_next_upstream_tries",
    "proxy_ssl_name",
    "proxy_redirect",
    "keepalive_timeout",
    "http2",
];

const WORDS: [&str; 66] = [
    "/",
    "/a/",
    "/b",
    "^/(.*)$",
    "@x",
    "u",
    "http://u",
    "http://u/",
    "http://u/c",
    "https://$host",
    "http://unix:/s",
    "80",
    "443",
    "ssl",
    "[::]:80",
    "default_server",
    "proxy_protocol",
    "a.test",
    "~^(a|b)\\.test$",
    "*.b.test",
    "_",
    "301",
    "https://$host$request_uri",
    "404",
    "444",
    "$v",
    "1",
    "0",
    "Host",
    "Upgrade",
    "$http_upgrade",
    "Connection",
    "upgrade",
    "X-A",
    "''",
    "\"q r\"",
    "1h",
    "never",
    "502",
    "z",
    "5",
    "/$1",
    "break",
    "permanent",
    "$uri",
    "c.pem",
    "127.0.0.1",
    "10.0.0.0/8",
    "on",
    "off",
    "$upstream_http_x",
    "X-Forwarded-For",
    "$remote_addr",
    "text/css",
    "1m",
    "cookie",
    "$cookie_c",
    "all",
    "zone=z:1m",
    "weight=3",
    "backup",
    "1.1",
    "\u{e9}",
    "X-Forwarded-Proto",
    "https",
    "Set-Cookie",
];

fn statement() -> impl Strategy<Value = String> {
    let words = proptest::collection::vec(proptest::sample::select(WORDS.to_vec()), 0..4);
    (proptest::sample::select(NAMES.to_vec()), words)
        .prop_map(|(name, words)| format!("{name} {};\n", words.join(" ")))
}

fn statements() -> impl Strategy<Value = String> {
    proptest::collection::vec(statement(), 0..8).prop_map(|list| list.concat())
}

/// A block of one of these kinds around others.
fn block(
    inner: impl Strategy<Value = String>,
    heads: &'static [&'static str],
) -> impl Strategy<Value = String> {
    (proptest::sample::select(heads), statements(), proptest::collection::vec(inner, 0..3))
        .prop_map(|(head, own, inner)| format!("{head} {{\n{own}{}}}\n", inner.concat()))
}

const PLACES: &[&str] = &[
    "location /",
    "location /a/",
    "location = /b",
    "location ^~ /c",
    "location ~ ^/d/(.*)$",
    "location ~* \\.E$",
    "location @x",
    "if ($request_method = OPTIONS)",
    "if ($scheme != https)",
    "if ($x)",
    "upstream u",
    "map $http_upgrade $v",
    "limit_except GET",
    "geo $g",
];

fn configuration() -> impl Strategy<Value = String> {
    let leaf = block(statements(), PLACES);
    let server = block(block(leaf, PLACES), &["server", "server", "upstream u", "http", "stream"]);
    // Some of it is torn: a text may end anywhere.
    (proptest::collection::vec(server, 0..4), 0..40_usize).prop_map(|(list, torn)| {
        let text = list.concat();
        let end = text.len().saturating_sub(torn.saturating_sub(20));
        let end = (0..=end).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text[..end].to_owned()
    })
}

proptest! {
    #[test]
    fn any_text_gives_a_model_and_every_directive_a_verdict(text in configuration()) {
        let imported = read(&text);
        let (site, findings) = wsgen_model::read(&Sources::single("site.yaml", imported.model.concat()));
        prop_assert!(site.is_some() && !findings.has_errors(), "{text}\n{}\n{findings:?}", imported.model.concat());
    }
}

/// Found by the fuzzer: what a model cannot hold is no snippet.
#[test]
fn a_control_character_is_not_kept() {
    let text = "server { listen 443 ssl; ssl_certificate a\u{1}.pem; location / { proxy_pass http://h; proxy_set_header X-A \u{2}$request_id; } }";
    let imported = read(text);
    let lost = imported.findings.iter().flat_map(|finding| &finding.primary);
    assert_eq!(lost.filter(|label| label.text.contains("control character")).count(), 2);
    let (site, findings) =
        wsgen_model::read(&Sources::single("site.yaml", imported.model.concat()));
    assert!(site.is_some() && !findings.has_errors(), "{}", imported.model.concat());
}

/// Reads the text of a configuration. The answer is the model and what is said, each finding with the line that it stands at.
fn told(text: &str) -> (String, Vec<String>) {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("nginx.conf", text));
    let imported = import(&mut sources, &[id], &mut NoFiles);
    let tell = |finding: &wsgen_model::diagnostic::Diagnostic| {
        let at = finding.primary.as_ref().and_then(|label| {
            let source = sources.get(label.span.source)?;
            Some(source.position(label.span.range().start).line)
        });
        format!("{} {} {}", at.unwrap_or_default(), finding.code, finding.message)
    };
    (imported.model.concat(), imported.findings.iter().map(tell).collect())
}

/// The route whose `match` has a path, from there to its end.
fn route<'m>(model: &'m str, path: &str) -> &'m str {
    let from = model.split_once(path).map_or("", |(_, from)| from);
    from.split("\n\n").next().unwrap_or_default()
}

/// nginx ignores a name that begins with a dot as a whole where another server has the name behind the dot.
#[test]
fn a_name_with_a_dot_is_ignored_as_a_whole() {
    let server = |names: &str, port: u16| {
        format!(
            "server {{ listen 80; server_name {names}; location / {{ proxy_pass http://127.0.0.1:{port}; }} }}\n"
        )
    };
    let ignored = [server("x.test", 1), server("b.test", 2), server(".b.test", 3)].concat();
    let (model, _) = told(&ignored);
    assert!(!model.contains("*.b.test") && !model.contains("127.0.0.1:3"), "{model}");
    let first = [server("x.test", 1), server(".b.test", 3), server("b.test", 2)].concat();
    let (model, _) = told(&first);
    assert!(model.contains("*.b.test") && !model.contains("127.0.0.1:2"), "{model}");
    let own = [server("x.test", 1), server("b.test .b.test", 2)].concat();
    assert!(!told(&own).0.contains("*.b.test"));
    let apart = [server("x.test", 1), server("*.b.test", 2), server("b.test", 3)].concat();
    let (model, _) = told(&apart);
    assert!(model.contains("*.b.test") && model.contains("127.0.0.1:3"), "{model}");
}

#[test]
fn paths_without_their_last_slash_are_redirected_as_nginx_does() {
    let (model, _) = told(
        "server { listen 80;
        location = /exact/ { proxy_pass http://127.0.0.1:1; }
        location /in/ { internal; proxy_pass http://127.0.0.1:1; }
        location /ws { proxy_pass http://127.0.0.1:1; location ^~ /ws/socket/ { proxy_pass http://127.0.0.1:2; } }
        location /ws/other { proxy_pass http://127.0.0.1:1; }
        location /ws/o { proxy_pass http://127.0.0.1:1; location /ws/others/ { proxy_pass http://127.0.0.1:2; } }
        location / { proxy_pass http://127.0.0.1:1; } }",
    );
    assert!(route(&model, "exact: /exact}").contains("redirect: {path: /exact/"), "{model}");
    assert!(route(&model, "exact: /in}").contains("respond: {status: 404}"), "{model}");
    assert!(
        route(&model, "exact: /ws/socket}").contains("redirect: {path: /ws/socket/"),
        "{model}"
    );
    // The search for it ends in another location.
    assert!(!model.contains("path: /ws/others/"), "{model}");
}

#[test]
fn a_field_that_one_way_knows_is_said_for_another() {
    let (_, said) = told(
        "server { listen 80; location /a/ {
        rewrite ^/a/x$ /b break;
        set $v no;
        if ($http_host ~ ^www\\.) { set $v yes; }
        proxy_set_header X-V $v;
        proxy_pass http://127.0.0.1:1; } }",
    );
    assert!(said.iter().any(|line| line.starts_with("5 WSG0404 `proxy_set_header`")), "{said:?}");
}

#[test]
fn a_rewrite_is_for_the_paths_of_its_location() {
    let (model, said) = told(
        "server { listen 80;
        location /app { rewrite ^/app/(.*)$ /$1 break; proxy_pass http://127.0.0.1:1; }
        location /other/ { rewrite ^/app/(.*)$ /$1 break; proxy_pass http://127.0.0.1:2; }
        location /b/ { rewrite ^/b/(.*)$ /$1 break; proxy_pass http://127.0.0.1:3; } }",
    );
    assert!(!model.contains("502"), "{model}\n{said:?}");
    assert!(route(&model, "starts_with: /app}").contains("^/app/(.*)$"), "{model}");
    assert!(!route(&model, "starts_with: /other/}").contains("rewrite"), "{model}");
    assert!(route(&model, "starts_with: /b/}").contains("strip_prefix: /b"), "{model}");
}

#[test]
fn what_a_version_of_nginx_does_otherwise_is_said_at_its_line() {
    let (_, said) = told(
        "server { listen 80; location / {
        if ($arg_debug = on) { return 403; }
        proxy_set_header X-Kind $http_x_kind;
        proxy_pass http://127.0.0.1:1; } }",
    );
    assert!(said.iter().any(|line| line.starts_with("2 WSG0404")), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("3 WSG0407")), "{said:?}");
}

/// A login that is lost lets nobody in.
#[test]
fn a_login_that_is_lost_refuses_its_requests() {
    let of = |inside: &str| {
        format!(
            "server {{ listen 80; location /a/ {{ {inside} proxy_pass http://127.0.0.1:1; }}
            location = /asked {{ return 204; }} }}"
        )
    };
    for inside in
        ["auth_request /asked;", "auth_basic x;", "auth_basic x; auth_basic_user_file $f;"]
    {
        let (model, said) = told(&of(inside));
        assert!(route(&model, "starts_with: /a/}").contains("respond: {status: 502}"), "{model}");
        assert!(said.iter().any(|line| line.contains("WSG0404")), "{said:?}");
    }
    let (model, _) = told(&of("auth_request off;"));
    assert!(route(&model, "starts_with: /a/}").contains("upstream"), "{model}");
}

/// Each server asks its own clients for certificates; a listener of the model asks all of them alike.
#[test]
fn certificates_that_one_server_asks_for_are_not_lost() {
    let server = |name: &str, more: &str| {
        format!(
            "server {{ listen 443 ssl; server_name {name}; ssl_certificate c; ssl_certificate_key k; {more}
            location / {{ proxy_pass http://127.0.0.1:1; }} }}\n"
        )
    };
    let asks = "ssl_verify_client on; ssl_client_certificate ca.pem;";
    let (model, said) = told(&[server("a.test", ""), server("b.test", asks)].concat());
    assert!(model.contains("respond: {status: 502}"), "{model}");
    assert!(said.iter().any(|line| line.contains("WSG0404 `ssl_verify_client`")), "{said:?}");
    let (model, said) = told(&[server("a.test", asks), server("b.test", asks)].concat());
    assert!(!model.contains("502") && model.contains("mode: require"), "{model}");
    assert!(!said.iter().any(|line| line.contains("ssl_verify_client")), "{said:?}");
    let any = asks.replace(" on;", " optional_no_ca;");
    let (_, said) = told(&server("a.test", &any));
    assert!(said.iter().any(|line| line.contains("WSG0404 `ssl_verify_client`")), "{said:?}");
}

#[test]
fn what_only_an_application_leads_to_is_said() {
    let of = |more: &str| {
        format!("server {{ listen 80; location / {{ proxy_pass http://127.0.0.1:1; }} {more} }}")
    };
    let says = |text: &str| told(text).1.iter().any(|line| line.contains("X-Accel-Redirect"));
    assert!(says(&of("location /files/ { internal; alias /srv/; }")));
    let page = "error_page 502 /502.html; location = /502.html { internal; root /srv; }";
    assert!(!says(&of(page)));
    assert!(!says(&of("location /files/ { alias /srv/; }")));
}

/// A number of the request lets nobody in: what becomes of it is a loss that opens nothing.
#[test]
fn the_number_of_a_request_guards_nothing() {
    let (model, said) = told(
        "server { listen 80; location / { proxy_set_header X-Request-ID $request_id;
        proxy_set_header X-User $remote_user; proxy_pass http://127.0.0.1:1; } }",
    );
    assert!(model.contains("remove: [X-Request-ID, X-User]"), "{model}");
    assert!(said.iter().any(|line| line.starts_with("1 WSG0403")), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("2 WSG0404")), "{said:?}");
}

/// nginx decodes `%2F` before it chooses a location, so that a guard is no way around for `/admin%2Fx` either.
#[test]
fn a_guard_holds_for_encoded_slashes_too() {
    let (model, said) = told(
        "server { listen 80;
        location ^~ /admin/ { deny all; }
        location = /x/y { return 403; }
        location ~ /\\.ht { deny all; }
        location /app/ { proxy_pass http://127.0.0.1:1; }
        location / { proxy_pass http://127.0.0.1:1; } }",
    );
    assert!(model.contains("^/admin%2F") && model.contains("^/x%2Fy$"), "{model}");
    assert!(model.contains("%2F\\\\.ht") && !model.contains("app%2F"), "{model}");
    assert!(!said.iter().any(|line| line.contains("lost")), "{said:?}");
}

/// nginx asks whether a location is internal ahead of its rewrites.
#[test]
fn nobody_comes_as_far_as_the_rewrites_of_an_internal_location() {
    let (model, _) = told(
        "server { listen 80; location = /app { if ($http_upgrade != websocket) { return 302 /login; } internal; }
        location / { proxy_pass http://127.0.0.1:1; } }",
    );
    assert!(route(&model, "exact: /app}").contains("respond: {status: 404}"), "{model}");
    assert!(!model.contains("/login"), "{model}");
}

#[test]
fn slashes_that_are_not_merged_are_said() {
    let (_, said) = told("server { merge_slashes off; location / { return 204; } }");
    assert!(said.iter().any(|line| line.contains("WSG0403 `merge_slashes`")), "{said:?}");
}
