//! What a case is, and how it is written.

use std::pin::Pin;
use std::sync::Arc;

use wsgen_emit::Support;
use wsgen_model::clause::Clause;
use wsgen_model::feature::Feature;

use crate::launch::Target;
use crate::stage::Stage;
use crate::verdict::Verdict;

/// One observation of a server.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it belongs to: the first part of its id.
    pub family: &'static str,
    /// Its name within the family, as its function is called.
    pub name: &'static str,
    /// Its manual page: what is sent, what must be seen, why.
    pub page: &'static str,
    /// The rule that it observes.
    pub clause: Clause,
    /// What a target must keep exactly for the rule to be promised.
    pub needs: &'static [Feature],
    /// Whether it runs alone, because it takes all of the machine.
    pub alone: bool,
    /// Observes.
    pub run: Run,
}

/// What comes of running a case on a stage.
pub type Running<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Runs a case.
#[derive(Clone)]
pub enum Run {
    /// A case of the catalogue.
    Fixed(for<'a> fn(&'a Stage) -> Running<'a>),
    /// A case that is made up for a model.
    Own(Arc<dyn for<'a> Fn(&'a Stage) -> Running<'a> + Send + Sync>),
}

impl Run {
    /// A case that is made up.
    pub fn own(run: impl for<'a> Fn(&'a Stage) -> Running<'a> + Send + Sync + 'static) -> Self {
        Self::Own(Arc::new(run))
    }

    /// Runs it on a stage.
    pub fn on<'a>(&self, stage: &'a Stage) -> Running<'a> {
        match self {
            Self::Fixed(run) => run(stage),
            Self::Own(run) => run(stage),
        }
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Run")
    }
}

impl Case {
    /// Its id: `family/name-of-it`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.family, self.name.replace('_', "-"))
    }

    /// The first sentence of its page.
    pub fn title(&self) -> String {
        let first = self.page.lines().map(str::trim).take_while(|line| !line.is_empty());
        first.collect::<Vec<_>>().join(" ")
    }

    /// Why a target does not promise what it observes, by the target's own answers. Decided ahead of the run.
    pub fn unsupported(&self, target: &Target) -> Option<String> {
        self.needs.iter().find_map(|feature| match target.support(*feature) {
            Support::Exact => None,
            Support::Approximate(why) => {
                Some(format!("keeps `{}` only in part: {why}", feature.entry().field))
            }
            Support::Lost(why) => Some(format!("loses `{}`: {why}", feature.entry().field)),
        })
    }
}

/// Writes the cases of a family: a manual page, the clause with the features that it needs in brackets, a function.
macro_rules! cases {
    ($family:literal; $(
        $(#[doc = $line:literal])+
        [$clause:ident $(, $need:ident)* $(; $alone:ident)?]
        async fn $name:ident($stage:ident) $body:block
    )+) => {
        $(
            $(#[doc = $line])+
            fn $name($stage: &$crate::stage::Stage) -> $crate::case::Running<'_> {
                Box::pin(async move {
                    $body
                    #[allow(unreachable_code, reason = "a case may end with a loop")]
                    Ok(())
                })
            }
        )+

        /// The cases of this family.
        pub(super) const CASES: &[$crate::case::Case] = &[$($crate::case::Case {
            family: $family,
            name: stringify!($name),
            page: concat!($($line, "\n"),+),
            clause: wsgen_model::clause::Clause::$clause,
            needs: &[$(wsgen_model::feature::Feature::$need),*],
            alone: false $(|| stringify!($alone).len() > 0)?,
            run: $crate::case::Run::Fixed($name),
        }),+];
    };
}

pub(crate) use cases;
