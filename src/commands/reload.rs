//! `wsgen reload`.

use http::Method;

use crate::args::AdminArguments;
use crate::output::{self, Exit, Failure};
use crate::status_page;

pub(super) fn run(admin: &AdminArguments) -> Result<Exit, Failure> {
    let (status, said) = status_page::ask(admin, Method::POST, "/reload")?;
    output::eprint(&said);
    match status {
        200 => Ok(Exit::Success),
        422 => Ok(Exit::Findings),
        other => {
            Err(Failure::new(format!("the proxy answered {other}"), "try again when it serves"))
        }
    }
}
