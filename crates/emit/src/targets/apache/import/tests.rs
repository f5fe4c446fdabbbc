//! Whatever stands in a configuration, a model comes of it.

use super::*;
use proptest::prelude::*;
use wsgen_model::source::Source;

use crate::import::NoFiles;

fn read(text: &str) -> Imported {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("httpd.conf", text));
    import(&mut sources, &[id], &mut NoFiles)
}

const NAMES: [&str; 48] = [
    "Listen",
    "ServerName",
    "ServerAlias",
    "ProxyPass",
    "ProxyPassMatch",
    "ProxyPassReverse",
    "RewriteEngine",
    "RewriteCond",
    "RewriteRule",
    "Redirect",
    "RedirectMatch",
    "RedirectPermanent",
    "RequestHeader",
    "Header",
    "ProxyPreserveHost",
    "ProxyAddHeaders",
    "BalancerMember",
    "ProxySet",
    "SSLEngine",
    "SSLCertificateFile",
    "SSLCertificateKeyFile",
    "SSLCertificateChainFile",
    "SSLVerifyClient",
    "SSLCACertificateFile",
    "SSLProtocol",
    "SSLProxyVerify",
    "Timeout",
    "ProxyTimeout",
    "KeepAliveTimeout",
    "RequestReadTimeout",
    "Require",
    "Order",
    "Allow",
    "Deny",
    "AuthType",
    "AuthUserFile",
    "AuthName",
    "ErrorDocument",
    "LimitRequestBody",
    "LimitRequestFieldSize",
    "AddOutputFilterByType",
    "RemoteIPHeader",
    "RemoteIPTrustedProxy",
    "Define",
    "Use",
    "Include",
    "Protocols",
    "SetHandler",
];

const SECTIONS: [&str; 12] = [
    "VirtualHost",
    "Location",
    "LocationMatch",
    "Proxy",
    "IfModule",
    "IfVersion",
    "IfDefine",
    "Macro",
    "If",
    "Directory",
    "Files",
    "RequireAny",
];

const WORDS: [&str; 70] = [
    "/",
    "/a/",
    "/b",
    "^/(.*)$",
    "^/a/([a-z]+)",
    "!",
    "http://h:1",
    "http://h:1/",
    "http://h:1/x/$1",
    "ws://h:1/",
    "https://h/",
    "balancer://u",
    "balancer://u/",
    "unix:/s|http://h/",
    "ajp://h:1/",
    "%{HTTP:Upgrade}",
    "%{REQUEST_URI}",
    "%{HTTPS}",
    "%{HTTP_HOST}",
    "%{REQUEST_METHOD}",
    "%{QUERY_STRING}",
    "%{ENV:a}",
    "%{HTTP:X-A}",
    "=websocket",
    "!=websocket",
    "on",
    "off",
    "=on",
    "!on",
    "^a\\.test$",
    "!^a\\.test$",
    "!^/a",
    "-",
    "-f",
    "!-f",
    "[P]",
    "[P,L]",
    "[R=301,L]",
    "[F]",
    "[NC,OR]",
    "[OR]",
    "[E=a:1]",
    "[R=404]",
    "set",
    "add",
    "unset",
    "append",
    "edit",
    "always",
    "X-A",
    "Host",
    "Connection",
    "v",
    "%{REMOTE_ADDR}s",
    "expr=%{REMOTE_ADDR}",
    "env=HTTPS",
    "*:80",
    "_default_:443",
    "a.test",
    "*.b.test",
    "443",
    "all",
    "granted",
    "denied",
    "from",
    "timeout=5",
    "upgrade=websocket",
    "loadfactor=2",
    "stickysession=S",
    "status=+H",
];

fn line() -> impl Strategy<Value = String> {
    let words = prop::collection::vec(prop::sample::select(&WORDS[..]), 0..5);
    (prop::sample::select(&NAMES[..]), words)
        .prop_map(|(name, words)| format!("{name} {}\n", words.join(" ")))
}

fn section() -> impl Strategy<Value = String> {
    let leaf = prop::collection::vec(line(), 0..8).prop_map(|lines| lines.concat());
    leaf.prop_recursive(3, 24, 4, |inner| {
        let words = prop::collection::vec(prop::sample::select(&WORDS[..]), 0..3);
        let one =
            (prop::sample::select(&SECTIONS[..]), words, inner).prop_map(|(name, words, inner)| {
                format!("<{name} {}>\n{inner}</{name}>\n", words.join(" "))
            });
        prop::collection::vec(one, 1..4).prop_map(|all| all.concat())
    })
}

/// Some of it is torn: a text may end anywhere.
fn configuration() -> impl Strategy<Value = String> {
    (section(), 0..40_usize).prop_map(|(text, torn)| {
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

    #[test]
    fn no_text_ends_it(text in "([A-Za-z<>/\"'#\\\\ \n$%!.:^()=,é]|RewriteRule |ProxyPass |<Location |</Location>\n){0,80}") {
        read(&text);
    }
}
