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
