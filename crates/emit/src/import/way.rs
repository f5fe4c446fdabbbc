//! What a request must be for a rule to hold, told apart into the ways in which it does.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderName, HeaderValue, Hostname, Method, Token};

use super::draft::Draft;
use super::hostnames::written_out;

/// What a request must be, for one of several ways in which a condition holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// Hosts; any where empty.
    pub(crate) hosts: Vec<String>,
    /// Paths, of which one must fit; any where empty.
    pub(crate) paths: Vec<Draft>,
    /// Hosts and paths that it is not for.
    pub(crate) but_hosts: Vec<String>,
    pub(crate) but_paths: Vec<Draft>,
    /// Methods; any where empty.
    pub(crate) methods: Vec<String>,
    /// Fields with their values.
    pub(crate) headers: Vec<(String, Option<String>)>,
    /// Parameters of the query with their values.
    pub(crate) query: Vec<(String, Option<String>)>,
    /// Whether a WebSocket is asked for, where that is asked.
    pub(crate) upgrade: Option<bool>,
    /// Whether the client came by TLS, where that is asked.
    pub(crate) tls: Option<bool>,
}

impl Way {
    /// Whether a model can say its methods, fields and parameters.
    pub(crate) fn is_said(&self) -> bool {
        let value = |value: &Option<String>| {
            value.as_ref().is_none_or(|text| HeaderValue::parse(text).is_ok())
        };
        self.methods.iter().all(|method| Method::parse(method).is_ok())
            && self
                .headers
                .iter()
                .all(|(name, text)| HeaderName::parse(name).is_ok() && value(text))
            && self.query.iter().all(|(name, text)| Token::parse(name).is_ok() && value(text))
    }
}

/// A condition as the ways in which it holds; none is never.
pub(crate) type Ways = Vec<Way>;

/// The most ways that are told apart.
pub(crate) const MOST: usize = 64;

/// A field of requests: the host, the handshake's, or another; `how` is HAProxy's word: `str`, `end`, `reg` and the like.
pub(crate) fn header(field: &str, how: &str, values: &[String]) -> Option<Ways> {
    if field == "upgrade" || field == "connection" {
        let says = values.iter().any(|value| {
            value.to_lowercase().contains(if field == "upgrade" { "websocket" } else { "upgrade" })
        });
        return says.then(|| vec![Way { upgrade: Some(true), ..Way::default() }]);
    }
    if field != "host" {
        return match how {
            "found" => {
                Some(vec![Way { headers: vec![(field.to_owned(), None)], ..Way::default() }])
            }
            "" | "str" => Some(
                values
                    .iter()
                    .map(|value| Way {
                        headers: vec![(field.to_owned(), Some(value.clone()))],
                        ..Way::default()
                    })
                    .collect(),
            ),
            _ => None,
        };
    }
    let mut hosts = Vec::new();
    for value in values {
        let bare = value.to_lowercase();
        let bare = bare
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok())
            .map_or(bare.clone(), |(host, _)| host.to_owned());
        match how {
            "" | "str" => hosts.push(bare),
            "end" | "dom" if bare.starts_with('.') => hosts.push(format!("*{bare}")),
            "dom" => hosts.extend([bare.clone(), format!("*.{bare}")]),
            "reg" => hosts.extend(written_out(&bare.replace("(?i)", ""))?.0),
            _ => return None,
        }
    }
    let fits = hosts.iter().all(|host| Hostname::parse(host).is_ok());
    (fits && !hosts.is_empty()).then(|| vec![Way { hosts, ..Way::default() }])
}

/// Both of two conditions.
pub(crate) fn both(one: &Ways, other: &Ways) -> Option<Ways> {
    let mut all = Vec::new();
    if one.len().saturating_mul(other.len()) > MOST * MOST {
        return None;
    }
    for a in one {
        for b in other {
            let mut way = a.clone();
            // Two lists of which each must fit are told only where one is open.
            for (own, more) in [(&mut way.hosts, &b.hosts), (&mut way.methods, &b.methods)] {
                if own.is_empty() {
                    own.clone_from(more);
                } else if !more.is_empty() {
                    own.retain(|value| more.contains(value));
                    if own.is_empty() {
                        return None;
                    }
                }
            }
            match (way.paths.is_empty(), b.paths.is_empty()) {
                (true, _) => way.paths.clone_from(&b.paths),
                (_, true) => {}
                _ if way.paths == b.paths => {}
                _ => return None,
            }
            way.but_hosts.extend(b.but_hosts.iter().cloned());
            way.but_paths.extend(b.but_paths.iter().cloned());
            way.headers.extend(b.headers.iter().cloned());
            way.query.extend(b.query.iter().cloned());
            // Both of two that exclude each other are never.
            let never = |one: Option<bool>, other| one.is_some() && other == one.map(|one| !one);
            if !never(way.upgrade, b.upgrade) && !never(way.tls, b.tls) {
                way.upgrade = way.upgrade.or(b.upgrade);
                way.tls = way.tls.or(b.tls);
                all.push(way);
            }
        }
    }
    (all.len() <= MOST && all.iter().all(Way::is_said)).then_some(all)
}

/// What a condition does not hold for, where the model can say that.
pub(crate) fn negation(ways: &Ways) -> Option<Ways> {
    let mut all = vec![Way::default()];
    for way in ways {
        all = both(&all, &vec![not(way)?])?;
        if *way == Way::default() {
            return Some(Vec::new());
        }
    }
    Some(all)
}

/// Everything but one way, which asks for one thing.
fn not(way: &Way) -> Option<Way> {
    let other = Way {
        but_hosts: way.hosts.clone(),
        but_paths: way.paths.clone(),
        upgrade: way.upgrade.map(|asked| !asked),
        tls: way.tls.map(|tls| !tls),
        ..Way::default()
    };
    let asked =
        [!way.hosts.is_empty(), !way.paths.is_empty(), way.upgrade.is_some(), way.tls.is_some()];
    let told = Way {
        hosts: way.hosts.clone(),
        paths: way.paths.clone(),
        upgrade: way.upgrade,
        tls: way.tls,
        ..Way::default()
    };
    (asked.into_iter().filter(|asked| *asked).count() <= 1 && *way == told).then_some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_negated() {
        let path = |text: &str| Way { paths: vec![Draft::of("prefix", text)], ..Way::default() };
        let tls = Way { tls: Some(true), ..Way::default() };
        let either = negation(&vec![path("/a"), path("/b")]).unwrap_or_default();
        assert_eq!(either[0].but_paths.len(), 2);
        assert_eq!(negation(&vec![tls.clone()]).unwrap_or_default()[0].tls, Some(false));
        assert_eq!(negation(&vec![Way { tls: Some(true), ..path("/a") }]), None);
        assert_eq!(negation(&vec![Way::default()]), Some(Vec::new()));
        assert_eq!(negation(&Vec::new()), Some(vec![Way::default()]));
        assert_eq!(
            both(&vec![tls.clone()], &negation(&vec![tls]).unwrap_or_default()),
            Some(Vec::new())
        );
    }
}
