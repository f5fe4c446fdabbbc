//! The parts of a request that choose its server: the cookie of a sticky upstream, and the key of a hash.

use wsgen_model::config::{Policy, SameSite};
use wsgen_model::scalar::HashKey;
use wsgen_model::site::{Cookie, Upstream};

use crate::exchange::Exchange;
use crate::head::find;

/// Returns the value of a cookie of the request.
pub(crate) fn cookie(exchange: &Exchange<'_>, name: &str) -> Option<String> {
    let lines = exchange.head.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case("cookie"));
    let text: Vec<_> = lines.map(|(_, value)| String::from_utf8_lossy(value)).collect();
    let mut pairs = text.iter().flat_map(|line| line.split(';'));
    pairs.find_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then(|| value.to_owned())
    })
}

/// Returns the bytes that choose a server by `ip_hash` and `hash`; empty for the other policies.
pub(crate) fn key(exchange: &Exchange<'_>, upstream: &Upstream, target: &str) -> Vec<u8> {
    if !matches!(upstream.load_balancing.policy, Policy::IpHash | Policy::Hash) {
        return Vec::new();
    }
    match upstream.load_balancing.key.as_ref().map(|key| &key.value) {
        None => exchange.entry.client.to_string().into_bytes(),
        Some(HashKey::Uri) => target.as_bytes().to_vec(),
        Some(HashKey::Header(name)) => {
            find(&exchange.head.fields, name).map_or_else(Vec::new, <[u8]>::to_vec)
        }
        Some(HashKey::Cookie(name)) => cookie(exchange, name).unwrap_or_default().into_bytes(),
        Some(HashKey::Query(name)) => {
            let query = exchange.head.target.split_once('?').map_or("", |(_, query)| query);
            let value =
                query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.unwrap_or_default().as_bytes().to_vec()
        }
    }
}

/// Returns the `Set-Cookie` value that keeps a client at its server (`sticky/visible`).
pub(crate) fn set_cookie(cookie: &Cookie, mark: &str) -> String {
    let flags = [(cookie.http_only, "; HttpOnly"), (cookie.secure, "; Secure")];
    let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag).collect();
    let same_site = match cookie.same_site.as_ref().map(|site| site.value) {
        None => "",
        Some(SameSite::Strict) => "; SameSite=Strict",
        Some(SameSite::Lax) => "; SameSite=Lax",
        Some(SameSite::None) => "; SameSite=None",
    };
    format!("{}={mark}; Path=/{flags}{same_site}", cookie.name)
}
