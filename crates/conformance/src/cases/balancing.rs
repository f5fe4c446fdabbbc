//! Which server of an upstream gets what.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::case::cases;
use crate::peer::{Teller, handshake};
use crate::stage::{Server, Stage};
use crate::verdict::{Verdict, check, equal};

/// Three servers and a target in front of them, with settings of the upstream and of single servers.
async fn three(
    stage: &Stage,
    upstream: &str,
    more: [&str; 3],
) -> Verdict<(Arc<Server>, Vec<Teller>)> {
    let tellers =
        [Teller::bind("one").await?, Teller::bind("two").await?, Teller::bind("three").await?];
    let servers: Vec<_> = tellers
        .iter()
        .zip(more)
        .map(|(teller, more)| format!("{{address: \"{}\"{more}}}", teller.address()))
        .collect();
    let model = format!(
        "version: 1\nlisteners: [{{name: web, address: \"LISTEN\"}}]\n\
         upstreams: {{app: {{servers: [{}]{upstream}}}}}\nroutes: [{{upstream: app}}]\n",
        servers.join(", ")
    );
    Ok((stage.start(&model).await?, tellers.into()))
}

/// Who answers so many requests, and how often.
async fn tally(
    server: &Server,
    requests: usize,
    path: &str,
    fields: &str,
) -> Verdict<BTreeMap<String, usize>> {
    let mut tally = BTreeMap::new();
    for _ in 0..requests {
        *tally.entry(server.seen(&format!("GET {path}"), fields).await?.by).or_default() += 1;
    }
    Ok(tally)
}

fn of(tally: &BTreeMap<String, usize>, name: &str) -> usize {
    tally.get(name).copied().unwrap_or(0)
}

