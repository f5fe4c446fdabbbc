//! From a site to `nginx.conf`.

use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::site::Site;

use super::{quote, support, view};
use crate::engine;
use crate::selection::Problem;
use crate::target::Rendered;

pub(super) fn render(
    site: &Site,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Rendered>, Problem> {
    if !support::judge(site, diagnostics) {
        return Ok(None);
    }
    let main = engine::render("nginx/nginx.conf.j2", quote::quote, &view::view(site))?;
    Ok(Some(Rendered { main }))
}
