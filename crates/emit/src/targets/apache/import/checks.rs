//! How servers are checked (`mod_proxy_hcheck`) and verified (`mod_ssl`).

use wsgen_model::decode::Scalar;
use wsgen_model::scalar::FilePath;

use super::scope::{Chain, Importer};
use super::upstream::Member;
use crate::import::draft::Draft;
use crate::import::measure;
use crate::targets::apache::syntax::setting::time;

impl Importer<'_> {
    /// Checks by `mod_proxy_hcheck`.
    pub(super) fn checks(&mut self, members: &[Member], fields: &mut Draft) {
        let Some(member) =
            members.iter().find(|m| m.parameters.iter().any(|p| p.key == "hcmethod"))
        else {
            return;
        };
        let get = |key: &str| {
            member.parameters.iter().find(|known| known.key == key).map(|known| known.value.clone())
        };
        let mut check = Draft::map();
        match get("hcmethod").unwrap_or_default().to_ascii_uppercase().as_str() {
            "TCP" => check.set(&["type"], "tcp"),
            "NONE" | "CPING" | "PROVIDER" => return,
            _ => {
                let path = get("hcuri").unwrap_or_else(|| "/".to_owned());
                check.set(&["type"], "http");
                check.set(&["path"], path);
            }
        }
        if let Some(millis) = get("hcinterval").and_then(|text| time(&text)) {
            check.set(&["interval"], measure::duration(millis.max(1000)));
        }
        for (key, field) in [("hcpasses", "healthy_threshold"), ("hcfails", "unhealthy_threshold")]
        {
            if let Some(number) = get(key).and_then(|text| text.parse::<u64>().ok()) {
                check.set(&[field], number.clamp(1, 100));
            }
        }
        let named = get("hcexpr").and_then(|name| {
            (0..self.all.len())
                .find(|id| self.all[*id].name == "proxyhcexpr" && self.word(*id, 0) == name)
        });
        if let Some(id) = named {
            let text = self.texts(id).get(1..).unwrap_or_default().join(" ");
            let list = text.split_once("=~ /^(").and_then(|(_, rest)| rest.split_once(")$/"));
            let list = list.map(|(list, _)| list.split('|').map(str::parse::<u64>));
            match list.and_then(|list| list.collect::<Result<Vec<_>, _>>().ok()) {
                Some(list) if text.contains("REQUEST_STATUS") => {
                    self.ledger.taken(id, "health_check.expect_status");
                    check.set(&["expect_status"], list);
                }
                _ => self.ledger.lost(id, "what an answer must be is told by its status"),
            }
        }
        fields.set(&["health_check"], check);
    }

    /// Apache verifies nothing unless it is told to, but names and dates once it is.
    pub(super) fn upstream_tls(&mut self, chain: &Chain) -> Draft {
        let mut tls = Draft::map();
        for name in [
            "sslproxyengine",
            "sslproxycheckpeername",
            "sslproxycheckpeercn",
            "sslproxycheckpeerexpire",
            "sslproxyverifydepth",
        ] {
            if let Some(id) = self.setting(chain, name) {
                self.ledger.taken(id, "tls.verify");
            }
        }
        let verify = self.setting(chain, "sslproxyverify");
        let verifies = verify.is_some_and(|id| self.word(id, 0).eq_ignore_ascii_case("require"));
        if let Some(id) = verify {
            self.ledger.taken(id, "tls.verify");
        }
        tls.set(&["verify"], verifies);
        if let Some(id) = self.setting(chain, "sslproxycacertificatefile") {
            let text = self.word(id, 0).to_owned();
            if FilePath::parse(&text).is_ok() {
                self.ledger.taken(id, "tls.ca");
                if verifies {
                    tls.set(&["ca"], text);
                }
            }
        }
        tls
    }
}
