//! Kinds of configurations that are easily misread, each with what HAProxy 2.6.12 did with them.

use wsgen_model::source::{Source, Sources};

use super::import;
use crate::import::{Imported, NoFiles};
use crate::subject::Subject;

/// Rules of a frontend, imported: the model, and each finding's code and words with the text that it points to.
fn read(rules: &str) -> (String, String) {
    let rules: String = rules.lines().map(|line| format!("    {}\n", line.trim())).collect();
    read_whole(&format!(
        "frontend f\n    bind 127.0.0.1:80\n{rules}    default_backend a\nbackend a\n    server a 10.0.0.1:1\n\
         backend b\n    server b 10.0.0.2:1\n"
    ))
}

fn read_whole(text: &str) -> (String, String) {
    let text = format!(
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n{text}"
    );
    let mut sources = Sources::default();
    let id = sources.add(Source::new("haproxy.cfg", text.as_str()));
    let Imported { model, findings, .. } = import(&mut sources, &[id], &mut NoFiles);
    let told = findings.iter().map(|finding| {
        let label = finding.primary.as_ref();
        let place = label.map_or("", |label| &text[label.span.range()]);
        let why = label.map_or("", |label| label.text.as_str());
        format!("{} at `{place}`: {} {why}\n", finding.code, finding.message)
    });
    (model.concat(), told.collect())
}

/// The text has each of the parts that begin with no `-`, and none of the others.
fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        match part.strip_prefix('-') {
            Some(part) => assert!(!text.contains(part), "`{part}` in\n{text}"),
            None => assert!(text.contains(part), "no `{part}` in\n{text}"),
        }
    }
}

#[test]
fn connection_without_upgrade_is_no_handshake() {
    let (_, said) = read("use_backend b if { hdr(Connection) -i upgrade }");
    holds(&said, &["WSG0407 at `hdr(Connection) -i upgrade`"]);
    let (_, said) = read("acl c hdr(Connection) -i upgrade\nuse_backend b if c");
    holds(&said, &["WSG0407 at `hdr(Connection) -i upgrade`"]);
    let both = "acl c hdr(Connection) -i upgrade\nacl u hdr(Upgrade) -i websocket\n";
    let (_, said) = read(&format!("{both}use_backend b if c u"));
    holds(&said, &["-hdr("]);
}

#[test]
fn a_redirect_means_what_its_options_say() {
    // A request with a query would keep it.
    let (model, said) = read("redirect scheme https drop-query if { path /x }");
    holds(&model, &["-redirect:", "{path: {exact: /x}}", "respond: {status: 502}"]);
    holds(&said, &["WSG0403 at `redirect scheme https drop-query"]);
    // Behind a location it has nothing to drop.
    let (model, said) = read("redirect location /y drop-query if { path /x }");
    holds(&model, &["redirect: {"]);
    holds(&said, &["-WSG0403"]);
    let (_, said) = read("redirect location %[url,regsub(^/a,/b)] ignore-empty if { path /x }");
    holds(&said, &["WSG0403 at `redirect location"]);
    // The changed path and Host are those of the Location.
    for ahead in ["set-path /z", "set-header Host z.test", "set-query a=b"] {
        let (model, said) = read(&format!(
            "http-request {ahead}\nhttp-request redirect scheme https if {{ path_beg / }}"
        ));
        holds(&model, &["-redirect:"]);
        holds(&said, &["WSG0403 at `http-request redirect scheme https"]);
    }
}

#[test]
fn what_a_rule_has_changed_is_not_what_came() {
    for (change, test) in [
        ("normalize-uri query-sort-by-name", "url_param(mode) on"),
        ("set-query mode=on", "url_param(mode) on"),
        ("set-uri http://x.test/z?mode=on", "url_param(mode) on"),
        ("set-pathq /z?mode=on", "url_param(mode) -m found"),
        ("set-uri http://x.test/z", "hdr(host) -i x.test"),
        ("set-uri /%[path]", "path_beg /z"),
        ("replace-pathq ^/a(.*)\\?.*$ /b\\1", "url_param(mode) on"),
    ] {
        let (_, said) = read(&format!("http-request {change}\nhttp-request deny if {{ {test} }}"));
        holds(&said, &["WSG0404 at `", &format!("{test}`: `http-request deny`")]);
    }
    // Paths have one normal form in the model.
    let (_, said) = read(
        "http-request normalize-uri path-merge-slashes\nhttp-request deny if { path_beg /a/b }",
    );
    holds(&said, &["-WSG0403", "-WSG0404"]);
    // The query passes as it is.
    let (_, said) =
        read("http-request replace-uri ^/a(.*) /b\\1\nhttp-request deny if { url_param(mode) on }");
    holds(&said, &["-WSG0404"]);
    // A field that was taken out by a pattern of its name is there no more.
    let deny =
        "http-request deny if !{ req.hdr(X-Key) -m found }\nhttp-request deny if { hdr(A) b }";
    for (pattern, fits) in [
        ("X- -m beg", true),
        ("^x-.*$ -m reg", true),
        ("^X- -m reg", false),
        ("Y -m sub", true),
        ("Z- -m beg", false),
    ] {
        let (model, said) = read(&format!("http-request del-header {pattern}\n{deny}"));
        holds(&said, &["WSG0404 at `http-request del-header"]);
        assert_eq!(!model.contains("upstream: a"), fits, "{pattern}\n{model}");
    }
}

