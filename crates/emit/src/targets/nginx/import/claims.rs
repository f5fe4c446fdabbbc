//! A name belongs to the first server of an address that has it; nginx says `conflicting server name` and goes on.

use std::collections::BTreeSet;

use super::server::{Server, scheme};

/// The servers, each with the names that are its own. One whose name is its own at some of its addresses only
/// becomes several.
pub(super) fn settled(servers: Vec<Server>) -> Vec<Server> {
    let mut claimed: BTreeSet<(String, String)> = BTreeSet::new();
    let mut all = Vec::with_capacity(servers.len());
    for mut server in servers {
        // Names by where they are free.
        let mut groups: Vec<(Vec<bool>, Vec<String>)> = Vec::new();
        for name in std::mem::take(&mut server.names) {
            let claim = |address: &str| (address.to_owned(), name.clone());
            let free = |address: &str| !claimed.contains(&claim(address));
            let free: Vec<bool> = server.listens.iter().map(|l| free(&l.address)).collect();
            claimed.extend(server.listens.iter().map(|listen| claim(&listen.address)));
            if !free.contains(&true) {
                server.shadowed = true;
                continue;
            }
            match groups.iter_mut().find(|(known, _)| *known == free) {
                Some((_, names)) => names.push(name),
                None => groups.push((free, vec![name])),
            }
        }
        let is_whole = |(free, _): &(Vec<bool>, Vec<String>)| !free.contains(&false);
        if groups.iter().all(is_whole) {
            server.names = groups.into_iter().flat_map(|(_, names)| names).collect();
            all.push(server);
            continue;
        }
        let mut rest = server.clone();
        let covered = |at: usize| groups.iter().any(|(free, _)| free[at]);
        rest.listens = (0..server.listens.len())
            .filter(|at| !covered(*at) && server.listens[*at].is_default)
            .map(|at| server.listens[at].clone())
            .collect();
        for (free, names) in groups {
            let listens = server.listens.iter().zip(free).filter(|(_, free)| *free);
            let listens: Vec<_> = listens.map(|(listen, _)| listen.clone()).collect();
            all.push(Server { names, scheme: scheme(&listens), listens, ..server.clone() });
        }
        // What comes by no name.
        if !rest.listens.is_empty() {
            rest.scheme = scheme(&rest.listens);
            all.push(rest);
        }
    }
    all
}
