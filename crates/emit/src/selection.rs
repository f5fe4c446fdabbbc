//! `--target NAME[@VERSION]`.

use wsgen_model::decode::{Scalar, suggestion};
use wsgen_model::scalar::TargetVersion;
use wsgen_model::site::Site;

use crate::target::Target;

/// A target that was asked for, and the version of the server if it was named.
#[derive(Debug, Clone, Copy)]
pub struct Selection {
    /// The target.
    pub target: &'static Target,
    /// The version; it beats the one in the model.
    pub version: Option<TargetVersion>,
}

/// Why something could not be done, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What could not be done.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Selection {
    /// Reads `NAME` or `NAME@VERSION`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let (name, version) = text.split_once('@').map_or((text, None), |(n, v)| (n, Some(v)));
        let Some(target) = crate::find(name) else {
            let list = crate::names().collect::<Vec<_>>().join(", ");
            let help = suggestion(name, crate::names()).map_or_else(
                || format!("use one of: {list}"),
                |close| format!("did you mean {close}?"),
            );
            return Err(Problem { message: format!("there is no target named {name}"), help });
        };
        let version = version
            .map(TargetVersion::parse)
            .transpose()
            .map_err(|problem| Problem { message: problem.message, help: problem.help })?;
        Ok(Self { target, version })
    }

    /// Returns the version that a site is rendered for: the command line's, or the one in the model (`target/settings`).
    pub fn version_in(&self, site: &Site) -> Option<TargetVersion> {
        let written =
            site.targets.get(self.target.name).and_then(|own| own.fields.version.as_ref());
        self.version.or(written.map(|version| version.value))
    }
}
