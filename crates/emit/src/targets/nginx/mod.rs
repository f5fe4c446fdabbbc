//! nginx.

mod annotations;
mod import;
mod layout;
mod lex;
mod measure;
mod quote;
mod recipe;
mod render;
mod settings;
mod support;
pub mod syntax;
mod view;

use wsgen_model::scalar::TargetVersion;

use crate::import::lines_with;
use crate::target::Target;

/// The descriptor.
pub(crate) const TARGET: Target = Target {
    name: "nginx",
    title: "nginx",
    settings: settings::NginxSettings::section,
    check_settings: settings::check,
    generations: &[
        TargetVersion::new(1, 18, 0),
        TargetVersion::new(1, 22, 1),
        TargetVersion::new(1, 26, 3),
        TargetVersion::new(1, 30, 6),
    ],
    file: "nginx.conf",
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
            &["server {", "location ", "proxy_pass ", "listen ", "upstream ", "proxy_set_header "],
        )
    },
    annotations: annotations::ANNOTATIONS,
    render: render::render,
};
