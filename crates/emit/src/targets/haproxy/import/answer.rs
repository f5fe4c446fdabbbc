//! Rules that answer by themselves: redirects, refusals, fixed answers.

use wsgen_model::check::is_proxys_own;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::{HeaderName, HeaderValue, PathLiteral};
use wsgen_model::source::Span;

use super::differs::Differs;
use super::scope::Importer;
use super::state::{Cell, State, Value};
use crate::import::draft::Draft;
use crate::import::hostnames::is_one;
use crate::targets::haproxy::syntax::{Body, LogFormat, Part, Redirect, Return, Sample, To};

impl Importer<'_> {
    /// `http-request return`.
    pub(super) fn returned(&mut self, span: Span, answer: &Return) -> Draft {
        let mut respond = Draft::of("status", answer.status.unwrap_or(200));
        if let Some(kind) =
            answer.content_type.as_ref().filter(|kind| HeaderValue::parse(kind).is_ok())
        {
            respond.set(&["headers", "Content-Type"], kind.as_str());
        }
        for (name, value) in &answer.fields {
            // It is written for each connection anyway.
            if is_proxys_own(name, false) {
                continue;
            }
            let text = value.literal().filter(|text| HeaderValue::parse(text).is_ok());
            match text.filter(|_| HeaderName::parse(name).is_ok()) {
                Some(text) => respond.set(&["headers", name], text),
                None => self.differs_in_field(span, Differs::AnswerParts, name),
            }
        }
        match &answer.body {
            Body::None => {}
            Body::Text(text) if text.is_empty() => {}
            Body::Text(text) => respond.set(&["body"], text.as_str()),
            Body::Computed => self.differs(span, Differs::AnswerParts),
        }
        Draft::of("respond", respond)
    }

    /// Where a redirect leads, on listeners that all have TLS, all have none, or differ. Nothing where the model cannot say it.
    pub(super) fn redirect(
        &mut self,
        span: Span,
        redirect: &Redirect,
        tls: Option<bool>,
        state: &State,
    ) -> Option<Draft> {
        let location = matches!(redirect.to, To::Location(_));
        // Behind a location neither means anything.
        if redirect.cookie || (redirect.append_slash || redirect.drop_query) && !location {
            return None;
        }
        let mut draft = Draft::map();
        let secure = |scheme: &str| scheme == "https";
        match &redirect.to {
            To::Scheme(scheme) => {
                let scheme =
                    scheme.literal().filter(|scheme| ["http", "https"].contains(scheme))?;
                // Without a scheme the port stays, as it does here.
                // What rules ahead have changed is what is put in.
                let changed = [Cell::Path, Cell::Query, Cell::Field("host".to_owned())];
                if changed.iter().any(|cell| !state.all_changes(cell).is_empty()) {
                    return None;
                }
                if tls != Some(secure(scheme)) {
                    draft.set(&["scheme"], scheme);
                    self.keeps_port(span, state);
                }
            }
            To::Location(format) | To::Prefix(format) => {
                let begins =
                    matches!(format.parts.first(), Some(Part::Text(text)) if !text.is_empty());
                if redirect.ignore_empty && location && !begins {
                    return None;
                }
                let prefix = !location;
                self.target_of(span, format, prefix, tls, state, &mut draft)?;
            }
        }
        draft.set(&["status"], redirect.status.unwrap_or(302));
        Some(Draft::of("redirect", draft))
    }

    /// The port of Host is in the Location.
    fn keeps_port(&mut self, span: Span, state: &State) {
        let usual =
            state.bounds.iter().all(|bound| matches!(self.port_of(&bound.name), Some(80 | 443)));
        if !usual {
            self.differs(span, Differs::RedirectPort);
        }
    }

    fn target_of(
        &mut self,
        span: Span,
        format: &LogFormat,
        prefix: bool,
        tls: Option<bool>,
        state: &State,
        draft: &mut Draft,
    ) -> Option<()> {
        let mut parts = format.parts.iter().peekable();
        // What is left of the text part that was begun.
        let mut text = match parts.peek() {
            Some(Part::Text(text)) => {
                parts.next();
                text.as_str()
            }
            _ => "",
        };
        if let Some((scheme, rest)) = text.split_once("://") {
            ["http", "https"].contains(&scheme).then_some(())?;
            let own = tls == Some(scheme == "https");
            text = rest;
            let end = text.find('/').unwrap_or(text.len());
            let (authority, path) = text.split_at(end);
            text = path;
            if authority.is_empty() {
                // `https://%[req.hdr(host)]…`: the port stays, but for the scheme's own.
                let Some(Part::Sample(host)) = parts.next() else { return None };
                match host_of(host, state)? {
                    HostOf::WithPort if own => {}
                    HostOf::WithPort => {
                        draft.set(&["scheme"], scheme);
                        self.keeps_port(span, state);
                    }
                    HostOf::Bare => draft.set(&["scheme"], scheme),
                }
                if let Some(Part::Text(next)) = parts.peek() {
                    text = next;
                    parts.next();
                }
                if let Some(port) = text.strip_prefix(':') {
                    let end = port.find('/').unwrap_or(port.len());
                    let number: u16 = port[..end].parse().ok().filter(|port| *port > 0)?;
                    draft.set(&["port"], u64::from(number));
                    text = &port[end..];
                }
            } else {
                // The host is only begun.
                if path.is_empty() && !matches!(parts.peek(), None | Some(Part::Sample(_))) {
                    return None;
                }
                let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
                is_one(host).then_some(())?;
                draft.set(&["scheme"], scheme);
                draft.set(&["hostname"], host);
                if !port.is_empty() {
                    let number: u16 = port.parse().ok().filter(|port| *port > 0)?;
                    draft.set(&["port"], u64::from(number));
                }
            }
        } else if text.starts_with('/') {
            self.differs(span, Differs::RedirectWhole);
        } else if !text.is_empty() {
            return None;
        }
        let rest: Vec<&Part> = parts.collect();
        self.redirect_path(span, text, &rest, prefix, state, draft)
    }

    /// The path and query of a redirect.
    fn redirect_path(
        &mut self,
        span: Span,
        text: &str,
        rest: &[&Part],
        prefix: bool,
        state: &State,
        draft: &mut Draft,
    ) -> Option<()> {
        if rest.is_empty() && !prefix {
            let path = if text.is_empty() {
                (*draft != Draft::map()).then_some(())?;
                self.differs(span, Differs::RedirectSlash);
                "/"
            } else {
                text
            };
            PathLiteral::parse(path).ok()?;
            draft.set(&["path"], path);
            return Some(());
        }
        // What rules ahead have changed is what is put in.
        let changed = [Cell::Path, Cell::Query];
        changed.iter().all(|cell| state.all_changes(cell).is_empty()).then_some(())?;
        let names: Vec<&Sample> = rest
            .iter()
            .map(|part| match part {
                Part::Sample(sample) => Some(sample),
                Part::Text(_) | Part::Variable(_) => None,
            })
            .collect::<Option<_>>()?;
        let whole = |sample: &Sample| {
            ["capture.req.uri", "url", "pathq"].contains(&sample.fetch.name.as_str())
                && sample.converters.is_empty()
        };
        let as_asked = match names.as_slice() {
            [] => prefix,
            [one] => !prefix && whole(one),
            _ => false,
        };
        if as_asked {
            // `prefix /a`: everything is put behind it.
            if text.is_empty() || text == "/" && prefix {
                return (*draft != Draft::map()).then_some(());
            }
            PathLiteral::parse(text).ok()?;
            draft.set(&["prefix", "from"], "/");
            draft.set(&["prefix", "to"], text);
            return Some(());
        }
        if let ([one], "", false) = (names.as_slice(), text, prefix)
            && ["url", "path"].contains(&one.fetch.name.as_str())
            && let [call] = one.converters.as_slice()
            && call.name == "regsub"
            && call.args.len() == 2
        {
            let from = call.arg(0).strip_prefix('^')?;
            let from = from.strip_suffix("/?").unwrap_or(from).replace('\\', "");
            let from = if from.is_empty() { "/".to_owned() } else { from };
            if PathLiteral::parse(&from).is_err() || PathLiteral::parse(call.arg(1)).is_err() {
                return None;
            }
            draft.set(&["prefix", "from"], from);
            draft.set(&["prefix", "to"], call.arg(1));
            return Some(());
        }
        None
    }
}