cases! { "balancing";
    /// `round_robin` gives every server its turn.
    ///
    /// Sent: twelve requests to three servers. Seen: every server, four times each, or nearly where processes take turns apart.
    [BALANCE_POLICY, BalanceRoundRobin]
    async fn round_robin(stage) {
        let (server, _tellers) = three(stage, ", load_balancing: {policy: round_robin}", ["", "", ""]).await?;
        let tally = tally(&server, 12, "/", "").await?;
        let fair = ["one", "two", "three"].iter().all(|name| (2..=6).contains(&of(&tally, name)));
        check(fair, "each about four times", format!("{tally:?}"))?;
    }

    /// A weight is a share.
    ///
    /// Sent: forty requests, of three servers one weighs 8 and two weigh 1. Seen: most of them at the first.
    [BALANCE_POLICY, BalanceRoundRobin, Weight]
    async fn weights(stage) {
        let (server, _tellers) = three(stage, ", load_balancing: {policy: round_robin}", [", weight: 8", "", ""]).await?;
        let tally = tally(&server, 40, "/", "").await?;
        check((26..=36).contains(&of(&tally, "one")), "about 32 of 40 at the first", format!("{tally:?}"))?;
    }

    /// `least_conn` counts open tunnels.
    ///
    /// Sent: three tunnels, of which two end, then two more. Seen: one each, then none at the server that is still busy.
    [BALANCE_POLICY, BalanceLeastConn]
    async fn least_conn_counts_tunnels(stage) {
        let (server, _tellers) = three(stage, ", load_balancing: {policy: least_conn}", ["", "", ""]).await?;
        let mut open: BTreeMap<String, _> = BTreeMap::new();
        for _ in 0..3 {
            let mut client = server.connect().await?;
            let head = handshake::open(&mut client, "/").await?;
            open.insert(head.field("x-teller").unwrap_or_default(), client);
        }
        equal("servers with a tunnel", open.len(), 3)?;
        open.retain(|name, _| name == "two");
        tokio::time::sleep(Duration::from_millis(300)).await;
        for _ in 0..2 {
            let mut client = server.connect().await?;
            let head = handshake::open(&mut client, "/").await?;
            let name = head.field("x-teller").unwrap_or_default();
            check(name != "two", "a server that is not busy", &name)?;
            open.insert(name, client);
        }
    }

    /// `random` reaches everybody in the end.
    ///
    /// Sent: sixty requests. Seen: every server.
    [BALANCE_POLICY, BalanceRandom]
    async fn random(stage) {
        let (server, _tellers) = three(stage, ", load_balancing: {policy: random}", ["", "", ""]).await?;
        let tally = tally(&server, 60, "/", "").await?;
        equal("servers", tally.len(), 3)?;
    }

    /// `ip_hash` keeps a client at its server.
    ///
    /// Sent: ten requests and handshakes of one client. Seen: one server.
    [BALANCE_POLICY, BalanceIpHash]
    async fn ip_hash(stage) {
        let (server, _tellers) = three(stage, ", load_balancing: {policy: ip_hash}", ["", "", ""]).await?;
        let first = server.reaches("/", "").await?;
        for _ in 0..5 {
            equal("the server", server.reaches("/", "").await?, first.clone())?;
        }
    }

    /// `hash` keeps a key at its server, and spreads keys.
    ///
    /// Sent: requests with thirty values of a field, three times each. Seen: one server for each value, several for all.
    [BALANCE_POLICY, BalanceHash]
    async fn hash_of_a_field(stage) {
        let (server, _tellers) = three(stage, ", load_balancing: {policy: hash, key: \"header:X-Room\"}", ["", "", ""]).await?;
        let mut all = BTreeMap::new();
        for room in 0..30 {
            let tally = tally(&server, 3, "/", &format!("X-Room: {room}\r\n")).await?;
            equal(&format!("servers of room {room}"), tally.len(), 1)?;
            all.extend(tally);
        }
        check(all.len() > 1, "several servers", format!("{all:?}"))?;
    }

    /// `hash` by a parameter keeps the members of a room together.
    ///
    /// Sent: handshakes and requests with one `room`. Seen: one server.
    [BALANCE_POLICY, BalanceHash]
    async fn hash_of_a_parameter(stage) {
        let (server, _tellers) = three(stage, ", load_balancing: {policy: hash, key: \"query:room\"}", ["", "", ""]).await?;
        for room in ["blue", "green", "red"] {
            let first = server.reaches(&format!("/?room={room}"), "").await?;
            let again = server.reaches(&format!("/?x=1&room={room}&y"), "").await?;
            equal(&format!("the server of {room}"), again, first)?;
        }
    }

    /// A backup gets nothing while another server can.
    ///
    /// Sent: twenty requests. Seen: none at the backup.
    [BALANCE_BACKUP, Backup]
    async fn backup_waits(stage) {
        let (server, _tellers) = three(stage, "", ["", "", ", backup: true"]).await?;
        let tally = tally(&server, 20, "/", "").await?;
        equal("requests at the backup", of(&tally, "three"), 0)?;
    }

    /// A backup takes over when nobody else can.
    ///
    /// Sent: requests while the only other server is not there. Seen: answers of the backup.
    [BALANCE_BACKUP, Backup, Retries]
    async fn backup_takes_over(stage) {
        let (app, nowhere) = (Teller::bind("backup").await?, stage.nowhere()?);
        let server = stage
            .start(&format!(
                "version: 1\nlisteners: [{{name: web, address: \"LISTEN\"}}]\n\
                 upstreams: {{app: {{servers: [\"{}\", {{address: \"{}\", backup: true}}]}}}}\nroutes: [{{upstream: app, retries: {{attempts: 2}}}}]\n",
                nowhere.address(), app.address()
            ))
            .await?;
        let mut last = String::new();
        for _ in 0..30 {
            last = server.seen("GET /", "").await?.by;
            if last == "backup" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        equal("who answers", last.as_str(), "backup")?;
        equal("a handshake", server.seen_by_socket("/", "").await?.by.as_str(), "backup")?;
    }

    /// A sticky client is told its server on the first answer, on a 101 too, and stays there.
    ///
    /// Sent: a handshake without the cookie, then handshakes and requests with it. Seen: a cookie, then one server.
    [STICKY_VISIBLE, Sticky]
    async fn sticky(stage) {
        let (server, _tellers) = three(stage, ", sticky: {cookie: {name: node}}", ["", "", ""]).await?;
        let first = server.seen_by_socket("/", "").await?;
        let set = first.answer.field("set-cookie").unwrap_or_default();
        check(set.starts_with("node="), "a cookie on the 101", &set)?;
        let cookie = format!("Cookie: other=1; {}\r\n", set.split(';').next().unwrap_or_default());
        for _ in 0..6 {
            equal("the server", server.reaches("/", &cookie).await?, first.by.clone())?;
        }
    }

    /// Without the cookie clients are spread.
    ///
    /// Sent: requests of many clients without the cookie. Seen: several servers.
    [STICKY_VISIBLE, Sticky]
    async fn sticky_spreads_new_clients(stage) {
        let (server, _tellers) = three(stage, ", sticky: {cookie: {name: node}}", ["", "", ""]).await?;
        let tally = tally(&server, 24, "/", "").await?;
        check(tally.len() > 1, "several servers", format!("{tally:?}"))?;
    }

    /// A choice that nobody knows is made anew.
    ///
    /// Sent: a cookie with a made-up value. Seen: an answer, and another cookie.
    [STICKY_REBALANCE, Sticky]
    async fn sticky_forgets_strangers(stage) {
        let (server, _tellers) = three(stage, ", sticky: {cookie: {name: node}}", ["", "", ""]).await?;
        let seen = server.seen_by_socket("/", "Cookie: node=nobody\r\n").await?;
        equal("the status", seen.status, 101)?;
        let set = seen.answer.field("set-cookie").unwrap_or_default();
        check(set.starts_with("node=") && !set.starts_with("node=nobody"), "another cookie", set)?;
    }

    /// A choice whose server is gone is made anew.
    ///
    /// Sent: the cookie of a server that has gone. Seen: another server answers.
    [STICKY_REBALANCE, Sticky, Retries]
    async fn sticky_survives_its_server(stage) {
        let (server, mut tellers) = three(stage, ", sticky: {cookie: {name: node}}", ["", "", ""]).await?;
        let first = server.seen("GET /", "").await?;
        let cookie = first.answer.field("set-cookie").unwrap_or_default();
        let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap_or_default());
        let names = ["one", "two", "three"];
        let at = names.iter().position(|name| *name == first.by).unwrap_or(0);
        drop(tellers.remove(at));
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let next = server.seen("GET /", &cookie).await?;
            if next.status == 200 {
                check(next.by != first.by, "another server", next.by)?;
                return Ok(());
            }
            check(Instant::now() < deadline, "another server within 10 s", next.status)?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
