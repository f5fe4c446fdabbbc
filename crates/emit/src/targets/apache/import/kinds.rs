//! Kinds of configurations that are easily misread, each with what Apache 2.4.71 did with them.

use wsgen_model::source::{Source, Sources};

use super::import;
use crate::import::{Imported, NoFiles};

/// What stands in a virtual host of any address, imported: the model, and the findings as one text.
pub(super) fn read(inside: &str) -> (String, String) {
    let text = if inside.contains("<VirtualHost") {
        inside.to_owned()
    } else {
        format!("<VirtualHost *:80>\n{inside}\n</VirtualHost>\n")
    };
    let mut sources = Sources::default();
    let id = sources.add(Source::new("httpd.conf", text.as_str()));
    let Imported { model, findings, .. } = import(&mut sources, &[id], &mut NoFiles);
    (model.concat(), format!("{findings:?}"))
}

/// The text has each of the parts that begin with no `-`, and none of the others.
pub(super) fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        match part.strip_prefix('-') {
            Some(part) => assert!(!text.contains(part), "`{part}` in\n{text}"),
            None => assert!(text.contains(part), "no `{part}` in\n{text}"),
        }
    }
}

pub(super) const PASS: &str = "ProxyPass / http://a:1/ upgrade=websocket\n";

#[test]
fn a_part_of_a_host_is_no_host() {
    let wildcard = "ServerName a.test\nServerAlias *.a.test\nRewriteEngine On\n";
    let rule = "RewriteCond %{HTTP_HOST} ^admin\\. [NC]\nRewriteRule ^ - [F]\n";
    let (model, said) = read(&format!("{wildcard}{rule}{PASS}"));
    holds(&model, &["respond: {status: 502}", "-admin."]);
    holds(&said, &["WSG0404"]);
    // Names that are all known are tried.
    let first = "<VirtualHost *:80>\nServerName z.test\nProxyPass / http://z:1/\n</VirtualHost>\n";
    let named = "ServerName a.test\nServerAlias admin.a.test\nRewriteEngine On\n";
    let (model, said) =
        read(&format!("{first}<VirtualHost *:80>\n{named}{rule}{PASS}</VirtualHost>\n"));
    holds(&model, &["hostnames: [admin.a.test]", "respond: {status: 403}"]);
    holds(&said, &["-WSG0404"]);
}

#[test]
fn rules_of_a_section_win_over_its_proxy_pass() {
    let (model, _) = read(
        "<Location />\nProxyPass http://a:1/\nRewriteEngine on\nRewriteCond %{HTTP:Upgrade} =websocket [NC]\n\
         RewriteRule .* ws://b:1%{REQUEST_URI} [P]\n</Location>\n",
    );
    holds(&model, &["upgrade: websocket", "\"b:1\"", "\"a:1\""]);
    // A pattern there is looked for in `proxy:http://a:1/x`: the first slash is that of the scheme.
    let (model, _) = read(
        "<Location />\nProxyPass http://a:1/\nRewriteEngine on\nRewriteRule /(.*) ws://b:1/$1 [P]\n</Location>\n",
    );
    holds(&model, &["to: \"//a:1/$1\""]);
    let (model, _) = read(
        "RewriteEngine on\n<Location /q>\nRewriteRule . - [F]\n</Location>\nProxyPass / http://a:1/\n",
    );
    holds(&model, &["prefix: /q", "respond: {status: 403}"]);
}

#[test]
fn upgrade_is_read_with_its_case_and_anchors() {
    let rule = |upgrade: &str, connection: &str| {
        format!(
            "RewriteEngine On\nRewriteCond %{{HTTP:Upgrade}} {upgrade}\nRewriteCond %{{HTTP:Connection}} {connection}\n\
             RewriteRule ^/(.*) ws://b:1/$1 [P,L]\nProxyPass / http://a:1/\n"
        )
    };
    // It never holds: browsers write `websocket`.
    let (model, said) = read(&rule("^WebSocket$", "Upgrade"));
    holds(&model, &["-b:1"]);
    holds(&said, &["WSG0406", "no browser sends this Upgrade"]);
    let (model, said) = read(&rule("^websocket$ [NC]", "^Upgrade$ [NC]"));
    holds(&model, &["b:1"]);
    holds(&said, &["Firefox"]);
    let (model, said) = read(&rule("websocket [NC]", "upgrade [NC]"));
    holds(&model, &["upgrade: websocket"]);
    holds(&said, &["-Firefox", "-no browser"]);
}

