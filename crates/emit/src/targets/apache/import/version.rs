//! Versions that `<IfVersion>` asks for (`mod_version`).

/// Whether the newest version that is known is one of these (Apache, `mod_version`).
pub(super) fn version_is(operator: &str, version: &str) -> bool {
    let newest = crate::targets::apache::TARGET.generations.last();
    let own: Vec<u32> = newest
        .map(|version| {
            version.to_string().split('.').filter_map(|part| part.parse().ok()).collect()
        })
        .unwrap_or_default();
    let asked: Vec<u32> = version.split('.').map(|part| part.parse().unwrap_or(0)).collect();
    let mut padded = asked;
    padded.resize(own.len().max(3), 0);
    match operator {
        "=" | "==" => own == padded,
        ">" => own > padded,
        ">=" => own >= padded,
        "<" => own < padded,
        "<=" => own <= padded,
        "!=" | "!" => own != padded,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        assert!(version_is(">=", "2.4") && version_is("<", "2.10") && version_is(">", "2.4.9"));
        assert!(!version_is("<", "2.4") && !version_is("=", "2.2"));
    }
}
