//! What is read in full, and where reading stops.

use wsgen_model::source::SourceId;

use super::*;
use crate::targets::haproxy::lex::lex;

fn parse(text: &str) -> Parsed<Statement> {
    let lines = lex(text, SourceId(0));
    Statement::parse(&lines[0].words, Span::default())
}

#[test]
fn statements_are_read_in_full() {
    for text in [
        "bind *:443,:::443 ssl crt a.pem alpn h2,http/1.1",
        "server a 127.0.0.1:80 check inter 1s weight 10 ssl verify none sni str(a.test)",
        "acl api hdr_beg(host) -i api. www.",
        "acl n path_reg -i -- ^/a -b",
        "use_backend b if a !b or { path -m beg /x } || c",
        "use_backend %[req.hdr(host),lower,map(a.map)]",
        "http-request deny deny_status 429 if { sc_http_req_rate(0) gt 20 }",
        "http-request return status 200 content-type text/plain string \"a if b\" if { path / }",
        "http-request set-header X-A \"%[src] %ci\" unless { ssl_fc }",
        "http-request del-header ^x-.* -m reg",
        "redirect scheme https code 301 if ! { ssl_fc }",
        "http-check send meth GET uri / hdr Host a",
        "option httpchk GET / HTTP/1.1\\r\\nHost:\\ x",
        "tcp-request connection reject if { src 10.0.0.0/8 }",
        "reqadd X-A:\\ b",
        "log global",
    ] {
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
}

#[test]
fn the_first_word_that_is_not_understood_is_told() {
    for (text, word) in [
        ("bind :80 flag", "flag"),
        ("server a b:80 weight x", "x"),
        ("acl a path -u 1 /x", "-u"),
        ("acl a path -M -f x", "-M"),
        ("acl a hdr_cnt(x) gt many", "many"),
        ("acl a path -m none /x", "none"),
        ("http-request deny now if { path /x }", "now"),
        ("http-request fly", "fly"),
        ("http-request set-header X %[path", "%[path"),
        ("use_backend a when b", "when"),
        ("redirect location / code 404", "404"),
        ("something", "something"),
    ] {
        let unread = parse(text).unwrap_err();
        assert_eq!(&text[unread.span.range()], word, "{text}: {}", unread.why);
    }
    assert!(parse("use_backend a if").is_err());
    assert!(parse("use_backend a if { path /x").is_err());
}

#[test]
fn names_with_endings_are_matchers() {
    let Ok(Statement::Acl { test, .. }) = parse("acl a hdr_end(Host) -i .a.test") else { panic!() };
    assert_eq!((test.sample.fetch.name.as_str(), test.matcher), ("hdr", Matcher::End));
    assert!(test.ignore_case);
    let Ok(Statement::Acl { test, .. }) = parse("acl a req.hdr_cnt(x) lt 1") else { panic!() };
    assert_eq!(test.matcher, Matcher::Int);
    assert_eq!(test.ranges(), Ok(vec![Range { least: i64::MIN, most: 0 }]));
}
