//! From a site to `httpd.conf`.

use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::scalar::TargetVersion;
use wsgen_model::site::Site;

use super::{quote, view};
use crate::engine;
use crate::selection::Problem;
use crate::target::Rendered;

const TEMPLATE: &str = "apache/httpd.conf.j2";

pub(super) fn render(
    site: &Site,
    version: Option<TargetVersion>,
    diagnostics: &mut Diagnostics,
) -> Result<Rendered, Problem> {
    let mut view = view::view(site, version, diagnostics);
    let mut main = engine::render(TEMPLATE, quote::quote, &view)?;
    if main.contains(quote::DOLLAR) {
        view.has_dollar = true;
        main = engine::render(TEMPLATE, quote::quote, &view)?;
    }
    Ok(Rendered { main })
}
