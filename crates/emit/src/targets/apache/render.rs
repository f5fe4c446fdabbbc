//! From a site to `httpd.conf`.

use wsgen_model::site::Site;

use super::{layout, quote, view};
use crate::engine;
use crate::layout::{Installation, Layout};
use crate::rendering::Rendering;
use crate::selection::Problem;
use crate::target::{Need, Rendered, RenderedFile};

const TEMPLATE: &str = "apache/httpd.conf.j2";
const MODULES: &str = "apache/modules.conf.j2";

/// It reads every file by itself.
pub(super) fn needs(_site: &Site) -> Vec<Need> {
    Vec::new()
}

pub(super) fn render(rendering: Rendering<'_>) -> Result<Rendered, Problem> {
    let templates = rendering.templates();
    let (site, tree) = (rendering.site, rendering.layout());
    let mut view = view::view(rendering);
    let installation = layout::installation(site, tree, &view.loaded());
    view.steps = installation.as_ref().map(Installation::commands).unwrap_or_default();
    let mut main = engine::render(TEMPLATE, quote::quote, templates, &view)?;
    if main.contains(quote::DOLLAR) {
        view.has_dollar = true;
        main = engine::render(TEMPLATE, quote::quote, templates, &view)?;
    }
    let mut files = Vec::new();
    if tree == Layout::Rhel {
        let bytes = engine::render(MODULES, quote::quote, templates, &view)?.into_bytes();
        files.push(RenderedFile { name: layout::RHEL_MODULES.into(), bytes, private: false });
    }
    Ok(Rendered { main, files, installation, ..Rendered::default() })
}
