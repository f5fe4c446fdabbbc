//! Users files: each user has the hash of the first line that names them, as in the servers that read the same file.

use std::collections::HashMap;

use wsgen_proxy::fuzzing;

/// Checks one users file.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(users) = fuzzing::users(text) else { return };
    let mut expected = HashMap::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (user, rest) = line.split_once(':').expect("a line without a hash is refused");
        let hash = rest.split(':').next().unwrap_or_default();
        assert!(hash.starts_with('$'), "{line}");
        expected.entry(user.to_owned()).or_insert(hash.to_owned());
    }
    assert_eq!(users, expected);
}
