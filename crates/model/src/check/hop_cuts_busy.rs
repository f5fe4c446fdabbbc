//! Some hops bound a tunnel's whole life, so that no ping helps (user-demand row 29).

use crate::clause::Clause;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    for hop in &site.chain {
        let Some(max) = hop.tunnel_max else { continue };
        let longer = site.routes.iter().filter(|route| route.carries_tunnels()).find_map(|route| {
            let forward = route.forward()?;
            let own = forward.timeouts.tunnel_max;
            own.is_none_or(|own| own.value > max).then_some((own, forward.upstream_span))
        });
        let Some((own, place)) = longer else { continue };
        let place = own.map_or(place, |own| own.span);
        diagnostics.push(
            Diagnostic::new(
                Code::HOP_CUTS_BUSY,
                format!("hop `{}` ends every tunnel after {max}, busy or not", hop.name.value),
            )
            .labelled(hop.name.span, format!("{max} in all"))
            .also(place, "tunnels of this route would live longer")
            .help(format!("set `tunnel_max` below {max} so that clients are moved in an orderly way, or raise the hop's bound"))
            .clause(Clause::TIMER_TUNNEL_MAX),
        );
    }
}
