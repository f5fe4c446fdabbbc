//! Kinds that come of Apache's order of evaluation, each with what Apache 2.4.71 did with them.

use super::kinds::{PASS, holds, read};

#[test]
fn or_on_the_last_condition_asks_nothing() {
    let (model, said) = read(&format!(
        "RewriteEngine On\nRewriteCond %{{HTTP:X-Kind}} b [OR]\nRewriteRule ^/n - [F]\n{PASS}"
    ));
    holds(&model, &["starts_with: /n", "respond: {status: 403}", "-502", "-x-kind"]);
    holds(&said, &["WSG0406", "`[OR]` stands on the last condition", "-WSG0404"]);
}

#[test]
fn the_first_line_of_a_worker_says_its_parameters() {
    let (model, said) = read(
        "ProxyPass /a http://h:1/a upgrade=websocket\nProxyPass /ab http://h:1/ab\nProxyPass /b http://h:1/b\n",
    );
    assert_eq!(model.matches("mode: deny").count(), 1, "{model}");
    holds(&said, &["-passes over the parameters"]);
    let (model, said) =
        read("ProxyPass /c http://h:1/\nProxyPass /d http://h:1/d upgrade=websocket\n");
    holds(&model, &["mode: deny", "-tunnel_idle"]);
    holds(&said, &["passes over the parameters of this line", "httpd.conf:2"]);
    // A rule goes through the worker that some line has made for its URL.
    let (model, _) = read(
        "RewriteEngine On\nRewriteRule ^/r/(.*) http://h:1/d/$1 [P]\nProxyPass /d http://h:1/d upgrade=websocket\n",
    );
    holds(&model, &["-mode: deny"]);
}

#[test]
fn sections_redirect_behind_their_guards_and_rules() {
    let section = |inside: &str| {
        read(&format!("{PASS}<Location /s>\n{inside}Redirect 302 https://b.test/x\n</Location>\n"))
    };
    let (model, _) = section("Require all denied\n");
    holds(&model, &["prefix: /s", "status: 403", "-redirect"]);
    let (model, _) = section("RewriteEngine On\nRewriteRule .* - [F]\n");
    holds(&model, &["status: 403", "-redirect"]);
    let (model, said) = section("RewriteEngine On\nRewriteRule .* http://c:1/x [P]\n");
    holds(&model, &["redirect: ", "-upstream: c-1"]);
    holds(&said, &["the query of the request does not go on"]);
    // The last of a section holds.
    let (model, _) = section("Redirect 302 https://b.test/first\n");
    holds(&model, &["path: /x", "-first"]);
}

#[test]
fn a_guard_refuses_where_nothing_is_passed_on() {
    let (model, _) =
        read("ProxyPass /a http://a:1/a\n<Location /g>\nRequire all denied\n</Location>\n");
    holds(&model, &["prefix: /g", "respond: {status: 403}"]);
    let (_, said) = read("ProxyPass /a http://a:1/a\n<Location /g>\nRequire local\n</Location>\n");
    holds(&said, &["WSG0408", "-WSG0404"]);
}

#[test]
fn fields_of_answers_are_those_of_always() {
    let (model, said) = read(
        "Header always set X-A a\nHeader set X-B b\nRedirect 403 /r\nRedirect /s https://b.test/t\nRewriteEngine On\n\
         RewriteRule ^/f - [F]\n<Location /f/x>\nHeader always set X-C c\n</Location>\n",
    );
    holds(&model, &["headers: {X-A: a}", "headers: {X-A: a, X-C: c}", "-X-B"]);
    holds(&said, &["a redirect of the model does not carry the field"]);
    let (_, said) = read(&format!("{PASS}Header set X-B b\n"));
    holds(&said, &["the 101 of a WebSocket carries the field too"]);
}

#[test]
fn what_leaves_a_placeholder_is_lost_at_its_line() {
    let (model, said) = read(
        "RewriteEngine On\nRewriteCond %{HTTP:X-Kind} !^blue$\nRewriteRule ^/n http://b:1/n [P]\nProxyPass / http://a:1/\n",
    );
    holds(&model, &["status: 502"]);
    holds(&said, &["`RewriteRule` is lost"]);
}

#[test]
fn a_wildcard_takes_no_name_of_the_first_virtual_host() {
    let (model, _) = read(
        "<VirtualHost *:80>\nServerName api.b.test\nServerAlias *.a.test\nProxyPass / http://a:1/\n</VirtualHost>\n\
         <VirtualHost *:80>\nServerName c.other\nServerAlias *.test\nProxyPass / http://b:1/\n</VirtualHost>\n",
    );
    holds(&model, &["hostnames: [api.b.test, \"*.a.test\"]", "hostnames: [c.other, \"*.test\"]"]);
}

