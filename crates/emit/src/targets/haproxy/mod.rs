//! HAProxy.

mod annotations;
mod certificates;
#[allow(clippy::similar_names, reason = "the manual says both `test` and `text`")]
mod import;
mod layout;
mod lex;
mod quote;
mod recipe;
mod render;
mod settings;
mod spelling;
mod support;
#[allow(clippy::similar_names, reason = "the manual says both `test` and `text`")]
pub mod syntax;
mod view;

use wsgen_model::scalar::TargetVersion;

use crate::import::lines_with;
use crate::target::Target;

/// The descriptor.
pub(crate) const TARGET: Target = Target {
    name: "haproxy",
    title: "HAProxy",
    settings: settings::HaproxySettings::section,
    check_settings: settings::check,
    generations: &[
        TargetVersion::new(2, 2, 9),
        TargetVersion::new(2, 6, 12),
        TargetVersion::new(3, 0, 11),
        TargetVersion::new(3, 2, 26),
    ],
    file: "haproxy.cfg",
    place: layout::place,
    support: support::support,
    recipe: recipe::RECIPE,
    needs: render::needs,
    import: import::import,
    relocate: import::relocate::relocate,
    unknown: import::relocate::unknown,
    traits: |text| {
        lines_with(
            text,
            &[
                "frontend ",
                "backend ",
                "listen ",
                "defaults",
                "bind ",
                "global",
                "use_backend ",
                "option ",
            ],
        )
    },
    annotations: annotations::ANNOTATIONS,
    render: render::render,
};
