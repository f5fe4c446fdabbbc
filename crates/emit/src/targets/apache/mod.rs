//! Apache httpd.

mod annotations;
mod import;
mod layout;
mod lex;
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
    name: "apache",
    title: "Apache httpd",
    settings: settings::ApacheSettings::section,
    check_settings: settings::check,
    generations: &[
        TargetVersion::new(2, 4, 62),
        TargetVersion::new(2, 4, 68),
        TargetVersion::new(2, 4, 69),
        TargetVersion::new(2, 4, 71),
    ],
    file: "httpd.conf",
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
                "<VirtualHost",
                "ProxyPass",
                "RewriteRule",
                "RewriteCond",
                "<Location",
                "ServerName",
                "LoadModule",
            ],
        )
    },
    annotations: annotations::ANNOTATIONS,
    render: render::render,
};
