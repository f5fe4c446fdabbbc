//! Several files as one model (`merge/names`).

use crate::clause::Clause;
use crate::code::Code;
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::located::Located;
use crate::scalar::Name;
use crate::source::Span;

/// Joins models in the order of their files. What stands twice is reported with both places, and the first
/// one stays.
pub(crate) fn merge(configs: Vec<Config>, diagnostics: &mut Diagnostics) -> Config {
    let mut configs = configs.into_iter();
    let mut merged = configs.next().unwrap_or_default();
    for config in configs {
        let Config {
            version,
            name,
            targets,
            chain,
            app,
            defaults,
            drain,
            resolver,
            access_log,
            listeners,
            upstreams,
            routes,
            admin,
            broken: _,
        } = config;
        versions(&mut merged.version, version, diagnostics);
        singleton("name", &mut merged.name, name, diagnostics);
        singleton("app", &mut merged.app, app, diagnostics);
        singleton("defaults", &mut merged.defaults, defaults, diagnostics);
        singleton("drain", &mut merged.drain, drain, diagnostics);
        singleton("resolver", &mut merged.resolver, resolver, diagnostics);
        singleton("access_log", &mut merged.access_log, access_log, diagnostics);
        singleton("admin", &mut merged.admin, admin, diagnostics);
        list(&mut merged.chain, chain);
        list(&mut merged.listeners, listeners);
        list(&mut merged.routes, routes);
        named("target", &mut merged.targets, targets, diagnostics);
        named("upstream", &mut merged.upstreams, upstreams, diagnostics);
    }
    merged
}

fn versions<T: PartialEq + std::fmt::Display>(
    into: &mut Option<Located<T>>,
    from: Option<Located<T>>,
    diagnostics: &mut Diagnostics,
) {
    match (into.as_ref(), from) {
        (Some(first), Some(second)) if *first != second => diagnostics.push(
            Diagnostic::new(Code::VERSION, "the files of one model have different versions")
                .labelled(second.span, format!("version {}", second.value))
                .also(first.span, format!("version {}", first.value))
                .help("write the same `version` in every file")
                .clause(Clause::MERGE_NAMES),
        ),
        (None, from) => *into = from,
        _ => {}
    }
}

fn singleton<T>(
    key: &str,
    into: &mut Option<Located<T>>,
    from: Option<Located<T>>,
    diagnostics: &mut Diagnostics,
) {
    match (into.as_ref(), from) {
        (Some(first), Some(second)) => diagnostics.push(
            Diagnostic::new(Code::SPLIT_SINGLETON, format!("`{key}` stands in two files"))
                .labelled(second.span, "second file")
                .also(first.span, "first file")
                .help(format!("keep `{key}` in one of them"))
                .clause(Clause::MERGE_NAMES),
        ),
        (None, from) => *into = from,
        (Some(_), None) => {}
    }
}

fn list<T>(into: &mut Option<Located<Vec<T>>>, from: Option<Located<Vec<T>>>) {
    match (into.as_mut(), from) {
        (Some(into), Some(from)) => into.value.extend(from.value),
        (None, from) => *into = from,
        (Some(_), None) => {}
    }
}

fn named<V>(
    what: &str,
    into: &mut Option<Located<crate::decode::Map<Name, V>>>,
    from: Option<Located<crate::decode::Map<Name, V>>>,
    diagnostics: &mut Diagnostics,
) {
    let Some(from) = from else { return };
    let Some(into) = into.as_mut() else {
        *into = Some(from);
        return;
    };
    let known: std::collections::HashMap<String, Span> =
        into.value.0.iter().map(|(name, _)| (name.value.to_string(), name.span)).collect();
    for (name, value) in from.value.0 {
        match known.get(name.value.as_str()) {
            Some(first) => duplicate_name(what, &name, *first, diagnostics),
            None => into.value.0.push((name, value)),
        }
    }
}

/// Two things of one name.
pub(crate) fn duplicate_name(
    what: &str,
    name: &Located<Name>,
    first: Span,
    diagnostics: &mut Diagnostics,
) {
    diagnostics.push(
        Diagnostic::new(Code::DUPLICATE_NAME, format!("two {what}s are named `{}`", name.value))
            .labelled(name.span, "second one")
            .also(first, "first one")
            .help("give one of them another name")
            .clause(Clause::MERGE_NAMES),
    );
}
