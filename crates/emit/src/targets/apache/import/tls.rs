//! Certificates, and what is asked of clients.

use wsgen_model::code::Code;
use wsgen_model::decode::Scalar;
use wsgen_model::scalar::FilePath;

use super::scope::{Chain, Importer};
use super::vhost::Vhost;
use crate::import::draft::Draft;
use crate::import::ledger::Id;

impl Importer<'_> {
    /// The certificates of a listener: those of its first virtual host come first.
    pub(super) fn tls(&mut self, of: &[&Vhost]) -> Draft {
        let mut tls = Draft::map();
        let mut seen: Vec<(Draft, Vec<String>)> = Vec::new();
        for vhost in of {
            let chain = vhost.chain(&self.around);
            let mut pair = Draft::map();
            if let Some(id) = self.setting(&chain, "sslcertificatefile") {
                self.file(id, "tls.certificates", "certificate", &mut pair);
                // A key may stand in the file of its certificate.
                self.file(id, "tls.certificates", "key", &mut pair);
            }
            if let Some(id) = self.setting(&chain, "sslcertificatekeyfile") {
                self.file(id, "tls.certificates", "key", &mut pair);
            }
            if let Some(id) = self.setting(&chain, "sslcertificatechainfile") {
                let own = self
                    .setting(&chain, "sslcertificatefile")
                    .map(|id| self.word(id, 0).to_owned());
                self.ledger.taken(id, "tls.certificates");
                if own.as_deref() != Some(self.word(id, 0)) {
                    self.differs(
                        id,
                        "the file of a certificate holds its chain too: put both into one",
                    );
                }
            }
            if pair.get(&["certificate"]).is_none() || pair.get(&["key"]).is_none() {
                let at = vhost
                    .id
                    .map(|id| self.span(id))
                    .or_else(|| self.top.first().map(|id| self.span(*id)));
                let what = "its certificate is named elsewhere; `certificate.pem` and `certificate.key` stand for it";
                if let Some(at) = at {
                    self.ledger.say(Code::IMPORT_MISSING, at, what, "write the names of the files");
                }
                pair.set(&["certificate"], "certificate.pem");
                pair.set(&["key"], "certificate.key");
            }
            match seen.iter_mut().find(|(known, _)| *known == pair) {
                Some((_, names)) => names.extend(vhost.names.clone()),
                None => seen.push((pair, vhost.names.clone())),
            }
        }
        let mut claimed: Vec<String> = Vec::new();
        for (number, (mut pair, mut names)) in seen.into_iter().enumerate() {
            names.retain(|name| !claimed.contains(name));
            names.dedup();
            if number > 0 {
                if names.is_empty() {
                    continue;
                }
                pair.set(&["hostnames"], names.clone());
            }
            claimed.extend(names);
            tls.push(&["certificates"], pair);
        }
        self.clients(&of[0].chain(&self.around), &mut tls);
        tls
    }

    /// Protocols, and what is asked of clients.
    fn clients(&mut self, chain: &Chain, tls: &mut Draft) {
        if let Some(id) = self.setting(chain, "sslprotocol") {
            self.ledger.taken(id, "tls.profile");
            let words: Vec<String> =
                self.all[id].words.iter().map(|word| word.text.to_lowercase()).collect();
            let all = words.iter().any(|word| word == "all" || word == "+all");
            let has = |name: &str| {
                let off = words.iter().any(|word| *word == format!("-{name}"));
                let on = words.iter().any(|word| word.trim_start_matches('+') == name);
                on || (all && !off)
            };
            let profile = if has("tlsv1") || has("tlsv1.1") {
                "old"
            } else if has("tlsv1.3") && !has("tlsv1.2") {
                "modern"
            } else {
                "intermediate"
            };
            if profile != "intermediate" {
                tls.set(&["profile"], profile);
            }
        }
        let Some(id) = self.setting(chain, "sslverifyclient") else { return };
        self.ledger.taken(id, "tls.client_auth.mode");
        let mode = match self.word(id, 0).to_lowercase().as_str() {
            "none" => return,
            "require" => "require",
            _ => "optional",
        };
        let mut asked = Draft::of("mode", mode);
        if let Some(ca) = self.setting(chain, "sslcacertificatefile") {
            self.file(ca, "tls.client_auth.ca", "ca", &mut asked);
        }
        if asked.get(&["ca"]).is_some() {
            tls.set(&["client_auth"], asked);
        } else {
            self.ledger.opens(id, "the authorities of clients are not named");
        }
    }

    /// The name of a file, which the model has.
    pub(super) fn file(&mut self, id: Id, taken: &'static str, field: &str, draft: &mut Draft) {
        let text = self.word(id, 0).to_owned();
        if FilePath::parse(&text).is_ok() && !text.contains("${") {
            self.ledger.taken(id, taken);
            draft.set(&[field], text);
        } else {
            self.ledger.lost(id, "the model has no such file");
        }
    }
}
