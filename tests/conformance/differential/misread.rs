//! Whether a green comparison of the importers says anything: faults are put into what an importer reads, and the original's
//! server runs what stands in the file. Each must be seen, and no finding may excuse it.
//!
//! `misread/*.diff` has the faults of each server: a name with a sentence, and a text in which `-` stands in front of lines
//! that only the file has, and `+` in front of those that only the importer reads.

use std::path::PathBuf;

use wsgen_conformance::differential::{self, Case, Frame, Outcome, Silent};

use super::{apache, haproxy, nginx};

/// Number of questions that each fault gets.
const QUESTIONS: usize = 120;

/// A fault of an importer.
pub(crate) struct Misread {
    /// Name of the fault.
    pub(crate) name: String,
    /// Text of the file, which the original's server runs.
    pub(crate) original: String,
    /// Text that the faulty importer reads instead.
    pub(crate) read: String,
}

/// A server with the faults of its importer.
pub(crate) struct Faults {
    pub(crate) server: &'static str,
    pub(crate) frame: fn() -> Frame,
    text: &'static str,
}

/// All servers.
pub(crate) const FAULTS: [Faults; 3] = [
    Faults { server: "nginx", frame: nginx::frame, text: include_str!("misread/nginx.diff") },
    Faults { server: "apache", frame: apache::frame, text: include_str!("misread/apache.diff") },
    Faults { server: "haproxy", frame: haproxy::frame, text: include_str!("misread/haproxy.diff") },
];

impl Faults {
    /// The faults, in the order of their file.
    pub(crate) fn all(&self) -> Vec<Misread> {
        let parts = self.text.split("## ").skip(1);
        let misread = |part: &str| {
            let (head, body) = part.split_once('\n').unwrap();
            let (name, sentence) = head.split_once(": ").unwrap();
            assert!(sentence.ends_with('.'), "{name}: {sentence}");
            let of = |sign: char| -> String {
                let lines = body.lines().filter(|line| line.starts_with([' ', sign]));
                lines.map(|line| format!("{}\n", &line[1..])).collect()
            };
            Misread { name: name.to_owned(), original: of('-'), read: of('+') }
        };
        parts.map(misread).collect()
    }
}

/// Returns the outcomes of a server's faults, and those of the same texts without the faults.
async fn compared(faults: &Faults) -> (Vec<Outcome>, Vec<Outcome>) {
    let folder = super::folder();
    let harness = super::harness(faults.server, (faults.frame)(), folder.path()).await;
    let case = |misread: Misread, faulty: bool| Case {
        name: misread.name,
        text: misread.original,
        misread: Some(misread.read).filter(|_| faulty),
        whole: false,
    };
    let cases = |faulty: bool| -> Vec<Case> {
        faults.all().into_iter().map(|misread| case(misread, faulty)).collect()
    };
    let seen = differential::run(&harness, &cases(true), QUESTIONS).await;
    (seen, differential::run(&harness, &cases(false), QUESTIONS).await)
}

fn every_fault_is_seen(faults: &Faults) {
    let (misled, sound) = super::runtime().block_on(compared(faults));
    assert!(misled.len() >= 10, "{} faults of {}", misled.len(), faults.server);
    let mut wrong = Vec::new();
    for outcome in misled.iter().filter(|outcome| outcome.silent.is_empty()) {
        wrong.push(format!("{} is not seen: {outcome:?}", outcome.name));
    }
    for outcome in sound.iter().filter(|outcome| outcome.differs() || outcome.refused.is_some()) {
        let told: Vec<String> = outcome.silent.iter().take(3).map(Silent::told).collect();
        let why = outcome.refused.iter().chain(&outcome.broken);
        let why: Vec<&String> = why.collect();
        wrong.push(format!(
            "{} differs without its fault: {why:?}{}",
            outcome.name,
            told.join("\n")
        ));
    }
    assert!(wrong.is_empty(), "{}: {}", faults.server, wrong.join("\n"));
}

#[test]
fn every_fault_of_the_nginx_importer_is_seen() {
    every_fault_is_seen(&FAULTS[0]);
}

#[test]
fn every_fault_of_the_apache_importer_is_seen() {
    every_fault_is_seen(&FAULTS[1]);
}

#[test]
fn every_fault_of_the_haproxy_importer_is_seen() {
    every_fault_is_seen(&FAULTS[2]);
}

/// A fault as files of their own, for `wsgen migrate`: what stands in the file, and what is read.
pub(crate) fn written(
    faults: &Faults,
    misread: &Misread,
    folder: &std::path::Path,
) -> [PathBuf; 2] {
    let frame = (faults.frame)();
    [("original", &misread.original), ("read", &misread.read)].map(|(name, text)| {
        let mut text = text.replace("@site@", "s0");
        for number in 1..=4 {
            let listener = format!("127.0.0.1:{}", 8080 + number);
            let server = format!("192.0.2.{number}:9000");
            text = text.replace(&format!("@listen{number}@"), &listener);
            text = text.replace(&format!("@server{number}@"), &server);
        }
        let text = text.replace("@users@", "/etc/wsgen/users");
        let path = folder.join(format!("{name}.conf"));
        std::fs::write(&path, format!("{}{text}{}", frame.head, frame.tail)).unwrap();
        path
    })
}
