//! A check of type `http` asks for no upgrade, so no answer to it is a 101 (RFC 9110 section 15.2.2). Other statuses below 200
//! are never the final answer (RFC 9110 section 15.2).

use crate::clause::Clause;
use crate::code::Code;
use crate::config::HealthCheckType;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for upstream in &site.upstreams {
        let Some(check) = &upstream.health_check else { continue };
        let expected = &check.expect_status;
        let never: Vec<u16> = expected.iter().copied().filter(|status| *status < 200).collect();
        if check.kind.value != HealthCheckType::Http || never.is_empty() {
            continue;
        }
        let all = never.len() == expected.len();
        let label =
            if all { "no server passes this check: all are taken out" } else { "never seen" };
        let help = if never.contains(&101) {
            "a check by a handshake is `health_check: {type: websocket}`, without `expect_status`"
        } else {
            "list final statuses: `expect_status: [200]`"
        };
        diagnostics.push(
            Diagnostic::new(
                Code::CHECK_WITHOUT_UPGRADE,
                format!(
                    "no server answers the `http` check of upstream `{}` with {}",
                    upstream.name.value, never[0]
                ),
            )
            .labelled(expected.span.unwrap_or(check.span), label)
            .help(help)
            .clause(Clause::HEALTH_WEBSOCKET),
        );
    }
}
