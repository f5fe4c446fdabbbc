//! `wsgen schema`.

use crate::output::{self, Exit, Failure};

pub(super) fn run() -> Result<Exit, Failure> {
    let schema = wsgen_model::schema::json_schema(&wsgen_emit::target_sections());
    output::print(&format!("{schema:#}\n"))?;
    Ok(Exit::Success)
}
