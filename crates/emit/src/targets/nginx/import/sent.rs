//! The path that an upstream sees: that of `proxy_pass` in place of the location's, or what rewrites have made of it.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{PathLiteral, Replacement};

use super::differs::Differs;
use super::location::{Location, Matching};
use super::scope::Importer;
use super::state::{Path, State};
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::pattern::{around, of_text, rewrites, stripped, whole};

impl Importer<'_> {
    /// The path that the upstream sees: that of the URL in place of the location's, unless a rewrite has ended with `break`.
    /// Whether the model can say it.
    pub(super) fn sent_path(
        &mut self,
        pass: Id,
        computed: bool,
        location: &Location,
        path: Option<&str>,
        state: &State,
        route: &mut Draft,
    ) -> bool {
        // The path that was asked for, whatever rewrites have made of it.
        if let Some(path @ ("$request_uri" | "/$request_uri")) = path {
            if path.starts_with('/') {
                let how = "nginx sends two slashes at the beginning: `$request_uri` has one; the model sends one";
                self.announce(pass, Differs::Target, how);
            }
            return true;
        }
        let now = match (&state.path, path) {
            (Path::Changed { pattern, to }, None) => {
                return self.rewritten_path(pass, location, (pattern, to), route);
            }
            // The URL's own path gives way to one that was rewritten (`ngx_http_proxy_module`, "`proxy_pass`").
            (Path::Changed { pattern, to }, Some(_)) if state.broken && !computed => {
                return self.rewritten_path(pass, location, (pattern, to), route);
            }
            (Path::Changed { .. }, Some(_)) => {
                self.ledger.lost(pass, "the path that it sends is made of a rewritten one");
                return false;
            }
            (Path::Known(known), None) => Some(known.clone()),
            (Path::Known(known), Some(_)) if state.broken && !computed => Some(known.clone()),
            (Path::Known(known), Some(path)) if !computed => {
                let rest = known.strip_prefix(location.path.as_str()).unwrap_or_default();
                Some(format!("{path}{rest}"))
            }
            (Path::Known(_) | Path::Asked, _) => None,
        };
        if let Some(known) = now {
            let mut regex = Draft::of("pattern", "^.*$");
            regex.set(&["to"], known.as_str());
            if Replacement::parse(&known).is_err() {
                self.ledger.lost(pass, "the model has no such path");
                return false;
            }
            route.set(&["rewrite", "regex"], regex);
            return true;
        }
        let Some(path) = path else { return true };
        self.replaced_path(pass, computed, location, path, route)
    }

    fn rewritten_path(
        &mut self,
        pass: Id,
        location: &Location,
        (pattern, to): (&str, &str),
        route: &mut Draft,
    ) -> bool {
        let inner = around(pattern, to).filter(|(pattern, to)| rewrites(pattern, to));
        // A prefix that every path of the location has.
        let stripped = stripped(pattern, to).filter(|prefix| {
            location.matching != Matching::Regex
                && location.path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
        });
        let (pattern, to) = match (inner, stripped) {
            (Some(inner), _) => inner,
            (None, Some(prefix)) => {
                route.set(&["rewrite", "strip_prefix"], prefix);
                return true;
            }
            (None, None) => (whole(pattern), to.to_owned()),
        };
        if !rewrites(&pattern, &to) {
            self.ledger.lost(pass, "the path that it sends is computed");
            return false;
        }
        let mut regex = Draft::of("pattern", pattern);
        regex.set(&["to"], to);
        route.set(&["rewrite", "regex"], regex);
        true
    }

    /// The path of a URL in place of what a location fits.
    fn replaced_path(
        &mut self,
        pass: Id,
        computed: bool,
        location: &Location,
        path: &str,
        route: &mut Draft,
    ) -> bool {
        let from = location.path.as_str();
        // With variables the URL is sent as it is, and the client's query only where it says so.
        let args = ["$is_args$args", "?$args", "?$query_string", "$is_args$query_string"];
        let bare = args.iter().find_map(|end| path.strip_suffix(end));
        if computed && bare.is_none() && !path.ends_with("$request_uri") {
            let how = "nginx sends no query here, because the URL has variables: add `$is_args$args` if it is meant to; the model keeps it";
            self.announce(pass, Differs::Target, how);
        }
        let path = bare.unwrap_or(path);
        let is_fixed = !path.contains('$');
        let rewrite = match location.matching {
            _ if path.contains('?') => None,
            _ if path == "$uri" || path == "$request_uri" || path == "/$request_uri" => {
                return true;
            }
            _ if path.ends_with("$request_uri") && path.matches('$').count() == 1 => {
                let folder = path.trim_end_matches("$request_uri").trim_end_matches('/');
                let mut change = Draft::of("from", "/");
                change.set(&["to"], folder);
                PathLiteral::parse(folder).is_ok().then(|| Draft::of("replace_prefix", change))
            }
            Matching::Regex => {
                let mut regex = Draft::of("pattern", whole(from));
                regex.set(&["to"], path);
                rewrites(&whole(from), path).then(|| Draft::of("regex", regex))
            }
            _ if !is_fixed => None,
            // With variables nothing of the asked path is left.
            _ if computed => {
                let mut regex = Draft::of("pattern", "^.*$");
                regex.set(&["to"], path);
                Replacement::parse(path).is_ok().then(|| Draft::of("regex", regex))
            }
            Matching::Exact if path == from => return true,
            Matching::Exact => {
                let mut regex = Draft::of("pattern", format!("^{}$", of_text(from)));
                regex.set(&["to"], path);
                Replacement::parse(path).is_ok().then(|| Draft::of("regex", regex))
            }
            _ if path == from => return true,
            _ if path == "/" && from.ends_with('/') => {
                Some(Draft::of("strip_prefix", from.trim_end_matches('/')))
            }
            _ if path.ends_with('/') && from.ends_with('/') => {
                let bare = |path: &str| {
                    if path == "/" { path } else { path.trim_end_matches('/') }.to_owned()
                };
                let mut change = Draft::of("from", bare(from));
                change.set(&["to"], bare(path));
                let fits = PathLiteral::parse(from).is_ok() && PathLiteral::parse(path).is_ok();
                fits.then(|| Draft::of("replace_prefix", change))
            }
            // The text is replaced as it stands.
            Matching::Prefix | Matching::Final => {
                if path.ends_with('/') && !from.ends_with('/') {
                    let what = format!(
                        "`{path}` takes the place of `{from}` as text: of `{from}/x` the application sees `{path}/x`"
                    );
                    let help = format!("write `location {from}/` if one slash is meant");
                    self.ledger.say(Code::IMPORT_DIFFERS, self.span(pass), &what, &help);
                }
                let mut regex = Draft::of("pattern", format!("^{}", of_text(from)));
                regex.set(&["to"], path);
                Replacement::parse(path).is_ok().then(|| Draft::of("regex", regex))
            }
        };
        match rewrite {
            Some(rewrite) => {
                route.set(&["rewrite"], rewrite);
                true
            }
            None => {
                self.ledger.lost(pass, "the path that it sends is computed");
                false
            }
        }
    }
}
