//! `wsgen render --layout`: the files that a model names join the tree of a distribution.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use wsgen_emit::{Handed, Layout, Need, Place, Rendered, RenderedFile};
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::FilePath;
use wsgen_model::site::{Auth, Site};
use wsgen_model::source::{Sources, Span};

use crate::input;
use crate::output::Failure;

/// Gives every file with a relative name its place on the system, and reads those that the tree will hold. What the
/// target sees as bytes goes on under its new name.
pub(super) fn settle(
    site: &mut Site,
    place: &Place,
    handed: &mut Handed,
    sources: &Sources,
) -> Result<Vec<RenderedFile>, Failure> {
    let mut files: BTreeMap<String, (String, RenderedFile)> = BTreeMap::new();
    let private = private(site);
    let mut renamed = Handed::new();
    for file in site.files_mut() {
        let old = file.value.to_string();
        if Path::new(&old).is_absolute() {
            continue;
        }
        let parts = Path::new(&old).components();
        let name: Vec<_> = parts
            .filter_map(|part| match part {
                Component::Normal(name) => Some(name.to_string_lossy()),
                _ => None,
            })
            .collect();
        let name = name.join("/");
        let new = place.on_system(&name);
        if let Some(bytes) = handed.get(&old) {
            // It goes into a file of the target's own.
            renamed.insert(new.clone(), bytes.clone());
        } else {
            let need = Need { path: old.clone(), span: file.span };
            let bytes = input::hand(&[need], sources)?.remove(&old).unwrap_or_default();
            let private = private.contains(&file.span);
            let made = RenderedFile { name: place.in_tree(&name), bytes, private };
            let known = files.insert(name.clone(), (old.clone(), made));
            if known.is_some_and(|(other, _)| other != old) {
                return Err(Failure::new(
                    format!("two files would be {new}"),
                    "give one of them another name, or an absolute one",
                ));
            }
        }
        file.value = FilePath::parse(&new)
            .map_err(|problem| Failure::new(problem.message, "give the file another name"))?;
    }
    handed.extend(renamed);
    Ok(files.into_values().map(|(_, file)| file).collect())
}

/// Files with secrets: keys, and what passwords are compared with.
fn private(site: &Site) -> Vec<Span> {
    let tls = site.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let keys = tls.flat_map(|tls| &tls.certificates).map(|certificate| certificate.key.span);
    let auth = site.routes.iter().filter_map(|route| route.forward()?.auth.as_ref());
    let users = auth.filter_map(|auth| match &auth.value {
        Auth::Basic { users_file, .. } => Some(users_file.span),
        Auth::Forward { .. } => None,
    });
    keys.chain(users).collect()
}

/// The page that says how the trees are put into place.
pub(super) fn page(layout: Layout, rendered: &[(&str, Place, &Rendered)]) -> String {
    let mut page = format!("# Installing on {}\n", layout.title());
    for (title, place, one) in rendered {
        let Some(installation) = &one.installation else { continue };
        let files = one.files.iter().map(|file| file.name.as_str());
        let files: Vec<_> = std::iter::once(place.main).chain(files).collect();
        page.push_str(&format!("\n{}", installation.page(title, &files)));
    }
    page
}
