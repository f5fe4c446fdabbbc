//! The files of TLS listeners: each certificate with its key, and a list that says which names each is for
//! (configuration manual, section 5.1, `crt-list`).

use wsgen_model::site::{Listener, Site};

use crate::rendering::Rendering;
use crate::target::{Need, RenderedFile};

/// The name of a listener's list.
pub(super) fn list(listener: &Listener) -> String {
    format!("certificates/{}.list", listener.name.value)
}

fn pair(listener: &Listener, number: usize) -> String {
    format!("certificates/{}-{}.pem", listener.name.value, number + 1)
}

pub(super) fn needs(site: &Site) -> Vec<Need> {
    let certificates =
        site.listeners.iter().filter_map(|l| l.tls.as_ref()).flat_map(|tls| &tls.certificates);
    let files = certificates.flat_map(|certificate| [&certificate.certificate, &certificate.key]);
    files.map(|file| Need { path: file.value.to_string(), span: file.span }).collect()
}

pub(super) fn files(rendering: &Rendering<'_>) -> Vec<RenderedFile> {
    let mut files = Vec::new();
    let place = rendering.place();
    for listener in &rendering.site.listeners {
        let Some(tls) = &listener.tls else { continue };
        let mut text = String::new();
        for (number, certificate) in tls.certificates.iter().enumerate() {
            let name = pair(listener, number);
            text.push_str(&place.on_system(&name));
            for hostname in &certificate.hostnames {
                text.push_str(&format!(" {}", hostname.value));
            }
            text.push('\n');
            let mut bytes = rendering.handed(certificate.certificate.as_str()).to_vec();
            if !bytes.ends_with(b"\n") {
                bytes.push(b'\n');
            }
            bytes.extend_from_slice(rendering.handed(certificate.key.as_str()));
            files.push(RenderedFile { name: place.in_tree(&name), bytes, private: true });
        }
        let name = place.in_tree(&list(listener));
        files.push(RenderedFile { name, bytes: text.into_bytes(), private: false });
    }
    files
}
