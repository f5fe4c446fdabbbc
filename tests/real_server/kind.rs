//! What a target is known to do in its own way; how it is run is its recipe.

use wsgen_conformance::launch::{REFERENCE_RECIPE, Target};
use wsgen_emit::{Recipe, Selection, Support, TARGETS};
use wsgen_model::feature::Feature;

/// A server of this machine.
pub(crate) struct Kind {
    pub(crate) target: &'static str,
    /// The generation that Debian's stable package has.
    pub(crate) version: &'static str,
    /// What it answers to `%00` (`route/bad-path`).
    pub(crate) nul_status: u16,
    /// What it answers when the upstream is silent (`failure/silent`).
    pub(crate) silent_status: u16,
}

pub(crate) const NGINX: Kind =
    Kind { target: "nginx", version: "1.22", nul_status: 400, silent_status: 504 };

pub(crate) const HAPROXY: Kind =
    Kind { target: "haproxy", version: "2.6", nul_status: 400, silent_status: 504 };

pub(crate) const APACHE: Kind =
    Kind { target: "apache", version: "2.4.71", nul_status: 404, silent_status: 502 };

/// The reference proxy, which runs a model itself.
pub(crate) const SERVE: Kind =
    Kind { target: "serve", version: "", nul_status: 400, silent_status: 504 };

/// Every server that can be rendered for, and the reference proxy.
pub(crate) const ALL: [&Kind; 4] = [&NGINX, &APACHE, &HAPROXY, &SERVE];

impl Kind {
    /// Whether it runs the model itself.
    pub(crate) fn serves(&self) -> bool {
        self.version.is_empty()
    }

    fn known(&self) -> Option<&'static wsgen_emit::Target> {
        TARGETS.iter().copied().find(|target| target.name == self.target)
    }

    /// How it is run.
    pub(crate) fn recipe(&self) -> Recipe {
        self.known().map_or(REFERENCE_RECIPE, |target| target.recipe)
    }

    /// The server as the harness launches it, for the version that is tested.
    pub(crate) fn launched(&self) -> Target {
        let Some(known) = self.known() else {
            return Target::reference(env!("CARGO_BIN_EXE_wsgen").into());
        };
        let installed = Target::installed(self.target);
        let mut target = installed.unwrap_or_else(|| {
            panic!("{} is installed (`apt-get install {}`)", self.target, known.recipe.package)
        });
        target.selection = Selection::parse(&format!("{}@{}", self.target, self.version)).ok();
        target
    }

    /// The program of the reference proxy, for tests that run it in their own way.
    pub(crate) fn program(&self) -> &'static str {
        assert!(self.serves(), "other servers are launched by the harness");
        env!("CARGO_BIN_EXE_wsgen")
    }

    /// Its main file.
    pub(crate) fn file(&self) -> &'static str {
        self.known().map_or("wsgen.yaml", |target| target.file)
    }

    /// Whether its answer for a feature is `Exact`: what is then observed is that claim.
    pub(crate) fn keeps(&self, feature: Feature) -> bool {
        // The reference proxy is what the model means.
        if self.serves() {
            return true;
        }
        let selection = Selection::parse(&format!("{}@{}", self.target, self.version)).unwrap();
        (selection.target.support)(feature, selection.version) == Support::Exact
    }
}