#[test]
fn sections_of_what_is_passed_on_hold() {
    let (model, _) = read("<Proxy *>\nRequire all denied\n</Proxy>\nProxyPass /g http://a:1\n");
    holds(&model, &["status: 403", "-upstream: "]);
    let (model, said) =
        read("<Proxy *>\nRequire ip 10.0.0.0/8\n</Proxy>\nProxyPass /g http://a:1\n");
    holds(&model, &["status: 502", "-upstream: "]);
    holds(&said, &["WSG0404"]);
    let (model, _) = read(
        "<Proxy http://a:1/*>\nAuthType Basic\nAuthName x\nAuthUserFile /etc/h\nRequire valid-user\n</Proxy>\n\
         ProxyPass /g http://a:1\nProxyPass /k http://b:1\n",
    );
    assert_eq!(model.matches("users_file: /etc/h").count(), 1, "{model}");
    let (model, _) =
        read("<Proxy *>\nRequestHeader unset X-User\n</Proxy>\nProxyPass /g http://a:1\n");
    holds(&model, &["remove: [X-User]"]);
    // A section of a path replaces what a `<Proxy>` says.
    let (model, _) = read(
        "<Proxy *>\nRequire all denied\n</Proxy>\nProxyPass /g http://a:1\n<Location /g>\nRequire all granted\n</Location>\n",
    );
    holds(&model, &["upstream: ", "-403"]);
}

#[test]
fn the_first_virtual_host_of_a_name_takes_it() {
    let host = |names: &str, to: &str| {
        format!("<VirtualHost *:80>\n{names}\nProxyPass / http://{to}:1/\n</VirtualHost>\n")
    };
    let (model, _) = read(&format!(
        "{}{}",
        host("ServerName z.test\nServerAlias *.a.test", "x"),
        host("ServerName b.a.test", "y")
    ));
    holds(&model, &["\"x:1\"", "-y:1"]);
    let (model, _) = read(&format!(
        "{}<VirtualHost *:80>\nServerName s.test\nDocumentRoot /srv\n</VirtualHost>\n",
        host("ServerName z.test", "x")
    ));
    holds(&model, &["hostnames: [s.test]", "status: 404"]);
}

#[test]
fn paths_are_replaced_whole_and_texts_are_no_segments() {
    let engine = "RewriteEngine On\n";
    let (model, _) = read(&format!("{engine}RewriteRule /ha/(.*) http://a:1/$1 [P]\n"));
    holds(&model, &["^.*?/ha/(.*)$"]);
    let (model, _) = read(&format!("{engine}RewriteRule ^/admin - [F]\n{PASS}"));
    holds(&model, &["starts_with: /admin", "status: 403"]);
    let (model, said) = read("ProxyPass /two/ http://a:1\nProxyPass /app http://b:1/\n");
    holds(&model, &["exact: /two/", "status: 500", "to: \"/$1\""]);
    holds(&said, &["right behind the port"]);
    let (model, _) = read(&format!("{engine}RewriteRule ^(.*)$ http://a:1/$1 [P]\n"));
    holds(&model, &["to: \"/$1\""]);
    for rule in ["^/x(.*) http://a:1/y$1? [P]", "^/x(.*) http://a:1/y$1?z=1 [P]", "^/x /y [PT]"] {
        let (model, said) = read(&format!("{engine}RewriteRule {rule}\n{PASS}"));
        holds(&model, &["starts_with: /x", "status: 502"]);
        holds(&said, &["WSG0403"]);
    }
}

#[test]
fn flags_decide_which_rules_are_asked() {
    let engine = "RewriteEngine On\n";
    let rest = "RewriteRule ^/(.*) http://b:1/$1 [P]\nProxyPass / http://a:1/\n";
    for (rule, path) in [("^/s - [L]", "starts_with: /s"), ("^/s - [S=1]", "starts_with: /s")] {
        let (model, said) = read(&format!("{engine}RewriteRule {rule}\n{rest}"));
        holds(&model, &[path, "\"a:1\"", "\"b:1\""]);
        holds(&said, &["-WSG0403"]);
    }
    // The engine of the main server holds in virtual hosts, its rules do not.
    let host =
        "<VirtualHost *:80>\nRewriteRule ^/n - [F]\nProxyPass / http://a:1/\n</VirtualHost>\n";
    let (model, _) = read(&format!("{engine}RewriteRule ^/m - [F]\n{host}"));
    holds(&model, &["/n", "-/m"]);
}

#[test]
fn what_never_works_is_said_at_its_line() {
    let (_, said) = read("ProxyPass / http://a:1/\nProxyPass /ws ws://b:1/ws\n");
    holds(&said, &["WSG0205", "no request reaches this `ProxyPass`", "as plain HTTP"]);
    let (_, said) = read("ProxyPass / wss://a:1/\n");
    holds(&said, &["SSLProxyEngine"]);
    let (_, said) = read(
        "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} x [NC, OR]\nRewriteRule ^ - [F]\nProxyPass / http://a:1/\n",
    );
    holds(&said, &["WSG0401", "bad flag delimiters"]);
}

#[test]
fn fields_of_the_server_are_not_the_clients() {
    let (model, said) = read(&format!("{PASS}RequestHeader set X-Remote-User %{{REMOTE_USER}}e\n"));
    holds(&model, &["remove: [X-Remote-User]"]);
    holds(&said, &["WSG0404"]);
    let (model, _) = read(&format!("{PASS}RequestHeader set X-Real-IP expr=%{{REMOTE_ADDR}}s\n"));
    holds(&model, &["-real_ip"]);
}
