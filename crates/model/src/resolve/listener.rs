//! Listeners.

use super::Context;
use crate::clause::Clause;
use crate::code::Code;
use crate::config::{self, ClientAuthMode, OnOff, Protocol, TlsProfile};
use crate::diagnostic::Diagnostic;
use crate::located::Located;
use crate::scalar::{Bytes, Duration, Whole};
use crate::site::{
    Certificate, ClientAuth, Listener, ListenerLimits, ListenerTimeouts, Setting, Tls,
    TrustedProxyProtocol,
};

pub(super) fn resolve(config: config::Listener, scope: &mut Context<'_>) -> Option<Listener> {
    let config::Listener { name, address, tls, proxy_protocol, settings, broken: _ } = config;
    let settings = settings.over(&scope.defaults.listener);
    let tls = tls.map(|tls| resolve_tls(tls.value, scope));
    let protocols =
        if tls.is_some() { vec![Protocol::H2, Protocol::Http11] } else { vec![Protocol::Http11] };
    let written = settings.protocols.filter(|protocols| !protocols.value.is_empty());
    let timeouts = settings.timeouts.map(|t| t.value).unwrap_or_default();
    let limits = settings.limits.map(|l| l.value).unwrap_or_default();
    let listener = Listener {
        name: name?,
        address: address?,
        protocols: Setting::of(
            written.map(|p| p.map(|list| list.into_iter().map(|one| one.value).collect())).as_ref(),
            protocols,
        ),
        h2_websockets: Setting::of(settings.h2_websockets.as_ref(), OnOff::Auto),
        tls,
        proxy_protocol: proxy_protocol.and_then(|p| {
            Some(TrustedProxyProtocol {
                accept: p.value.accept?,
                from: p.value.from.map(|f| f.value).unwrap_or_default(),
            })
        }),
        trusted_proxies: Setting::of(
            settings
                .trusted_proxies
                .map(|t| t.map(|list| list.into_iter().map(|one| one.value).collect()))
                .as_ref(),
            Vec::new(),
        ),
        timeouts: ListenerTimeouts {
            request_header: Setting::of(timeouts.request_header.as_ref(), Duration::from_secs(10)),
            idle: Setting::of(timeouts.idle.as_ref(), Duration::from_secs(60)),
            body_idle: Setting::of(timeouts.body_idle.as_ref(), Duration::from_secs(60)),
            half_closed: Setting::of(timeouts.half_closed.as_ref(), Duration::from_secs(30)),
        },
        limits: ListenerLimits {
            max_connections: limits.max_connections,
            max_header_bytes: Setting::of(limits.max_header_bytes.as_ref(), Bytes::new(16 * 1024)),
            max_headers: Setting::of(limits.max_headers.as_ref(), Whole::new(100)),
            max_url_bytes: Setting::of(limits.max_url_bytes.as_ref(), Bytes::new(8 * 1024)),
            max_body_bytes: limits.max_body_bytes,
        },
    };
    Some(listener)
}

fn resolve_tls(tls: config::ListenerTls, scope: &mut Context<'_>) -> Tls {
    let certificates = tls.certificates.map(|c| c.value).unwrap_or_default();
    Tls {
        profile: Setting::of(tls.profile.as_ref(), TlsProfile::Intermediate),
        certificates: certificates
            .into_iter()
            .filter_map(|certificate| {
                let Located { value, .. } = certificate;
                Some(Certificate {
                    hostnames: value.hostnames.map(|h| h.value).unwrap_or_default(),
                    certificate: value.certificate?,
                    key: value.key?,
                })
            })
            .collect(),
        client_auth: tls.client_auth.and_then(|auth| client_auth(auth, scope)),
    }
}

fn client_auth(auth: Located<config::ClientAuth>, scope: &mut Context<'_>) -> Option<ClientAuth> {
    let mode = auth.value.mode?;
    match (mode.value, auth.value.ca) {
        (_, None) if auth.value.broken.contains(&"ca") => None,
        (ClientAuthMode::Off, None) => None,
        (ClientAuthMode::Off, Some(ca)) => {
            scope.no_effect(
                ca.span,
                "`ca` has no effect while clients are not asked for a certificate",
                "remove it, or set `mode: require`",
            );
            None
        }
        (_, Some(ca)) => Some(ClientAuth { mode, ca }),
        (_, None) => {
            scope.push(
                Diagnostic::new(Code::MISSING_FIELD, "`ca` is missing")
                    .labelled(mode.span, "expected `ca` beside this mode")
                    .help("name the authorities that client certificates must be signed by: `ca: FILE`")
                    .clause(Clause::TLS_CLIENT),
            );
            None
        }
    }
}
