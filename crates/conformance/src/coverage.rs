//! Clauses that no case observes, each with the reason.

use wsgen_model::clause::Clause;

/// What cannot be observed on a running server, or is observed elsewhere.
pub const UNOBSERVED: &[(Clause, &str)] = &[
    (Clause::SCOPE_FIELDS, "judged ahead of any server, by `wsgen check`"),
    (
        Clause::SCOPE_DEFAULTS,
        "a matter of reading: what comes out of it is what every case runs with",
    ),
    (Clause::TARGET_SETTINGS, "a matter of rendering, seen in the snapshots of each target"),
    (Clause::TARGET_ACCEPT, "a matter of judging losses, seen in the tests of `render`"),
    (Clause::TARGET_SNIPPET, "text of one target by definition; a fixture shows its places"),
    (Clause::TARGET_CHAIN, "facts about what is not rendered; only checks read them"),
    (Clause::TARGET_EXPECT, "run with a model of one's own: `wsgen conformance FILE`"),
    (Clause::HANDSHAKE_ACCEPT, "it allows two behaviours; whichever a server has keeps it"),
    (Clause::TIMER_KEEPALIVE, "the kernel asks, on a network that this machine does not have"),
    (
        Clause::LIMIT_CLIENT_ADDRESS,
        "one client address is all that loopback has; `tests/servers/client_address.rs` uses several",
    ),
    (Clause::BALANCE_RESOLVE, "needs a name server; `tests/serve/names.rs` plays one"),
    (Clause::ADMIN_PAGES, "the reference proxy's own; `tests/serve/admin.rs` asks them"),
    (Clause::MERGE_NAMES, "a matter of reading several files"),
    (Clause::VALUE_UNITS, "a matter of reading values"),
    (
        Clause::VALUE_TEXT,
        "a matter of reading values; `tests/servers/hostile.rs` shows what it protects",
    ),
    (Clause::VALUE_NAMES, "a matter of reading names"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use wsgen_model::clause::CLAUSES;

    use super::*;
    use crate::catalogue::all;

    #[test]
    fn every_clause_has_a_case_or_a_reason() {
        for entry in CLAUSES {
            let observed = all().any(|case| case.clause == entry.clause);
            let reason = UNOBSERVED.iter().any(|(clause, _)| *clause == entry.clause);
            assert!(
                observed != reason,
                "{}: a case or a reason, and not both",
                entry.clause.as_str()
            );
        }
    }

    #[test]
    fn ids_are_unique_and_pages_say_what_is_sent_and_seen() {
        let mut ids = HashSet::new();
        for case in all() {
            assert!(ids.insert(case.id()), "{} twice", case.id());
            assert!(case.page.contains("Sent: ") && case.page.contains("Seen: "), "{}", case.id());
            assert!(case.title().ends_with('.'), "{}: {}", case.id(), case.title());
        }
        assert!(ids.len() >= 150, "{} cases", ids.len());
    }
}
