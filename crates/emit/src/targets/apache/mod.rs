//! Apache httpd.

mod settings;

use crate::target::Target;

/// The descriptor.
pub(crate) const TARGET: Target = Target {
    name: "apache",
    title: "Apache httpd",
    settings: settings::ApacheSettings::section,
    check_settings: settings::check,
    render: None,
};
