//! From a site to `nginx.conf`.

use wsgen_model::site::Site;

use super::{quote, view};
use crate::engine;
use crate::rendering::Rendering;
use crate::selection::Problem;
use crate::target::{Need, Rendered};

const TEMPLATE: &str = "nginx/nginx.conf.j2";

/// It reads every file by itself.
pub(super) fn needs(_site: &Site) -> Vec<Need> {
    Vec::new()
}

pub(super) fn render(rendering: Rendering<'_>) -> Result<Rendered, Problem> {
    let templates = rendering.templates();
    let mut view = view::view(rendering);
    let mut main = engine::render(TEMPLATE, quote::quote, templates, &view)?;
    if main.contains(quote::DOLLAR) {
        view.has_dollar = true;
        main = engine::render(TEMPLATE, quote::quote, templates, &view)?;
    }
    Ok(Rendered { main, files: Vec::new() })
}