#[test]
fn options_of_servers_are_read_or_said() {
    let server = |options: &str| {
        read_whole(&format!(
            "frontend f\n    bind 127.0.0.1:80\n    default_backend a\nbackend a\n    server a 10.0.0.1:1 {options}\n"
        ))
    };
    for options in [
        "track b/c",
        "observe layer7",
        "agent-check",
        "source 10.0.0.9",
        "interface eth1",
        "namespace n",
        "ws h2",
        "ssl verify none alpn h2",
        "ssl verify none ssl-max-ver TLSv1.2",
        "send-proxy-v2-ssl",
        "slowstart 10s",
        "ssl verify required ca-file /a.pem verifyhost x.test",
    ] {
        let (_, said) = server(options);
        let names =
            options.split(' ').filter(|word| said.contains(&format!("WSG0407 at `{word}`")));
        assert_eq!(names.count(), 1, "{options}\n{said}");
    }
    for options in
        ["ssl verify required ca-file /a.pem crl-file /c.pem", "ssl verify required ca-file @x"]
    {
        let (_, said) = server(options);
        holds(&said, &["WSG0404 at `"]);
    }
    let (_, said) = server("send-proxy-v2 proxy-v2-options ssl");
    holds(&said, &["WSG0403 at `proxy-v2-options`"]);
    let (model, said) = server("ssl no-ssl ws h1 tfo check fastinter 1s");
    holds(&model, &["-tls:"]);
    holds(&said, &["-WSG0403", "-WSG0407"]);
}

#[test]
fn options_of_listeners_are_read_or_said() {
    let listener = |options: &str| {
        read_whole(&format!(
            "frontend f\n    bind 127.0.0.1:443 ssl crt /a.pem {options}\n    default_backend a\nbackend a\n    server a 10.0.0.1:1\n"
        ))
    };
    for (options, profile, says) in [
        ("", "-profile", false),
        ("no-sslv3 no-tlsv10 no-tlsv11", "-profile", false),
        ("no-tlsv12", "profile: modern", false),
        ("force-tlsv13", "profile: modern", false),
        ("ssl-min-ver TLSv1.1", "profile: old", false),
        ("ssl-max-ver TLSv1.2", "-profile", true),
        ("no-tlsv13", "-profile", true),
        ("force-tlsv12", "-profile", true),
    ] {
        let (model, said) = listener(options);
        holds(&model, &[profile]);
        assert_eq!(said.contains("the versions of TLS"), says, "{options}\n{said}");
    }
    let (_, said) = listener("crl-file /c.pem");
    holds(&said, &["WSG0404 at `crl-file`"]);
    let (_, said) = listener("strict-sni maxconn 10");
    holds(&said, &["WSG0407 at `strict-sni`", "WSG0407 at `maxconn`"]);
    let (_, said) = listener("process 1 name x tfo");
    holds(&said, &["-`process`", "-`name`", "-`tfo`"]);
}

#[test]
fn the_clients_address_is_told_as_the_option_says() {
    let (model, said) = read("option forwardfor header X-Client");
    holds(&model, &["mode: \"off\""]);
    holds(&said, &["WSG0403 at `X-Client`"]);
    let (model, said) = read("option forwardfor except 127.0.0.0/8");
    holds(&model, &["headers: [for]"]);
    holds(&said, &["WSG0407 at `127.0.0.0/8`"]);
    let (_, said) = read("option forwardfor if-none");
    holds(
        &said,
        &[
            "WSG0407 at `option forwardfor if-none`: what the client itself sent is replaced, where HAProxy keeps it",
        ],
    );
}

#[test]
fn what_the_model_takes_of_the_forwarded_family_is_said_at_its_rule() {
    for rule in [
        "http-request set-header X-Real-IP %[src]",
        "http-request set-header X-Forwarded-Proto http",
        "option forwardfor",
    ] {
        let (_, said) = read(rule);
        holds(
            &said,
            &[&format!("WSG0407 at `{rule}`: what the client itself sent of the forwarded family")],
        );
    }
}

#[test]
fn a_location_without_a_host_is_said() {
    for how in ["location /x", "prefix /x"] {
        let (_, said) = read(&format!("redirect {how} if {{ path /a }}"));
        holds(&said, &["the model writes the scheme and the host"]);
    }
    let (_, said) = read("redirect location https://a.test/x if { path /a }");
    holds(&said, &["-the scheme and the host"]);
}

#[test]
fn a_host_in_capital_letters_is_asked_for_by_nobody() {
    let (model, said) = read("use_backend b if { hdr(host) A.test b.test }");
    holds(&model, &["hostnames: [b.test]", "hostnames: [a.test]", "respond: {status: 502}"]);
    holds(&said, &["WSG0403 at `A.test`: `use_backend` is lost"]);
    for test in
        ["hdr(host) -i A.test", "req.hdr(host),lower -m str a.test", "hdr_reg(host) -i ^A\\.test$"]
    {
        let (_, said) = read(&format!("use_backend b if {{ {test} }}"));
        holds(&said, &["-WSG0403"]);
    }
}

