//! `ProxyPass` and its kin: those of a `<Location>` come before those beside it, and there the last one that fits wins;
//! the others are asked in the order of the file.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::PathLiteral;

use super::answer::alias;
use super::regex::{self, put_back, whole};
use super::rule::{Act, Rule};
use super::scope::Importer;
use super::sections::{Scope, of_path};
use super::target::destination;
use super::vhost::Vhost;
use crate::import::condition::Condition;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::import::matcher::PathMatcher;
use crate::import::pattern::{of_text, rewrites};
use crate::targets::apache::syntax::{
    Parameter, Place, ProxyPass, ProxyTarget, Section, Statement,
};

/// Why a URL leads nowhere.
const NOWHERE: &str = "where it leads is computed for each request, or no proxy of HTTP does it";

impl Importer<'_> {
    /// The rules of a virtual host by `ProxyPass`.
    pub(super) fn passes(&mut self, vhost: &Vhost, scopes: &[Scope]) -> Vec<Rule> {
        let mut rules = Vec::new();
        for scope in scopes.iter().rev() {
            let place = match &self.all[scope.id].statement {
                Ok(Statement::Section(Section::Location(place))) => place.clone(),
                _ => continue,
            };
            for id in scope.list.iter().copied() {
                match self.all[id].statement.clone() {
                    Ok(Statement::ProxyPass(pass)) => {
                        self.ledger.taken(scope.id, "match.path");
                        self.reached.insert(scope.id);
                        let groups = matches!(&pass.to, ProxyTarget::Url(url) if url.contains('$'));
                        let (from, regex, own) = match &place {
                            Place::Path(path) => {
                                (path.clone(), pass.regex, scope.condition.clone())
                            }
                            Place::Regex(path) if pass.regex || groups => {
                                (path.clone(), true, scope.condition.clone())
                            }
                            Place::Regex(path) if path.starts_with('/') => {
                                (path.clone(), false, scope.condition.and(&Condition::unread()))
                            }
                            Place::Regex(_) => {
                                self.no_regex_here(id);
                                continue;
                            }
                            Place::Wildcards(path) => {
                                (path.clone(), false, scope.condition.and(&Condition::unread()))
                            }
                        };
                        rules.extend(self.pass(id, &from, regex, &pass, &own));
                    }
                    Err(why)
                        if self.all[id].name.starts_with("proxypass")
                            && !self.all[id].name.starts_with("proxypassreverse") =>
                    {
                        self.ledger.lost(id, &why.why);
                        rules.push(Rule::of(id, scope.condition.clone(), Act::Placeholder));
                    }
                    _ => {}
                }
                if self.all[id].name == "sethandler" {
                    rules.extend(self.handler(id, scope));
                }
            }
        }
        // A virtual host's own come first, then those outside of it.
        for list in vhost.chain(&self.around).iter().rev() {
            for id in list.iter().copied() {
                match self.all[id].statement.clone() {
                    Ok(Statement::ProxyPass(pass)) => {
                        let Some(from) = pass.from.clone() else {
                            self.ledger.lost(id, "its path is missing");
                            continue;
                        };
                        let path =
                            if pass.regex { regex::path(&from, false) } else { alias(&from) };
                        let condition = of_path(path);
                        rules.extend(self.pass(id, &from, pass.regex, &pass, &condition));
                    }
                    Err(why)
                        if ["proxypass", "proxypassmatch"]
                            .contains(&self.all[id].name.as_str()) =>
                    {
                        self.ledger.lost(id, &why.why);
                        let from = self.word(id, 0).to_owned();
                        if from.starts_with('/') && self.all[id].name == "proxypass" {
                            rules.push(Rule::of(id, of_path(alias(&from)), Act::Placeholder));
                        }
                    }
                    _ => {}
                }
            }
        }
        rules
    }

    fn pass(
        &mut self,
        id: Id,
        from: &str,
        regex: bool,
        pass: &ProxyPass,
        condition: &Condition,
    ) -> Vec<Rule> {
        if !condition.is_read() {
            self.ledger.lost(id, "the model has no such path");
            return vec![Rule::of(id, condition.clone(), Act::Placeholder)];
        }
        let url = match &pass.to {
            ProxyTarget::Exclude => {
                self.ledger.taken(id, "respond");
                self.beside(id, "files, or pages of the server's own, are served beside the proxy");
                return vec![Rule::of(id, condition.clone(), Act::Files)];
            }
            ProxyTarget::Url(url) => url.as_str(),
        };
        let scheme = url.split("://").next().unwrap_or_default().to_lowercase();
        let scheme = scheme.rsplit('|').next().unwrap_or_default().to_owned();
        if let Some(what) = other_protocol(&scheme) {
            self.beside(id, &format!("{what} is served beside the proxy"));
            self.ledger.dropped(id, "applications of other protocols, beside the proxy");
            return vec![Rule::of(id, condition.clone(), Act::Files)];
        }
        let placeholder = || vec![Rule::of(id, condition.clone(), Act::Placeholder)];
        if pass.parameters.iter().any(|parameter| parameter.key == "noquery") {
            self.ledger
                .lost(id, "`noquery` takes the query away, which the model passes on as it came");
            return placeholder();
        }
        let Some((to, path)) = destination(url) else {
            let why = if url.contains("${") {
                "a variable of it is not known; --define gives variables their values"
            } else {
                NOWHERE
            };
            self.ledger.lost(id, why);
            // Its requests must not fall to another route.
            return placeholder();
        };
        let with = |condition: Condition, change: Option<Draft>| {
            let parameters: Vec<Parameter> = pass.parameters.clone();
            let url = url.to_owned();
            Rule { parameters, url, ..Rule::of(id, condition, Act::Forward(to.clone(), change)) }
        };
        self.ledger.taken(id, "upstream");
        // `ProxyPass /a/ http://host:1`: the path runs on behind the port.
        if !regex && from.ends_with('/') && path.is_empty() {
            let what = "the rest of the path is put right behind the port: Apache answers 500 to all but the path itself";
            self.ledger.say(
                Code::IMPORT_BROKEN,
                self.span(id),
                what,
                "write a slash at the end of the URL",
            );
            let answer = Act::Answer(Draft::of("respond", Draft::of("status", 500_u64)));
            let own = of_path(PathMatcher::exact(from)).and(condition);
            return vec![
                with(own, exact_change(from, "/")),
                Rule::of(id, condition.clone(), answer),
            ];
        }
        match self.mapped(id, from, regex, &path) {
            Ok(change) => vec![with(condition.clone(), change)],
            Err(why) => {
                self.ledger.lost(id, why);
                placeholder()
            }
        }
    }

    /// `ProxyPass` in a section of a regex takes that regex for the path itself, which none begins with.
    fn no_regex_here(&mut self, id: Id) {
        let what = "Apache takes the regex of the section for a plain path here, so that the line is for no request";
        self.ledger.say(Code::IMPORT_BROKEN, self.span(id), what, "write `ProxyPassMatch`");
        self.ledger.dropped(id, "it is for no request");
    }

    /// `SetHandler "proxy:…"`: the application gets the name of a file as its path.
    fn handler(&mut self, id: Id, scope: &Scope) -> Option<Rule> {
        let url = self.word(id, 0).strip_prefix("proxy:")?.to_owned();
        let scheme =
            url.split("://").next().unwrap_or_default().rsplit('|').next().unwrap_or_default();
        self.ledger.taken(scope.id, "match.path");
        if let Some(what) = other_protocol(scheme) {
            self.beside(id, &format!("{what} is served beside the proxy"));
            self.ledger.dropped(id, "applications of other protocols, beside the proxy");
            return Some(Rule::of(id, scope.condition.clone(), Act::Files));
        }
        let why = "an application behind `SetHandler` gets the name of a file as its path; `ProxyPass` sends the path itself";
        self.ledger.lost(id, why);
        Some(Rule::of(id, scope.condition.clone(), Act::Placeholder))
    }

    /// The path that a server sees: what stands in the URL, in place of what was asked for.
    fn mapped(
        &mut self,
        id: Id,
        from: &str,
        regex: bool,
        to: &str,
    ) -> Result<Option<Draft>, &'static str> {
        const COMPUTED: &str = "the path that it sends is none that the model can say";
        if to.contains('?') {
            return Err("it changes the query, which the model passes on as it came");
        }
        let changed = |pattern: String, to: String| {
            if !rewrites(&pattern, &to) {
                return Err(COMPUTED);
            }
            let mut change = Draft::of("pattern", pattern);
            change.set(&["to"], to);
            Ok(Some(Draft::of("regex", change)))
        };
        if regex {
            // Without a group in the URL, the whole of the path is put behind it.
            if !to.contains('$') {
                let to = to.trim_end_matches('/');
                return if to.is_empty() {
                    Ok(None)
                } else {
                    changed("^(.*)$".into(), format!("{to}$1"))
                };
            }
            if to == "$0" || put_back(from).is_some_and(|same| same == to) {
                return Ok(None);
            }
            if to.contains("$0") {
                return Err(COMPUTED);
            }
            let to = if to.starts_with(['/', '$']) { to.to_owned() } else { format!("/{to}") };
            return changed(whole(from), to);
        }
        if from == to {
            return Ok(None);
        }
        let fits =
            PathLiteral::parse(from).is_ok() && (to.is_empty() || PathLiteral::parse(to).is_ok());
        if !fits {
            return Err(COMPUTED);
        }
        let bare = |path: &str| path.trim_end_matches('/').to_owned();
        if from.ends_with('/') == to.ends_with('/') {
            let (old, new) = (bare(from), bare(to));
            if old == new {
                return Ok(None);
            }
            if new.is_empty() {
                return Ok(Some(Draft::of("strip_prefix", old)));
            }
            let mut change = Draft::of("from", if old.is_empty() { "/".to_owned() } else { old });
            change.set(&["to"], new);
            return Ok(Some(Draft::of("replace_prefix", change)));
        }
        // One has a last slash and the other has none: the text is replaced as it stands.
        self.differs(
            id,
            "one path ends with a slash and the other does not: the text is replaced as it stands",
        );
        if from == "/" {
            return changed("^/(.*)$".to_owned(), format!("{to}$1"));
        }
        changed(format!("^{}(.*)$", of_text(from)), format!("{to}$1"))
    }

    pub(super) fn beside(&mut self, id: Id, what: &str) {
        let help = "the new server does not serve it; serve it from where it is, or by an upstream";
        self.ledger.say(Code::IMPORT_BESIDE, self.span(id), what, help);
    }
}

/// The change of one path to another.
fn exact_change(from: &str, to: &str) -> Option<Draft> {
    if from == to {
        return None;
    }
    let mut change = Draft::of("pattern", format!("^{}$", of_text(from)));
    change.set(&["to"], to);
    Some(Draft::of("regex", change))
}

/// What is passed on by other protocols.
fn other_protocol(scheme: &str) -> Option<&'static str> {
    Some(match scheme {
        "ajp" => "AJP",
        "fcgi" => "FastCGI",
        "uwsgi" => "uwsgi",
        "scgi" => "SCGI",
        "ftp" => "FTP",
        _ => return None,
    })
}
