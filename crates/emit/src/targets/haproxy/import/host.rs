//! Tests of the host that a request is for.

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::Hostname;

use super::differs::Differs;
use super::request::{distinct, partly};
use super::scope::Importer;
use crate::import::condition::{Clause, Condition};
use crate::import::hostnames::written_out;
use crate::targets::haproxy::syntax::{Call, Matcher, Test};

/// Endings of regexes that let a port stand behind a host.
const PORTS: [&str; 8] = [
    "(:([0-9]){1,5})?$",
    "(:[0-9]{1,5})?$",
    "(:[0-9]+)?$",
    "(:[0-9]*)?$",
    "(?::[0-9]+)?$",
    "(:\\d+)?$",
    ":?[0-9]*$",
    "(:|$)",
];

/// What converters leave of a host, as far as the model compares it.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    /// Letters are in lower case.
    lower: bool,
    /// The port is taken away.
    bare: bool,
}

/// What converters leave of a host; nothing where one makes something else of it.
fn kept(converters: &[Call]) -> Option<Kept> {
    let mut kept = Kept::default();
    for call in converters {
        match call.name.as_str() {
            "lower" => kept.lower = true,
            "host_only" => kept.bare = true,
            "field" if call.args == ["1", ":"] => kept.bare = true,
            "regsub"
                if ["(:[0-9]*)?$", ":[0-9]*$", ":[0-9]+$", ":.*$", ":.*", ":\\d+$"]
                    .contains(&call.arg(0))
                    && call.arg(1).is_empty() =>
            {
                kept.bare = true;
            }
            "regsub" if call.is("regsub", &["\\.$", ""]) => {}
            _ => return None,
        }
    }
    Some(kept)
}

impl Importer<'_> {
    /// A test of the host behind converters. `name` says what a client told it by.
    pub(super) fn host(&mut self, test: &Test, converters: &[Call], from_tls: bool) -> Condition {
        let Some(kept) = kept(converters) else {
            return self.unread(test.sample.span, "the model compares a host as it is");
        };
        let (mut hosts, mut notes) = (Vec::new(), Vec::new());
        // Hosts in capital letters, which clients write in small ones.
        let mut capital: Vec<String> = Vec::new();
        for pattern in &test.patterns {
            let before = hosts.len();
            let mut text = pattern.text.to_lowercase();
            if test.matcher != Matcher::Reg {
                let port = text.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
                if let Some((host, _)) = port {
                    // A name without its port has none to compare with.
                    if kept.bare {
                        continue;
                    }
                    let host = host.to_owned();
                    text = host;
                }
                if kept.lower
                    && pattern.text.chars().any(|c| c.is_ascii_uppercase())
                    && !test.ignore_case
                {
                    continue;
                }
            }
            match test.matcher {
                Matcher::Str => hosts.push(text),
                Matcher::End if text.starts_with('.') => hosts.push(format!("*{text}")),
                Matcher::End => {
                    notes.push(Differs::HostEnd);
                    hosts.extend([text.clone(), format!("*.{text}")]);
                }
                Matcher::Beg if is_whole(&text) => {
                    notes.push(Differs::HostStart);
                    hosts.push(text);
                }
                Matcher::Reg => {
                    let mut regex = text.replace("(?i)", "");
                    if let Some(bare) = PORTS.iter().find_map(|port| regex.strip_suffix(port)) {
                        regex = format!("{bare}$");
                    }
                    let Some((names, more)) = written_out(&regex) else {
                        return self.unread(
                            pattern.span,
                            "the hosts that this regex fits cannot be written out",
                        );
                    };
                    if more {
                        notes.push(Differs::HostRegex);
                    }
                    hosts.extend(names);
                }
                Matcher::Found => {}
                Matcher::Bool
                | Matcher::Int
                | Matcher::Ip
                | Matcher::Bin
                | Matcher::Len
                | Matcher::Beg
                | Matcher::Sub
                | Matcher::Dir
                | Matcher::Dom => {
                    let why = "the model compares hosts as a whole, or by their last labels";
                    return self.unread(pattern.span, why);
                }
            }
            let any = test.ignore_case || pattern.text.contains("(?i)");
            if !any && !kept.lower && pattern.text.contains(|c: char| c.is_ascii_uppercase()) {
                let why = "HAProxy compares Host by its case here, and clients write it in small letters; add `-i`";
                self.why(pattern.span, why);
                capital.extend(hosts.split_off(before));
            }
        }
        if test.matcher == Matcher::Found {
            return Condition::always();
        }
        if hosts.is_empty() && capital.is_empty() {
            return Condition::never();
        }
        if hosts.iter().chain(&capital).any(|host| Hostname::parse(host).is_err()) {
            return self.unread(test.span, "this is no name of a host");
        }
        if from_tls {
            notes.push(Differs::ServerName);
        } else {
            if !kept.bare && test.matcher != Matcher::Reg {
                notes.push(Differs::HostPort);
            }
            let letters = hosts.iter().any(|host| host.contains(|c: char| c.is_ascii_alphabetic()));
            if !(kept.lower
                || test.ignore_case
                || test.patterns.iter().any(|p| p.text.contains("(?i)")))
                && letters
            {
                notes.push(Differs::HostCase);
            }
        }
        for note in notes {
            self.differs(test.span, note);
        }
        let tls = from_tls.then_some(true);
        let of = |hosts: Vec<String>| Clause { hosts: distinct(hosts), tls, ..Clause::default() };
        match (hosts.is_empty(), capital.is_empty()) {
            (_, true) => Condition::of(of(hosts)),
            (true, false) => partly(of(capital)),
            (false, false) => Condition::of(of(hosts)).or(&partly(of(capital))),
        }
    }
}

/// Whether the beginning of a host is a whole name: at least two labels, the last of letters.
fn is_whole(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    text.contains('.') && last.len() > 1 && last.chars().all(|c| c.is_ascii_alphabetic())
}
