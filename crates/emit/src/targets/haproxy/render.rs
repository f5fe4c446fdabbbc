//! From a site to `haproxy.cfg`.

use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::scalar::TargetVersion;
use wsgen_model::site::Site;

use super::{quote, view};
use crate::engine;
use crate::selection::Problem;
use crate::target::Rendered;

pub(super) fn render(
    site: &Site,
    version: Option<TargetVersion>,
    diagnostics: &mut Diagnostics,
) -> Result<Rendered, Problem> {
    let view = view::view(site, version, diagnostics);
    let main = engine::render("haproxy/haproxy.cfg.j2", quote::quote, &view)?;
    Ok(Rendered { main })
}
