//! Two listeners cannot wait at one address.

use std::collections::HashMap;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::site::Site;

pub(super) fn check(site: &Site, diagnostics: &mut Diagnostics) {
    let mut seen = HashMap::new();
    for listener in &site.listeners {
        let address = &listener.address;
        if let Some(first) = seen.get(&address.value) {
            diagnostics.push(
                Diagnostic::new(
                    Code::ADDRESS_IN_USE,
                    format!("two listeners wait at `{}`", address.value),
                )
                .labelled(address.span, "second one")
                .also(*first, "first one")
                .help("give one of them another address, or put its routes on the other listener"),
            );
        } else {
            seen.insert(&address.value, address.span);
        }
    }
}
