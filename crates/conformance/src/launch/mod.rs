//! Starting servers: installed ones, or those of containers. Each run has a folder and ports of its own.

mod docker;
mod hole;
pub mod keeper;
mod native;
mod port;
mod process;

pub use docker::Container;
pub use hole::{Hole, hole};
pub use native::REFERENCE_RECIPE;
pub use port::Port;
pub use process::Process;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wsgen_emit::{Recipe, Selection, TARGETS};
use wsgen_model::decode::Scalar;
use wsgen_model::feature::Feature;
use wsgen_model::scalar::TargetVersion;

use wsgen_emit::Support;

use crate::wire::Url;

/// Where a server's program is.
#[derive(Debug, Clone)]
pub enum Place {
    /// On this machine.
    Here(PathBuf),
    /// In a running container.
    In(Arc<Container>),
    /// Elsewhere: it runs already, and nothing of it is controlled.
    At(Url),
}

/// A server that cases are run on.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name: that of a target of `render`, or `serve`.
    pub name: &'static str,
    /// What it says of itself.
    pub version: String,
    /// The target that is rendered for; the reference proxy runs models themselves.
    pub selection: Option<Selection>,
    /// Where it is.
    pub place: Place,
    /// More arguments of its run.
    pub more: Vec<String>,
    /// More variables of its environment, where it runs on this machine.
    pub environment: Vec<(String, String)>,
}

/// The name of the reference proxy among the targets.
pub const REFERENCE: &str = "serve";

impl Target {
    /// The reference proxy.
    pub fn reference(program: PathBuf) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            name: REFERENCE,
            version,
            selection: None,
            place: Place::Here(program),
            more: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// A proxy that runs already.
    pub fn running(url: Url) -> Self {
        let version = url.authority();
        let (more, environment) = (Vec::new(), Vec::new());
        Self { name: "url", version, selection: None, place: Place::At(url), more, environment }
    }

    /// The installed server of a target, if there is one.
    pub fn installed(name: &str) -> Option<Self> {
        let target = TARGETS.iter().copied().find(|target| target.name == name)?;
        let program = native::find(target.recipe.program)?;
        let said = native::output(&program, target.recipe.version)?;
        Self::of(target, &said, Place::Here(program))
    }

    /// The server of a target in a container.
    pub async fn contained(name: &str, container: Arc<Container>) -> Option<Self> {
        let target = TARGETS.iter().copied().find(|target| target.name == name)?;
        let mut command = vec![container.program(&target.recipe).to_owned()];
        command.extend(target.recipe.version.iter().map(|argument| (*argument).to_owned()));
        let said = container.output(Path::new("/"), &command).await.ok()?;
        Self::of(target, &said, Place::In(container))
    }

    fn of(target: &'static wsgen_emit::Target, said: &str, place: Place) -> Option<Self> {
        let version = version(said)?;
        let parsed = TargetVersion::parse(&version).ok()?;
        let selection = Some(Selection { target, version: Some(parsed) });
        let (more, environment) = (Vec::new(), Vec::new());
        Some(Self { name: target.name, version, selection, place, more, environment })
    }

    /// Its name with its version.
    pub fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// Its commands.
    pub fn recipe(&self) -> Recipe {
        self.selection.map_or(REFERENCE_RECIPE, |selection| selection.target.recipe)
    }

    /// The name of its main file.
    pub fn file(&self) -> &'static str {
        self.selection.map_or("wsgen.yaml", |selection| selection.target.file)
    }

    /// How well it keeps a feature. The reference proxy is what the model means.
    pub fn support(&self, feature: Feature) -> Support {
        match self.selection {
            None => Support::Exact,
            Some(selection) => (selection.target.support)(feature, selection.version),
        }
    }

    /// Whether it keeps a feature as the model means it.
    pub fn keeps(&self, feature: Feature) -> bool {
        self.support(feature) == Support::Exact
    }

    /// Runs its checker over a folder; what it says where it refuses. A warning is a refusal: what is rendered for a
    /// version is what that version wants.
    pub async fn check(&self, folder: &Path) -> Result<(), String> {
        process::check(self, folder, true).await
    }

    /// The same for what others have written, where a warning is none.
    pub async fn accepts(&self, folder: &Path) -> Result<(), String> {
        process::check(self, folder, false).await
    }

    /// Starts it in a folder.
    pub async fn start(&self, folder: &Path) -> Result<Process, String> {
        Process::start(self, folder).await
    }
}

/// The first number with dots of what a server says of itself.
fn version(said: &str) -> Option<String> {
    let words = said.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    let numbers = words.map(|word| word.trim_matches('.')).filter(|word| word.contains('.'));
    numbers.map(str::to_owned).next()
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_found_in_what_servers_say() {
        for (said, number) in [
            ("nginx version: nginx/1.22.1", "1.22.1"),
            ("HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/", "2.6.12"),
            (
                "Server version: Apache/2.4.68 (Debian)\nServer built:   2026-10-01T00:00:00",
                "2.4.68",
            ),
        ] {
            assert_eq!(version(said).as_deref(), Some(number));
        }
        assert_eq!(version("command not found"), None);
    }
}
