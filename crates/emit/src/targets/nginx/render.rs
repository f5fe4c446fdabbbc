//! From a site to `nginx.conf`.

use wsgen_model::site::Site;

use super::{layout, quote, view};
use crate::engine;
use crate::layout::{Installation, Layout};
use crate::rendering::Rendering;
use crate::selection::Problem;
use crate::target::{Need, Rendered, RenderedFile};

const TEMPLATE: &str = "nginx/nginx.conf.j2";
const MAIN: &str = "nginx/main.conf.j2";

/// It reads every file by itself.
pub(super) fn needs(_site: &Site) -> Vec<Need> {
    Vec::new()
}

pub(super) fn render(rendering: Rendering<'_>) -> Result<Rendered, Problem> {
    let templates = rendering.templates();
    let (site, tree, place) = (rendering.site, rendering.layout(), rendering.place());
    let mut view = view::view(rendering);
    let installation = layout::installation(site, tree, view.worker_connections);
    view.steps = installation.as_ref().map(Installation::commands).unwrap_or_default();
    let mut main = engine::render(TEMPLATE, quote::quote, templates, &view)?;
    if main.contains(quote::DOLLAR) {
        view.has_dollar = true;
        main = engine::render(TEMPLATE, quote::quote, templates, &view)?;
    }
    let mut files = Vec::new();
    if tree != Layout::Standalone {
        main = outdented(&main);
        let bytes = engine::render(MAIN, quote::quote, templates, &view)?.into_bytes();
        files.push(RenderedFile { name: place.in_tree("main.conf"), bytes, private: false });
    }
    Ok(Rendered { main, files, installation, ..Rendered::default() })
}

/// What stands in `http`, as a file of its own.
fn outdented(text: &str) -> String {
    let lines = text.lines().map(|line| line.strip_prefix("    ").unwrap_or(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}
