//! Every case, family by family.

use std::fmt::Write;

use crate::case::Case;
use crate::cases;
use crate::coverage::UNOBSERVED;

/// The families, in the order of reports.
pub const CASES: &[&[Case]] = cases::FAMILIES;

/// The cases for a proxy that runs already, of which nothing is controlled.
pub const REMOTE: &[Case] = cases::REMOTE;

/// Every case.
pub fn all() -> impl Iterator<Item = &'static Case> {
    CASES.iter().copied().flatten()
}

/// The manual pages of a family.
pub fn page(family: &[Case]) -> String {
    let name = family.first().map_or("", |case| case.family);
    let mut page = format!(
        "# {name}\n\nPrinted from the cases in `crates/conformance/src/cases/{}.rs`. A case that needs a feature runs where the target \
         keeps it exactly.\n",
        name.replace('-', "_")
    );
    for case in family {
        let clause = case.clause.as_str();
        let needs: Vec<_> =
            case.needs.iter().map(|feature| format!("`{}`", feature.entry().field)).collect();
        let _ = write!(page, "\n## {}\n\n{}\n", case.id(), paragraphs(case.page));
        let _ = write!(page, "\nClause [`{clause}`](../semantics.md)");
        if !needs.is_empty() {
            let _ = write!(page, "; needs {}", needs.join(", "));
        }
        page.push_str(".\n");
    }
    page
}

/// The list of the families, and what no case observes.
pub fn index() -> String {
    let mut page = format!(
        "# The catalogue of conformance\n\n{} cases, printed from the code. `wsgen conformance --list` prints them too.\n\n\
         | family | cases |\n|---|---|\n",
        all().count()
    );
    for family in CASES {
        let name = family.first().map_or("", |case| case.family);
        let _ = writeln!(page, "| [{name}]({name}.md) | {} |", family.len());
    }
    let _ = writeln!(page, "| [remote](remote.md), with `--url` alone | {} |", REMOTE.len());
    page.push_str("\n## Clauses that no case observes\n\n| clause | why |\n|---|---|\n");
    for (clause, why) in UNOBSERVED {
        let _ = writeln!(page, "| `{}` | {why} |", clause.as_str());
    }
    page
}

/// The lines of a manual page, without the blank that doc comments begin with.
fn paragraphs(page: &str) -> String {
    page.trim().lines().map(str::trim).collect::<Vec<_>>().join("\n")
}
