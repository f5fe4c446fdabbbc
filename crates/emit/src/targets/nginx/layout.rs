//! Where distributions keep nginx, and how a configuration joins theirs: their `nginx.conf` stays, with one line more.

use wsgen_model::site::Site;

use crate::layout::{Installation, Layout, Place, ports};

/// The packages' own trees.
pub(super) fn place(layout: Layout) -> Place {
    match layout {
        Layout::Standalone => Place { main: super::TARGET.file, folder: "", group: None },
        Layout::Debian => Place {
            main: "etc/nginx/sites-available/wsgen.conf",
            folder: "etc/nginx/wsgen",
            group: Some("www-data"),
        },
        Layout::Rhel => Place {
            main: "etc/nginx/conf.d/wsgen.conf",
            folder: "etc/nginx/wsgen",
            group: Some("nginx"),
        },
    }
}

/// What root does.
pub(super) fn installation(
    site: &Site,
    layout: Layout,
    worker_connections: u64,
) -> Option<Installation> {
    let mut all = Installation::default();
    match layout {
        Layout::Standalone => return None,
        Layout::Debian => all.step("The server", "apt-get install -y nginx"),
        Layout::Rhel => all.step("The server", "dnf install -y nginx"),
    }
    all.step("The files", "cp -r etc/nginx /etc/");
    all.users(site, &place(layout));
    all.step(
        "What stands outside of `http`",
        "grep -q '^include /etc/nginx/wsgen/main.conf;' /etc/nginx/nginx.conf || sed -i '1i include \
         /etc/nginx/wsgen/main.conf;' /etc/nginx/nginx.conf",
    );
    all.step(
        "Tunnels need two connections each",
        format!("sed -i 's/worker_connections *[0-9]*;/worker_connections {worker_connections};/' /etc/nginx/nginx.conf"),
    );
    if layout == Layout::Debian {
        all.step(
            "The site is on",
            "ln -sf ../sites-available/wsgen.conf /etc/nginx/sites-enabled/wsgen.conf",
        );
        if ports(site).contains(&80) {
            all.step("Port 80 has one default", "rm -f /etc/nginx/sites-enabled/default");
        }
        all.notes.push(
            "`systemctl stop nginx` gives open tunnels 5 seconds (`--retry QUIT/5` in the package's unit), whatever \
             `drain.stop` says; `systemctl edit nginx` changes that."
                .into(),
        );
    } else {
        all.selinux(site, "httpd_can_network_connect", "/etc/nginx");
        if ports(site).contains(&80) {
            all.notes.push(
                "If the check complains about a duplicate default server, take `default_server` out of the `server` \
                 of the package's own `/etc/nginx/nginx.conf` (RHEL 8)."
                    .into(),
            );
        }
    }
    all.step("It is right", "nginx -t");
    all.step("It runs; open tunnels live on", "systemctl reload-or-restart nginx");
    Some(all)
}
