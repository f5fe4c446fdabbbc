//! Configurations at addresses of this machine: names between `@` become ports, applications and files.
//!
//! | name | what stands there |
//! |---|---|
//! | `@site@` | a word that no other configuration of the same process has |
//! | `@listen1@`, `@listen2@`… | the address of a listener |
//! | `@tls1@`, `@tls2@`… | the same, of one that speaks TLS |
//! | `@server1@`, `@server2@`… | the address of an application |
//! | `@certificate@`, `@key@`, `@both@` | files of a certificate |
//! | `@users@` | a file of users |

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use wsgen_emit::Pair;

use crate::folder;
use crate::launch::{Place, Port};
use crate::peer::Teller;
use crate::verdict::{Trouble, Verdict};
use crate::wire::Certificate;

/// The most applications that texts can name.
const SERVERS: usize = 40;

/// The original and the model listen on the same port of two addresses, so that nothing which tells the port differs.
const ORIGINAL: Ipv4Addr = Ipv4Addr::LOCALHOST;
const IMPORTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A user whose password nobody has (SHA-256 crypt, which all servers read).
const USERS: &str = "wsgen:$5$wsgen$x0ADzcdKXZYlSWKyKb2sjrDxfjIYNJ02EObl1qvOJv/\n";

/// Applications and files that all configurations share.
#[derive(Debug)]
pub(super) struct Ground {
    tellers: Vec<Teller>,
    certificate: Pair,
    users: String,
}

/// A configuration's listener, on both servers.
#[derive(Debug)]
pub(super) struct Listener {
    held: [Port; 2],
    pub(super) tls: bool,
}

impl Listener {
    fn reserve(tls: bool) -> Verdict<Self> {
        for _ in 0..50 {
            let one = Port::reserve_at((ORIGINAL, 0).into()).map_err(Trouble::broken)?;
            let beside = SocketAddr::new(IpAddr::V4(IMPORTED), one.address().port());
            if let Ok(other) = Port::reserve_at(beside) {
                return Ok(Self { held: [one, other], tls });
            }
        }
        Err(Trouble::broken("no port is free on two addresses"))
    }

    /// Where the original listens.
    pub(super) fn original(&self) -> SocketAddr {
        self.held[0].address()
    }

    /// Where the model listens.
    pub(super) fn imported(&self) -> SocketAddr {
        self.held[1].address()
    }
}

impl Ground {
    /// Starts the applications and writes the files.
    pub(super) async fn new(folder: &Path) -> Verdict<Self> {
        let mut tellers = Vec::new();
        for number in 1..=SERVERS {
            tellers.push(Teller::bind(&server_name(number)).await?);
        }
        let made = Certificate::new(&["wsgen.test"])?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            let here = Place::Here("server".into());
            folder::write(&path, text.as_bytes(), &here).map_err(Trouble::broken)?;
            Ok(path.display().to_string())
        };
        let certificate = Pair {
            certificate: write("certificate.pem", &made.chain)?,
            key: write("certificate.key", &made.key)?,
            both: write("both.pem", &format!("{}{}", made.chain, made.key))?,
        };
        Ok(Self { tellers, certificate, users: write("users", USERS)? })
    }

    /// The name of the application at an address of a model.
    pub(super) fn application(&self, address: &str) -> Option<String> {
        let at = self.tellers.iter().position(|teller| teller.address().to_string() == address)?;
        Some(server_name(at + 1))
    }

    /// Puts a text into its place, as number so-and-so of its process, at listeners that are known or reserved now.
    pub(super) fn placed(
        &self,
        text: &str,
        number: usize,
        listeners: &mut BTreeMap<usize, Listener>,
    ) -> Verdict<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((head, tail)) = rest.split_once('@') {
            out.push_str(head);
            let name = tail.split('@').next().unwrap_or_default();
            let known = self.value(name, number, listeners)?;
            match known {
                Some(value) if tail.len() > name.len() => {
                    out.push_str(&value);
                    rest = &tail[name.len() + 1..];
                }
                _ => {
                    out.push('@');
                    rest = tail;
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(
        &self,
        name: &str,
        number: usize,
        listeners: &mut BTreeMap<usize, Listener>,
    ) -> Verdict<Option<String>> {
        let mark = |prefix: &str| name.strip_prefix(prefix).and_then(|n| n.parse::<usize>().ok());
        if let Some((listener, tls)) =
            mark("listen").map(|n| (n, false)).or_else(|| mark("tls").map(|n| (n, true)))
        {
            let reserved = match listeners.entry(listener) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(Listener::reserve(tls)?),
            };
            return Ok(Some(reserved.original().to_string()));
        }
        if let Some(server) = mark("server") {
            let at = server.checked_sub(1).and_then(|at| self.tellers.get(at));
            let teller = at.ok_or_else(|| Trouble::broken(format!("no application {server}")))?;
            return Ok(Some(teller.address().to_string()));
        }
        Ok(match name {
            "site" => Some(format!("s{number}")),
            "certificate" => Some(self.certificate.certificate.clone()),
            "key" => Some(self.certificate.key.clone()),
            "both" => Some(self.certificate.both.clone()),
            "users" => Some(self.users.clone()),
            _ => None,
        })
    }
}

fn server_name(number: usize) -> String {
    format!("server{number}")
}

/// The listeners that a text names, each once.
pub(super) fn listeners(text: &str) -> Vec<usize> {
    let mut all: Vec<usize> = text
        .split('@')
        .filter_map(|name| name.strip_prefix("listen").or_else(|| name.strip_prefix("tls")))
        .filter_map(|number| number.parse().ok())
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}
