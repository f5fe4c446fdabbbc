//! Where distributions keep HAProxy: one file, which is the whole configuration.

use wsgen_model::site::Site;

use crate::layout::{Installation, Layout, Place};

/// The packages' own trees.
pub(super) fn place(layout: Layout) -> Place {
    match layout {
        Layout::Standalone => Place { main: super::TARGET.file, folder: "", group: None },
        // Users stand in its own configuration.
        Layout::Debian | Layout::Rhel => {
            Place { main: "etc/haproxy/haproxy.cfg", folder: "etc/haproxy/wsgen", group: None }
        }
    }
}

/// What root does.
pub(super) fn installation(site: &Site, layout: Layout) -> Option<Installation> {
    let mut all = Installation::default();
    match layout {
        Layout::Standalone => return None,
        Layout::Debian => all.step("The server", "apt-get install -y haproxy"),
        Layout::Rhel => all.step("The server", "dnf install -y haproxy"),
    }
    all.step(
        "What was there is kept",
        "[ -f /etc/haproxy/haproxy.cfg.before-wsgen ] || cp -p /etc/haproxy/haproxy.cfg /etc/haproxy/haproxy.cfg.before-wsgen",
    );
    all.step("The files", "cp -r etc/haproxy /etc/");
    if layout == Layout::Rhel {
        all.selinux(site, "haproxy_connect_any", "/etc/haproxy");
        all.notes.push("Its log is in the journal: `journalctl -u haproxy`.".into());
    }
    all.step("It is right", "haproxy -c -f /etc/haproxy/haproxy.cfg");
    all.step("It runs; open tunnels live on", "systemctl reload-or-restart haproxy");
    Some(all)
}