#[test]
fn sections_that_cannot_be_told_apart_are_said_each() {
    let (model, said) = read(
        "ProxyPassMatch \\.js$ http://a:1\n<Location /adm>\nRequire method GET\n</Location>\n<Location /app>\nRequire all denied\n</Location>\n",
    );
    holds(&model, &["status: 502"]);
    assert_eq!(said.matches("`Location` is lost").count(), 2, "{said}");
}

#[test]
fn other_letters_of_upgrade_stay_refused_or_are_said() {
    let rule = "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} !websocket";
    let (_, said) = read(&format!("{rule}\nRewriteRule ^ - [G]\n{PASS}"));
    holds(&said, &["WSG0404"]);
    let (_, said) = read(&format!("{rule} [NC]\nRewriteRule ^ - [G]\n{PASS}"));
    holds(&said, &["-WSG0404"]);
}

#[test]
fn a_regex_section_is_no_path_of_a_proxy_pass() {
    let (model, said) = read(&format!(
        "<Location ~ \"^/app\">\nProxyPass http://b:1/app\n</Location>\n<LocationMatch \"^/w/(.*)\">\nProxyPass http://c:1/$1\n</LocationMatch>\n{PASS}"
    ));
    holds(&model, &["-b:1", "\"c:1\""]);
    holds(&said, &["write `ProxyPassMatch`"]);
}

#[test]
fn what_a_section_excludes_is_passed_on_by_no_other_line() {
    let (model, _) = read(&format!("<Location />\nProxyPass !\n</Location>\n{PASS}"));
    holds(&model, &["-upstream: a-1"]);
    // The hosts of a virtual host without an application fall to no other.
    let host = |inside: &str| format!("<VirtualHost *:80>\n{inside}\n</VirtualHost>\n");
    let (model, _) = read(&format!(
        "{}{}",
        host("ServerName a.test\nProxyPass / http://a:1/"),
        host(
            "ServerName *.b.test\nServerAlias c.b.test\nRewriteEngine On\nRewriteCond %{HTTP_HOST} ^c\\.b\\.test$\nRewriteRule ^/f - [F]"
        )
    ));
    holds(
        &model,
        &["hostnames: [\"*.b.test\", c.b.test]", "respond: {status: 404}", "status: 403"],
    );
}

#[test]
fn what_a_guard_narrows_is_said_to_open() {
    let (_, said) = read(&format!(
        "RewriteEngine On\nRewriteCond %{{QUERY_STRING}} transport=websocket\nRewriteRule ^ - [F]\n{PASS}"
    ));
    holds(&said, &["WSG0404"]);
}

#[test]
fn what_sees_or_keeps_requests_ahead_of_rules_is_said() {
    let (model, said) = read(&format!("RequestHeader set X-E v early\n{PASS}"));
    holds(&model, &["remove: [X-E]"]);
    holds(&said, &["WSG0404", "ahead of all rules"]);
    let (_, said) = read(&format!("SetEnvIf X-K ^b no-proxy\n{PASS}"));
    holds(&said, &["are not passed on"]);
    let (_, said) = read(&format!(
        "<If \"%{{HTTP:X-K}} == 'b'\">\nSetHandler \"proxy:http://b:1\"\n</If>\n{PASS}"
    ));
    holds(&said, &["`SetHandler` is lost"]);
}

#[test]
fn sections_of_a_part_of_a_server_are_not_for_all_of_it() {
    let section = "<Proxy http://a:1/adm>\nRequire all denied\n</Proxy>\n";
    let (model, said) = read(&format!("{section}ProxyPass / http://a:1/\n"));
    holds(&model, &["respond: {status: 502}"]);
    holds(&said, &["WSG0404"]);
    let (model, said) = read(&format!("{section}ProxyPass /adm http://a:1/adm/x\n"));
    holds(&model, &["status: 403"]);
    holds(&said, &["-WSG0404"]);
    let (model, said) = read(&format!("{section}ProxyPass /b http://a:1/b\n"));
    holds(&model, &["upstream: a-1", "-502", "-403"]);
    holds(&said, &["-WSG0404"]);
}

#[test]
fn merged_guards_are_lost() {
    let (model, said) = read(&format!(
        "<Location /m>\nRequire all denied\n</Location>\n<Location /m/n>\nAuthMerging And\nRequire all granted\n</Location>\n{PASS}"
    ));
    holds(&model, &["status: 502", "status: 403"]);
    holds(&said, &["WSG0404", "`AuthMerging` is lost"]);
}
