//! Names of fields as a pattern.

/// Returns the pattern of all spellings of these names but their own. HAProxy keeps names in lower case.
pub(super) fn pattern(names: &[&str]) -> String {
    let mut all = Vec::new();
    for name in names {
        let lower = name.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('-').collect();
        // The first place that differs, with what is fixed ahead of it and free behind it.
        for place in 1..parts.len() {
            let (head, tail) = (parts[..place].join("-"), parts[place..].join("[^a-z0-9]"));
            all.push(format!("{head}[^-a-z0-9]{tail}"));
        }
    }
    format!("^({})$", all.join("|"))
}

#[cfg(test)]
mod tests {
    use wsgen_model::spelling::{FORWARDED_FIELDS, FRAMING_FIELDS, others};

    #[test]
    fn other_spellings_match_and_the_own_one_does_not() {
        for names in [&FORWARDED_FIELDS[..], &FRAMING_FIELDS[..]] {
            let pattern = super::pattern(names);
            assert!(pattern.len() < 1500, "a line holds 2048 characters");
            let pattern = regex::Regex::new(&pattern).unwrap();
            for name in names {
                assert!(!pattern.is_match(&name.to_lowercase()), "{name}");
                for other in others(name) {
                    assert!(pattern.is_match(&other.to_lowercase()), "{other}");
                }
            }
        }
    }
}
