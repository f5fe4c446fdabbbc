//! What a server asks of its clients in TLS: versions, and certificates.

use wsgen_model::scalar::FilePath;

use super::scope::{Chain, Importer};
use super::server::Server;
use crate::import::draft::Draft;
use crate::import::ledger::Id;
use crate::targets::nginx::syntax::{Protocol, Statement, VerifyClient};

/// Why a directive about clients' certificates is lost that names no authority.
const NO_AUTHORITY: &str = "the authorities of clients are not named";

impl Importer<'_> {
    /// The profile of the versions that `ssl_protocols` names.
    pub(super) fn profile(&mut self, chain: &Chain, tls: &mut Draft) {
        let Some(id) = self.setting(chain, "ssl_protocols") else { return };
        let protocols = match &self.tree.all[id].value {
            Ok(Statement::Protocols(protocols)) => protocols.clone(),
            Ok(_) => return,
            Err(unread) => {
                let why = unread.why.clone();
                return self.ledger.lost(id, &why);
            }
        };
        self.ledger.taken(id, "tls.profile");
        let has = |protocol: Protocol| protocols.contains(&protocol);
        let (new, newest) = (has(Protocol::Tls12), has(Protocol::Tls13));
        if protocols.iter().any(|protocol| *protocol < Protocol::Tls12) {
            if !new && !newest {
                self.differs(id, "the profile offers TLS 1.2 and 1.3 too");
            }
            tls.set(&["profile"], "old");
        } else if newest && !new {
            tls.set(&["profile"], "modern");
        }
    }

    /// Whether clients show a certificate, by the directive that says so.
    fn verifies(&self, chain: &Chain) -> (VerifyClient, Option<Id>) {
        let id = self.setting(chain, "ssl_verify_client");
        let verify = id.map(|id| &self.tree.all[id].value);
        match verify {
            Some(Ok(Statement::VerifyClient(verify))) => (*verify, id),
            // Something is asked for, and nobody knows what.
            Some(_) => (VerifyClient::On, id),
            None => (VerifyClient::Off, None),
        }
    }

    /// The certificates that clients of a listener show.
    pub(super) fn client_certificates(&mut self, chain: &Chain, tls: &mut Draft) {
        let (verify, Some(id)) = self.verifies(chain) else { return };
        let mode = match verify {
            VerifyClient::Off => {
                for name in ["ssl_client_certificate", "ssl_trusted_certificate"] {
                    if let Some(id) = self.setting(chain, name) {
                        self.ledger.taken(id, "tls.client_auth.ca");
                    }
                }
                return self.ledger.taken(id, "tls.client_auth.mode");
            }
            VerifyClient::OptionalNoCa => {
                let why =
                    "the model asks for certificates of authorities that are named, not for any";
                return self.ledger.opens(id, why);
            }
            VerifyClient::On => "require",
            VerifyClient::Optional => "optional",
        };
        let ca = self
            .setting(chain, "ssl_client_certificate")
            .or_else(|| self.setting(chain, "ssl_trusted_certificate"));
        let Some(ca) = ca else { return self.ledger.opens(id, NO_AUTHORITY) };
        match self.value::<FilePath>(ca, 0) {
            Some(file) => {
                self.ledger.taken(id, "tls.client_auth.mode");
                self.ledger.taken(ca, "tls.client_auth.ca");
                tls.set(&["client_auth", "mode"], mode);
                tls.set(&["client_auth", "ca"], file);
            }
            None => self.ledger.opens(id, NO_AUTHORITY),
        }
    }

    /// The directive of a server that asks clients for certificates, where the first server of an address does not: the model
    /// asks all clients of a listener alike, so that requests for this server are refused.
    pub(super) fn unasked(&mut self, server: &Server, first: &Server) -> Option<Id> {
        let (own, id) = self.verifies(&server.chain);
        let (of_all, first_id) = self.verifies(&first.chain);
        if own == of_all {
            if let Some(id) = id {
                self.ledger.taken(id, "tls.client_auth.mode");
            }
            return None;
        }
        if own == VerifyClient::Off {
            if let Some(id) = first_id {
                let how = "the model asks the clients of every server of this address for a certificate; nginx those of this server alone";
                self.differs(id, how);
            }
            return None;
        }
        let id = id?;
        let why = "the model asks all clients of a listener for the same certificate, and the first server of this address asks for another or none: requests for this server get 502";
        self.ledger.opens(id, why);
        Some(id)
    }
}