#[test]
fn what_is_not_asked_for_is_told_exactly() {
    for (test, entry) in [
        ("!METH_GET", "methods: [GET, HEAD]"),
        ("!{ method POST }", "methods: [POST]"),
        ("!{ req.fhdr(X-Key) -m found }", "headers: {x-key: null}"),
        ("!{ url_param(mode) on }", "query: {mode: \"on\"}"),
        ("{ hdr_cnt(X-Key) eq 0 }", "headers: {x-key: null}"),
    ] {
        let (model, said) = read(&format!("http-request deny if {test}"));
        holds(&model, &[entry, "upstream: a", "respond: {status: 403}", "-502"]);
        holds(&said, &["-WSG0403"]);
    }
    // Clients that write the token with capital letters go elsewhere.
    let (model, _) = read("acl ws hdr(Upgrade) websocket\nuse_backend b unless ws");
    holds(&model, &["headers: {upgrade: websocket}", "upstream: a", "upstream: b", "-502"]);
}

#[test]
fn a_refusal_that_is_missed_by_some_opens_them() {
    let (_, said) = read("http-request deny if { req.hdr(X-Role) admin }");
    holds(&said, &["WSG0404 at `req.hdr(X-Role) admin`"]);
    let (_, said) = read("http-request deny if { hdr_end(host) a.test }");
    holds(&said, &["WSG0404 at `hdr_end(host) a.test`"]);
    // Elsewhere it is a difference.
    let (_, said) = read("use_backend b if { req.hdr(X-Role) admin }");
    holds(&said, &["WSG0407 at `req.hdr(X-Role) admin`", "-WSG0404"]);
}

#[test]
fn rules_of_defaults_ask_for_the_names_beside_them() {
    let (model, _) = read_whole(
        "defaults d\n    mode http\n    acl x path_beg /d\n    http-request deny if x\nfrontend f from d\n    \
         bind 127.0.0.1:80\n    acl x path_beg /f\n    use_backend b if x\n    default_backend a\nbackend a\n    \
         server a 10.0.0.1:1\nbackend b\n    server b 10.0.0.2:1\n",
    );
    holds(
        &model,
        &[
            "{path: {starts_with: /d}}",
            "respond: {status: 403}",
            "{path: {starts_with: /f}}",
            "upstream: b",
        ],
    );
}

#[test]
fn parts_of_forwarded_that_the_model_lacks_are_lost() {
    let (_, said) =
        read("http-request set-header Forwarded by=10.0.0.1;for=%[src] if { src 0.0.0.0/0 }");
    holds(&said, &["WSG0404 at `", "http-request set-header"]);
}

#[test]
fn what_is_disabled_is_not_run() {
    let (model, _) = read_whole(
        "frontend f\n    bind 127.0.0.1:80\n    use_backend b if { path_beg /b }\n    default_backend a\n\
         frontend g\n    disabled\n    bind 127.0.0.1:81\n    default_backend a\nbackend a\n    \
         server a 10.0.0.1:1\nbackend b\n    disabled\n    server b 10.0.0.2:1\n",
    );
    holds(
        &model,
        &["{path: {starts_with: /b}}", "respond: {status: 503}", "-10.0.0.2", "-127.0.0.1:81"],
    );
}

#[test]
fn what_haproxy_adds_by_itself_is_said() {
    let (_, said) = read("stats enable\nstats uri /stats");
    holds(&said, &["WSG0407 at `stats enable`", "its page of statistics"]);
    let (_, said) = read("unique-id-format %ci\nunique-id-header X-Uid");
    holds(&said, &["WSG0403 at `unique-id-header X-Uid`"]);
    let (_, said) = read("http-after-response set-header X-A b");
    holds(&said, &["WSG0407 at `http-after-response set-header X-A b`"]);
    let (_, said) = read("http-response set-header X-A b");
    holds(&said, &["-WSG0407"]);
}

#[test]
fn a_refusal_that_is_not_read_guards() {
    for rule in
        ["http-response deny now", "tcp-request content reject now", "http-request reject now"]
    {
        let (_, said) = read(rule);
        holds(&said, &["WSG0404 at `"]);
    }
}

#[test]
fn what_is_lost_of_a_rule_is_about_all_that_it_changes() {
    let text = "defaults\n mode http\nfrontend f\n bind :80\n http-request set-uri http://x.test/ if { src 10.0.0.1 }\n \
                http-request return status 200 hdr X-Kind %[path] if { path /x }\n default_backend a\nbackend a\n server a 10.0.0.1:1\n";
    let mut sources = Sources::default();
    let id = sources.add(Source::new("haproxy.cfg", text));
    let announced = import(&mut sources, &[id], &mut NoFiles).announced;
    for wanted in [Subject::request_field("host"), Subject::response_field("x-kind")] {
        assert!(announced.iter().any(|one| one.subjects.contains(&wanted)), "{wanted:?}");
    }
}