/// What an expression gives of the host that was asked for; nothing for other expressions.
fn host_of(sample: &Sample, state: &State) -> Option<HostOf> {
    let kind = |sample: &Sample| {
        let host = ["req.hdr", "hdr", "req.fhdr", "fhdr"].contains(&sample.fetch.name.as_str())
            && sample.fetch.arg(0).eq_ignore_ascii_case("host");
        let changed = !state.all_changes(&Cell::Field("host".to_owned())).is_empty();
        let bare = |name: &str| ["field", "regsub", "host_only"].contains(&name);
        let known = sample.converters.iter().all(|call| call.name == "lower" || bare(&call.name));
        (host && !changed && known).then(|| {
            let bare = sample.converters.iter().any(|call| bare(&call.name));
            if bare { HostOf::Bare } else { HostOf::WithPort }
        })
    };
    let Some(name) = sample.variable() else { return kind(sample) };
    match state.all_changes(&Cell::Variable(name.to_owned())) {
        [change] if change.condition.is_always() => match &change.value {
            Value::Sample(sample, _) => kind(sample),
            Value::Absent | Value::Text(_) | Value::Moved(_) | Value::Unknown => None,
        },
        _ => None,
    }
}

/// What an expression gives of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HostOf {
    WithPort,
    Bare,
}
