//! `wsgen explain`.

use wsgen_model::code::{CODES, Code};
use wsgen_model::decode::suggestion;

use crate::output::{self, Exit, Failure};

pub(super) fn run(code: Option<&str>) -> Result<Exit, Failure> {
    let Some(code) = code else {
        let list: String = CODES
            .iter()
            .map(|e| format!("{}  {:<8} {}\n", e.code, e.severity.as_str(), e.title))
            .collect();
        output::print(&list)?;
        return Ok(Exit::Success);
    };
    match Code::parse(code) {
        Some(code) => {
            output::print(code.entry().page)?;
            Ok(Exit::Success)
        }
        None => {
            let known: Vec<String> =
                CODES.iter().map(|e| e.code.as_str().to_ascii_lowercase()).collect();
            let close = suggestion(code, known.iter().map(String::as_str));
            let help = close.map_or_else(
                || "`wsgen explain` lists every code".to_owned(),
                |close| {
                    format!(
                        "did you mean {}? `wsgen explain` lists every code",
                        close.to_ascii_uppercase()
                    )
                },
            );
            Err(Failure::new(format!("there is no code {code}"), help))
        }
    }
}
