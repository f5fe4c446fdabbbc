//! nginx.

mod quote;
mod render;
mod settings;
mod support;
mod view;

use crate::target::Target;

/// The descriptor.
pub(crate) const TARGET: Target = Target {
    name: "nginx",
    title: "nginx",
    settings: settings::NginxSettings::section,
    check_settings: settings::check,
    render: Some(render::render),
};
