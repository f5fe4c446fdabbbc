//! Where the files of a rendering lie: in a folder of their own, or where a distribution keeps them.

use std::collections::BTreeSet;

use wsgen_model::scalar::ListenAddress;
use wsgen_model::site::{Auth, Site};

/// The tree that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// One folder that the server is started in; every name is relative to it.
    #[default]
    Standalone,
    /// The file system of Debian and Ubuntu.
    Debian,
    /// The file system of RHEL and its kin.
    Rhel,
}

impl Layout {
    /// Its name in templates.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Debian => "debian",
            Self::Rhel => "rhel",
        }
    }

    /// The distributions, as people call them.
    pub fn title(self) -> &'static str {
        match self {
            Self::Standalone => "any system",
            Self::Debian => "Debian and Ubuntu",
            Self::Rhel => "RHEL, CentOS, Rocky Linux, AlmaLinux and Fedora",
        }
    }
}

/// Where a target's files lie in a layout, from the root of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The main configuration.
    pub main: &'static str,
    /// The folder of the files beside it; empty is the root of the tree.
    pub folder: &'static str,
    /// The group that its workers run as, if the distribution has one for it.
    pub group: Option<&'static str>,
}

impl Place {
    /// The name of a file beside the main one, from the root of the tree.
    pub fn in_tree(&self, name: &str) -> String {
        match self.folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        }
    }

    /// The name by which the server opens it, once the tree is in place.
    pub fn on_system(&self, name: &str) -> String {
        match self.folder {
            "" => name.to_owned(),
            folder => format!("/{folder}/{name}"),
        }
    }
}

/// How a tree is put into place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Installation {
    /// What root does, in this order, in the folder that holds the tree.
    pub steps: Vec<Step>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// A command, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Why, in a few words.
    pub why: String,
    /// For a POSIX shell.
    pub command: String,
}

impl Installation {
    /// Adds a command.
    pub(crate) fn step(&mut self, why: impl Into<String>, command: impl Into<String>) {
        self.steps.push(Step { why: why.into(), command: command.into() });
    }

    /// Lets workers read the password files of the tree, and nobody else.
    pub(crate) fn users(&mut self, site: &Site, place: &Place) {
        let Some(group) = place.group else { return };
        let folder = place.on_system("");
        let auth = site.routes.iter().filter_map(|route| route.forward()?.auth.as_ref());
        let files: BTreeSet<&str> = auth
            .filter_map(|auth| match &auth.value {
                Auth::Basic { users_file, .. } => Some(users_file.as_str()),
                Auth::Forward { .. } => None,
            })
            .filter(|file| file.starts_with(&folder))
            .collect();
        for file in files {
            let file = format!("'{}'", file.replace('\'', r"'\''"));
            self.step(
                "Workers read who may come in",
                format!("chgrp {group} {file} && chmod 640 {file}"),
            );
        }
    }

    /// Adds what `SELinux` asks of a web server that connects: a switch, ports that are not those of the web, and the
    /// labels of what was copied (`httpd_selinux(8)`, `semanage-port(8)`).
    pub(crate) fn selinux(&mut self, site: &Site, switch: &str, folder: &str) {
        if !site.upstreams.is_empty() {
            self.step("SELinux lets it connect to upstreams", format!("setsebool -P {switch} 1"));
        }
        for port in ports(site) {
            if !WEB_PORTS.contains(&port) {
                self.step(
                    "SELinux lets it listen there",
                    format!("semanage port -a -t http_port_t -p tcp {port}"),
                );
            }
        }
        self.step("SELinux knows the files", format!("restorecon -R {folder}"));
    }

    /// The commands alone.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.steps.iter().map(|step| step.command.clone()).collect()
    }

    /// The page of a target: what to do, ready to be pasted.
    pub fn page(&self, title: &str, files: &[&str]) -> String {
        let mut page = format!("## {title}\n\nWritten for it:\n\n");
        for file in files {
            page.push_str(&format!("- `{file}`\n"));
        }
        page.push_str("\nAs root, in the folder of this page:\n\n```sh\n");
        for Step { why, command } in &self.steps {
            page.push_str(&format!("# {why}\n{command}\n"));
        }
        page.push_str("```\n");
        for note in &self.notes {
            page.push_str(&format!("\n{note}\n"));
        }
        page
    }
}

/// The ports of `http_port_t` (targeted policy).
const WEB_PORTS: [u16; 8] = [80, 81, 443, 488, 8008, 8009, 8443, 9000];

/// The ports that a site listens on.
pub(crate) fn ports(site: &Site) -> BTreeSet<u16> {
    let addresses = site.listeners.iter().map(|listener| &listener.address.value);
    addresses
        .filter_map(|address| match address {
            ListenAddress::Socket(socket) => Some(socket.port()),
            ListenAddress::Unix(_) => None,
        })
        .collect()
}
