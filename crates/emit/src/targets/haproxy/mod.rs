//! HAProxy.

mod settings;

use crate::target::Target;

/// The descriptor.
pub(crate) const TARGET: Target = Target {
    name: "haproxy",
    title: "HAProxy",
    settings: settings::HaproxySettings::section,
    check_settings: settings::check,
    render: None,
};
