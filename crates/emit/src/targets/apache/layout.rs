//! Where distributions keep Apache, and how a configuration joins theirs.

use wsgen_model::site::Site;

use super::settings::{Mpm, mpm};
use crate::layout::{Installation, Layout, Place, ports};

/// The packages' own trees.
pub(super) fn place(layout: Layout) -> Place {
    match layout {
        Layout::Standalone => Place { main: super::TARGET.file, folder: "", group: None },
        Layout::Debian => Place {
            main: "etc/apache2/sites-available/wsgen.conf",
            folder: "etc/apache2/wsgen",
            group: Some("www-data"),
        },
        Layout::Rhel => Place {
            main: "etc/httpd/conf.d/wsgen.conf",
            folder: "etc/httpd/wsgen",
            group: Some("apache"),
        },
    }
}

/// Where RHEL loads modules from; each line asks whether the package's own files have loaded it.
pub(super) const RHEL_MODULES: &str = "etc/httpd/conf.modules.d/99-wsgen.conf";

/// What root does. `modules` are those that have to be loaded.
pub(super) fn installation(
    site: &Site,
    layout: Layout,
    modules: &[&'static str],
) -> Option<Installation> {
    let mut all = Installation::default();
    match layout {
        Layout::Standalone => return None,
        Layout::Debian => debian(site, modules, &mut all),
        Layout::Rhel => rhel(site, modules, &mut all),
    }
    Some(all)
}

fn debian(site: &Site, modules: &[&'static str], all: &mut Installation) {
    all.step("The server", "apt-get install -y apache2");
    all.step("The files", "cp -r etc/apache2 /etc/");
    all.users(site, &place(Layout::Debian));
    listens_once(site, "/etc/apache2/ports.conf", all);
    let other = match mpm(site) {
        Mpm::Event => "mpm_worker mpm_prefork",
        Mpm::Worker => "mpm_event mpm_prefork",
        Mpm::Prefork => "mpm_event mpm_worker",
    };
    all.step("One way to run workers", format!("a2dismod -q {other}"));
    all.step("The modules that it uses", format!("a2enmod -q {}", modules.join(" ")));
    if ports(site).contains(&80) {
        all.step("Port 80 has one default", "a2dissite -q 000-default");
    }
    all.step("The site is on", "a2ensite -q wsgen");
    all.step("It is right", "apache2ctl configtest");
    all.step("It runs; later changes need `reload` alone", "systemctl restart apache2");
}

fn rhel(site: &Site, modules: &[&'static str], all: &mut Installation) {
    let more = [("ssl", " mod_ssl"), ("http2", " mod_http2")];
    let more: String = more
        .iter()
        .filter(|(name, _)| modules.contains(name))
        .map(|(_, package)| *package)
        .collect();
    all.step("The server", format!("dnf install -y httpd{more}"));
    all.step("The files", "cp -r etc/httpd /etc/");
    all.users(site, &place(Layout::Rhel));
    listens_once(site, "/etc/httpd/conf/httpd.conf", all);
    if modules.contains(&"ssl") {
        all.step(
            "Its TLS listeners take the place of the package's example",
            "[ ! -f /etc/httpd/conf.d/ssl.conf ] || mv /etc/httpd/conf.d/ssl.conf /etc/httpd/conf.d/ssl.conf.off",
        );
    }
    all.selinux(site, "httpd_can_network_connect", "/etc/httpd");
    all.step("It is right", "apachectl configtest");
    all.step("It runs; later changes need `reload` alone", "systemctl restart httpd");
    all.notes.push(format!(
        "The package's `conf.modules.d/00-proxy.conf` and its neighbours load what is needed unless somebody took it \
         out; `{RHEL_MODULES}` loads what is missing."
    ));
}

/// A port is listened on once: the package's own `Listen` lines of these ports become comments.
fn listens_once(site: &Site, file: &str, all: &mut Installation) {
    let ports: Vec<_> = ports(site).iter().map(u16::to_string).collect();
    all.step(
        "Ports are listened on once",
        format!(
            "sed -i -E 's/^[[:space:]]*Listen[[:space:]]+({})([[:space:]]|$)/#&/' {file}",
            ports.join("|")
        ),
    );
}
