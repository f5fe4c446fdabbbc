//! What is wrong with a model that reads well. One file each; see CONTRIBUTING, "adding a check".

use crate::diagnostic::Diagnostics;
use crate::site::Site;

/// A check: looks at a draft of a site and pushes what it finds.
type Check = fn(&Site, &mut Diagnostics);

/// Every check, in the order of their codes.
const CHECKS: &[Check] = &[];

/// Runs every check.
pub(crate) fn run(site: &Site, diagnostics: &mut Diagnostics) {
    for check in CHECKS {
        check(site, diagnostics);
    }
}
