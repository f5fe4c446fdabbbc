//! From a site to `haproxy.cfg`, and what stands beside it.

use wsgen_model::site::{Auth, Site};

use super::{certificates, layout, quote, view};
use crate::engine;
use crate::rendering::Rendering;
use crate::selection::Problem;
use crate::target::{Need, Rendered};

const TEMPLATE: &str = "haproxy/haproxy.cfg.j2";

/// It reads a certificate and its key from one file, and users from its own configuration.
pub(super) fn needs(site: &Site) -> Vec<Need> {
    let mut needs = certificates::needs(site);
    for forward in site.routes.iter().filter_map(|route| route.forward()) {
        if let Some(Auth::Basic { users_file, .. }) = forward.auth.as_ref().map(|auth| &auth.value)
        {
            needs.push(Need { path: users_file.value.to_string(), span: users_file.span });
        }
    }
    needs
}

pub(super) fn render(rendering: Rendering<'_>) -> Result<Rendered, Problem> {
    let files = certificates::files(&rendering);
    let templates = rendering.templates();
    let installation = layout::installation(rendering.site, rendering.layout());
    let view = view::view(rendering, installation.as_ref());
    let main = engine::render(TEMPLATE, quote::quote, templates, &view)?;
    Ok(Rendered { main, files, installation, ..Rendered::default() })
}
