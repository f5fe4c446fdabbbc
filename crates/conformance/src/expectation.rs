//! Known deviations: what a server does otherwise than the model says, where the target's answers do not say so ahead of the
//! run. Each has a reason and a source; one that no longer occurs fails the run.

use serde::Deserialize;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::TargetVersion;

use crate::launch::Target;

/// A deviation that is known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// The case.
    pub case: String,
    /// The versions that deviate, such as `<2.8` or `>=1.22`; all of them where it is missing.
    #[serde(default)]
    pub versions: Option<String>,
    /// Why.
    pub reason: String,
    /// Where this is known from.
    pub source: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    deviation: Vec<Deviation>,
}

/// The files, by target.
const FILES: [(&str, &str); 4] = [
    ("nginx", include_str!("../expectations/nginx.toml")),
    ("haproxy", include_str!("../expectations/haproxy.toml")),
    ("apache", include_str!("../expectations/apache.toml")),
    ("serve", include_str!("../expectations/serve.toml")),
];

/// The deviations of a target, in its version. An error is a fault of a file.
pub fn of(target: &Target) -> Result<Vec<Deviation>, String> {
    let text = FILES.iter().find(|(name, _)| *name == target.name).map_or("", |(_, text)| text);
    let file: File =
        toml::from_str(text).map_err(|error| format!("{}.toml: {error}", target.name))?;
    let version = target.selection.and_then(|selection| selection.version);
    Ok(file.deviation.into_iter().filter(|d| applies(d.versions.as_deref(), version)).collect())
}

/// Whether a version lies in a range: `<`, `>=`, or both with a blank between.
fn applies(range: Option<&str>, version: Option<TargetVersion>) -> bool {
    let (Some(range), Some(version)) = (range, version) else { return true };
    range.split_whitespace().all(|part| {
        let bound = |text: &str| TargetVersion::parse(text).ok();
        if let Some(least) = part.strip_prefix(">=").and_then(bound) {
            version >= least
        } else if let Some(end) = part.strip_prefix('<').and_then(bound) {
            version < end
        } else {
            false
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::CASES;

    #[test]
    fn every_deviation_is_of_a_case_and_says_why() {
        for (name, text) in FILES {
            let file: File = toml::from_str(text).unwrap();
            for deviation in file.deviation {
                let known = CASES.iter().copied().flatten().any(|case| case.id() == deviation.case);
                assert!(known, "{name}: there is no case {}", deviation.case);
                assert!(
                    deviation.reason.len() > 20 && deviation.source.len() > 10,
                    "{deviation:?}"
                );
            }
        }
    }

    #[test]
    fn ranges_hold_their_versions() {
        let version = TargetVersion::parse("2.6.12").ok();
        for (range, inside) in [
            (None, true),
            (Some("<2.8"), true),
            (Some(">=2.6"), true),
            (Some(">=2.4 <2.6"), false),
            (Some(">=2.8"), false),
            (Some("2.6"), false),
        ] {
            assert_eq!(applies(range, version), inside, "{range:?}");
        }
    }
}
