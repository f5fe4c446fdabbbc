//! Removals of fields that the model means anyway, so that a model does not repeat them.

use wsgen_model::spelling::{FORWARDED_FIELDS, FRAMING_FIELDS, is_same};

use super::draft::Draft;

/// The finding for a configuration that lets more of the forwarded family pass than the model does.
pub(crate) const TAKES_MORE: &str = "what the client itself sent of the forwarded family (X-Real-IP, Forwarded, X-Forwarded-Port and others) does not pass beside what is told here";

/// Whether the model takes fields of the forwarded family out that the configuration lets pass: none that the route
/// tells or removes, in the names that are removed so far.
pub(crate) fn takes_more(route: &Draft) -> bool {
    if route.text(&["forwarded", "mode"]).is_none_or(|mode| mode == "off") {
        return false;
    }
    let style = route.text(&["forwarded", "style"]).unwrap_or("x_forwarded");
    let named = |path: &[&str], name: &str| match route.get(path) {
        Some(Draft::List(list)) => list
            .iter()
            .filter_map(|item| item.text(&[]))
            .any(|known| known.eq_ignore_ascii_case(name)),
        _ => false,
    };
    let headers = ["forwarded", "headers"];
    let built_in = route.get(&headers).is_none();
    let tells = |name: &str| match name {
        "Forwarded" => style != "x_forwarded",
        "X-Real-IP" => named(&headers, "real_ip"),
        name => {
            let word = name.strip_prefix("X-Forwarded-").unwrap_or_default().to_lowercase();
            let known = ["for", "proto", "host"].contains(&word.as_str());
            style != "forwarded" && known && (built_in || named(&headers, &word))
        }
    };
    let removed = |name: &str| {
        named(&["request_headers", "remove"], name)
            || matches!(route.get(&["request_headers", "set"]), Some(Draft::Map(set)) if set.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)))
    };
    FORWARDED_FIELDS.into_iter().any(|name| !tells(name) && !removed(name))
}

/// Takes removals out of a route that are implied (`forwarded/spelling`): of the forwarded family where the route tells
/// of its clients, and of other spellings of names that the route sets, removes or copies.
pub(super) fn forget(route: &mut Draft) {
    let path = ["request_headers", "remove"];
    let Some(Draft::List(removed)) = route.get(&path).cloned() else { return };
    let tells = route.text(&["forwarded", "mode"]).is_some_and(|mode| mode != "off");
    let mut known: Vec<String> = Vec::new();
    if tells {
        known.extend(FORWARDED_FIELDS.map(str::to_owned));
    }
    if let Some(Draft::Map(set)) = route.get(&["request_headers", "set"]) {
        known.extend(set.iter().map(|(name, _)| name.to_string()));
    }
    if let Some(Draft::List(copied)) = route.get(&["auth", "forward", "copy_headers"]) {
        known.extend(copied.iter().filter_map(|name| name.text(&[])).map(str::to_owned));
    }
    known.extend(FRAMING_FIELDS.map(str::to_owned));
    let mut kept: Vec<Draft> = Vec::new();
    // A name ahead of its other spellings, wherever they stand.
    let mut names: Vec<&str> = removed.iter().filter_map(|name| name.text(&[])).collect();
    names.sort_by_key(|name| name.contains('_'));
    for name in names {
        if !known.iter().any(|known| is_same(known, name)) {
            known.push(name.to_owned());
            kept.push(name.into());
        }
    }
    // In the order in which they stood.
    kept.sort_by_key(|name| removed.iter().position(|known| known == name));
    if kept.is_empty() {
        route.remove(&path);
    } else {
        route.set(&path, Draft::List(kept));
    }
}
