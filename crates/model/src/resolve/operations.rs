//! `chain`, `drain`, `resolver`, `access_log`.

use crate::config::{self, AccessLogFormat};
use crate::located::Located;
use crate::scalar::Duration;
use crate::site::{AccessLog, Drain, Hop, Resolver, Setting};

pub(super) fn chain(chain: Option<Located<Vec<Located<config::Hop>>>>) -> Vec<Hop> {
    let hops = chain.map(|c| c.value).unwrap_or_default();
    hops.into_iter()
        .filter_map(|hop| {
            let (name, kind) = (hop.value.name?, hop.value.kind?.value);
            Some(Hop {
                name,
                kind,
                tunnel_idle: hop.value.tunnel_idle.map(|t| t.value).or(kind.known_idle()),
                tunnel_max: hop.value.tunnel_max.map(|t| t.value).or(kind.known_max()),
            })
        })
        .collect()
}

pub(super) fn drain(drain: Option<&Located<config::Drain>>) -> Drain {
    let drain = drain.map(|d| &d.value);
    Drain {
        timeout: Setting::of(drain.and_then(|d| d.timeout.as_ref()), Duration::from_secs(600)),
        spread: Setting::of(drain.and_then(|d| d.spread.as_ref()), Duration::from_secs(0)),
        stop: Setting::of(drain.and_then(|d| d.stop.as_ref()), Duration::from_secs(30)),
    }
}

pub(super) fn resolver(resolver: Option<Located<config::Resolver>>) -> Option<Resolver> {
    let resolver = resolver?.value;
    Some(Resolver {
        nameservers: resolver.nameservers?.value,
        valid: Setting::of(resolver.valid.as_ref(), Duration::from_secs(10)),
    })
}

pub(super) fn access_log(log: Option<&Located<config::AccessLog>>) -> AccessLog {
    let log = log.map(|l| &l.value);
    AccessLog {
        format: Setting::of(log.and_then(|l| l.format.as_ref()), AccessLogFormat::Combined),
        tunnel_open: Setting::of(log.and_then(|l| l.tunnel_open.as_ref()), false),
    }
}
