//! Whatever stands in a configuration, a model comes of it.

use super::*;
use proptest::prelude::*;
use wsgen_model::source::Source;

use crate::import::NoFiles;

const NAMES: [&str; 56] = [
    "bind",
    "server s1",
    "server s2",
    "acl a",
    "acl b",
    "use_backend x",
    "use_backend y",
    "default_backend x",
    "mode http",
    "mode tcp",
    "balance",
    "cookie",
    "option forwardfor",
    "option httpchk",
    "http-check expect status",
    "http-check send meth GET uri",
    "timeout client",
    "timeout server",
    "timeout tunnel",
    "timeout connect",
    "timeout http-request",
    "timeout check",
    "timeout client-fin",
    "http-request redirect scheme https",
    "http-request redirect location",
    "redirect prefix",
    "redirect scheme https code 301",
    "http-request set-header X-A",
    "http-request set-header Host",
    "http-request set-header X-Forwarded-Proto",
    "http-response set-header X-B",
    "http-request add-header",
    "http-request del-header",
    "http-response del-header",
    "reqadd",
    "rspadd",
    "http-request deny",
    "http-request deny deny_status",
    "http-request return status 200 string",
    "block",
    "http-request replace-path",
    "http-request set-path",
    "retries",
    "maxconn",
    "errorfile 503",
    "compression algo gzip",
    "compression type",
    "default-server",
    "stats uri",
    "stick-table",
    "no option forwardfor",
    "server-template t 2",
    "nameserver n",
    "hold valid",
    "http-request auth",
    "clitimeout",
];

const WORDS: [&str; 70] = [
    "if",
    "unless",
    "or",
    "a",
    "b",
    "!a",
    "{",
    "}",
    "path_beg",
    "/ws",
    "/",
    "path",
    "/x",
    "path_reg",
    "^/(a|b)/(.*)$",
    "hdr(host)",
    "-i",
    "a.test",
    "*.b.test",
    "hdr_end(host)",
    ".c.test",
    "hdr(Upgrade)",
    "WebSocket",
    "METH_POST",
    "method",
    "GET",
    "ssl_fc",
    "!{",
    "TRUE",
    "src",
    "10.0.0.0/8",
    "*:80",
    ":443",
    "ssl",
    "crt",
    "/a.pem",
    "/dir/",
    "alpn",
    "h2,http/1.1",
    "[::]:80",
    "127.0.0.1:3000",
    "app:80",
    "app",
    "unix@/run/s",
    "check",
    "inter",
    "5s",
    "0",
    "10",
    "300",
    "backup",
    "weight",
    "verify",
    "none",
    "cookie",
    "c1",
    "resolvers",
    "r",
    "leastconn",
    "uri",
    "insert",
    "https://%[hdr(host)]/x",
    "%[src]",
    "text",
    "\"q r\"",
    "X-C:\\ v",
    "text/html",
    "https://h.test",
    "\\1",
    "\u{e9}",
];

fn statement() -> impl Strategy<Value = String> {
    let words = proptest::collection::vec(proptest::sample::select(WORDS.to_vec()), 0..6);
    let name = proptest::sample::select(NAMES.to_vec());
    (name, words).prop_map(|(name, words)| format!("  {name} {}\n", words.join(" ")))
}

fn configuration() -> impl Strategy<Value = String> {
    let heads = [
        "global",
        "defaults\n  mode http",
        "defaults\n  mode http",
        "frontend f",
        "frontend g",
        "frontend h *:81",
        "backend x",
        "backend x",
        "backend y",
        "listen l",
        "resolvers r",
        "userlist u",
        "frontend web\n  mode http\n  bind *:8080",
        "listen m\n  mode http\n  bind :82",
    ];
    let section =
        (proptest::sample::select(heads.to_vec()), proptest::collection::vec(statement(), 0..12))
            .prop_map(|(head, list)| format!("{head}\n{}", list.concat()));
    proptest::collection::vec(section, 0..7).prop_map(|list| list.concat())
}

proptest! {
    #[test]
    fn any_text_gives_a_model_and_every_directive_a_verdict(text in configuration()) {
        let mut sources = Sources::default();
        let id = sources.add(Source::new("haproxy.cfg", text.clone()));
        let imported = import(&mut sources, &[id], &mut NoFiles);
        let (site, findings) = wsgen_model::read(&Sources::single("site.yaml", imported.model.concat()));
        prop_assert!(site.is_some() && !findings.has_errors(), "{text}\n{}\n{findings:?}", imported.model.concat());
    }

    #[test]
    fn statements_tile_any_text(text in "[ -~\\n\\t\u{e9}]{0,200}") {
        let mut at = 0;
        for line in super::super::lex::lex(&text, SourceId(0)) {
            prop_assert!(line.range.start >= at && line.range.end > line.range.start && line.range.end <= text.len());
            prop_assert!(text.get(line.range.clone()).is_some());
            at = line.range.end;
        }
    }
}
