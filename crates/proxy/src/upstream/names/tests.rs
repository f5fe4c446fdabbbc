//! Names against a name server of the test that loses, refuses, cuts and forges answers.

#![allow(clippy::disallowed_methods, reason = "tests start tasks and threads of their own")]

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::*;

const A: u8 = 1;
const AAAA: u8 = 28;
const OK: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

/// A question as it came: the bytes of its message up to the end of the question.
struct Question {
    bytes: Vec<u8>,
    kind: u8,
    tcp: bool,
    /// How many came before, of any kind.
    number: usize,
}

impl Question {
    /// Whether it is for this name.
    fn asks(&self, name: &str) -> bool {
        self.bytes[12..].starts_with(&wire(name))
    }

    /// An answer with a code and records: name (a pointer), type, class, TTL, data.
    fn answer(&self, code: u8, records: &[Vec<u8>]) -> Vec<u8> {
        let mut out = self.bytes.clone();
        let count = u8::try_from(records.len()).unwrap();
        out[2..12].copy_from_slice(&[0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
        out.extend(records.concat());
        out
    }
}

/// A name in the form of the wire (RFC 1035 section 3.1).
fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| {
        [vec![u8::try_from(label.len()).unwrap()], label.as_bytes().to_vec()].concat()
    });
    labels.chain([0]).collect()
}

/// A record of the name that was asked for.
fn record(kind: u8, ttl: u8, data: &[u8]) -> Vec<u8> {
    let head = [0xc0, 0x0c, 0, kind, 0, 1, 0, 0, 0, ttl, 0, u8::try_from(data.len()).unwrap()];
    [&head[..], data].concat()
}

fn one_two_three(last: u8) -> Vec<u8> {
    record(A, 60, &[127, 1, 2, last])
}

/// Starts a name server; each question has the answers that the function gives, in that order.
fn serve(answers: impl Fn(&Question) -> Vec<Vec<u8>> + Send + Sync + 'static) -> SocketAddr {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    let number = AtomicUsize::new(0);
    let answers = Arc::new(move |message: &[u8], tcp: bool| {
        let end = 12 + message[12..].iter().position(|b| *b == 0).unwrap() + 5;
        let number = number.fetch_add(1, Ordering::Relaxed);
        let (bytes, kind) = (message[..end].to_vec(), message[end - 3]);
        answers(&Question { bytes, kind, tcp, number })
    });
    let same = answers.clone();
    std::thread::spawn(move || {
        let mut message = [0; 1500];
        while let Ok((length, from)) = udp.recv_from(&mut message) {
            for answer in same(&message[..length], false) {
                let _ = udp.send_to(&answer, from);
            }
        }
    });
    std::thread::spawn(move || {
        for stream in tcp.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            if stream.read_exact(&mut length).is_err() {
                continue;
            }
            let mut message = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut message).unwrap();
            for answer in answers(&message, true) {
                let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                let _ = stream.write_all(&[&length[..], &answer].concat());
            }
        }
    });
    address
}

async fn answer_of(servers: &[SocketAddr]) -> Result<Answer, NetError> {
    ask(&TokioRuntimeProvider::default(), servers, "app.internal", RecordType::A).await
}

async fn asked(servers: &[SocketAddr]) -> Option<Vec<IpAddr>> {
    answer_of(servers).await.ok().map(|answer| answer.addresses)
}

fn local(last: u8) -> IpAddr {
    [127, 1, 2, last].into()
}

#[tokio::test]
async fn lost_questions_are_repeated() {
    let server = serve(|question| match question.number {
        0 | 1 => vec![],
        _ => vec![question.answer(OK, &[one_two_three(3)])],
    });
    assert_eq!(asked(&[server]).await, Some(vec![local(3)]));
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_fails() {
    let good = serve(|question| vec![question.answer(OK, &[one_two_three(3)])]);
    for code in [SERVFAIL, REFUSED] {
        let bad = serve(move |question| vec![question.answer(code, &[])]);
        assert_eq!(asked(&[bad, good]).await, Some(vec![local(3)]), "{code}");
        assert_eq!(asked(&[bad]).await, None, "{code}");
    }
    let silent = serve(|_| vec![]);
    assert_eq!(asked(&[silent, good]).await, Some(vec![local(3)]));
    assert_eq!(asked(&[silent]).await, None);
}

#[tokio::test]
async fn there_is_none_and_nobody_knows_are_told_apart() {
    for code in [OK, NXDOMAIN] {
        let server = serve(move |question| vec![question.answer(code, &[])]);
        assert_eq!(asked(&[server]).await, Some(vec![]), "{code}");
    }
    // A referral: no answer, and the name of another name server.
    let server = serve(|question| {
        let mut answer = question.answer(OK, &[]);
        answer[9] = 1;
        answer.extend([&[0, 0, 2, 0, 1, 0, 0, 0, 9, 0, 4][..], b"\x02ns\0"].concat());
        vec![answer]
    });
    assert_eq!(asked(&[server]).await, None);
}

#[tokio::test]
async fn what_does_not_fit_is_asked_for_by_tcp() {
    let server = serve(|question| {
        if question.tcp {
            let all: Vec<_> = (0..200).map(one_two_three).collect();
            return vec![question.answer(OK, &all)];
        }
        let mut cut = question.answer(OK, &[one_two_three(3)]);
        cut[2] |= 2;
        vec![cut]
    });
    assert_eq!(asked(&[server]).await.map(|all| all.len()), Some(200));
}

#[tokio::test]
async fn aliases_are_followed() {
    let alias = |to: &[u8]| record(5, 60, to);
    let together = serve(move |question| {
        let to = wire("b.internal");
        let mut address = one_two_three(4);
        address.splice(0..2, to.clone());
        vec![question.answer(OK, &[alias(&to), address])]
    });
    assert_eq!(asked(&[together]).await, Some(vec![local(4)]));
    let apart = serve(move |question| {
        let records = if question.asks("b.internal") {
            vec![one_two_three(5)]
        } else {
            vec![alias(&wire("b.internal"))]
        };
        vec![question.answer(OK, &records)]
    });
    assert_eq!(asked(&[apart]).await, Some(vec![local(5)]));
    // An address of a name that nobody asked for.
    let strange = serve(|question| {
        let mut address = one_two_three(6);
        address.splice(0..2, wire("other.internal"));
        vec![question.answer(OK, &[address])]
    });
    assert!(asked(&[strange]).await.unwrap_or_default().is_empty());
}

/// Beside an address of the name, addresses of other names and kinds were taken too.
#[tokio::test]
async fn addresses_of_other_names_and_kinds_are_left_out() {
    let strange = |last: u8| {
        let mut address = one_two_three(last);
        address.splice(0..2, wire("other.internal"));
        address
    };
    let beside = serve(move |question| {
        let six = record(AAAA, 60, &[0xfd; 16]);
        vec![question.answer(OK, &[strange(6), one_two_three(3), six])]
    });
    assert_eq!(asked(&[beside]).await, Some(vec![local(3)]));
    let behind_an_alias = serve(move |question| {
        let to = wire("b.internal");
        let mut address = one_two_three(4);
        address.splice(0..2, to.clone());
        vec![question.answer(OK, &[strange(6), record(5, 60, &to), strange(7), address])]
    });
    assert_eq!(asked(&[behind_an_alias]).await, Some(vec![local(4)]));
}

#[tokio::test]
async fn answers_to_other_questions_are_dropped() {
    let server = serve(|question| {
        let good = question.answer(OK, &[one_two_three(3)]);
        let (mut other, mut forged) = (good.clone(), question.answer(OK, &[one_two_three(9)]));
        other[0] ^= 1;
        forged[13] = b'x';
        vec![other, forged, good]
    });
    assert_eq!(asked(&[server]).await, Some(vec![local(3)]));
}

#[tokio::test]
async fn answers_hold_as_long_as_they_say() {
    let server = serve(|question| vec![question.answer(OK, &[one_two_three(3)])]);
    let answer = answer_of(&[server]).await.unwrap();
    let ttl = answer.ttl.unwrap();
    assert!(ttl <= Duration::from_mins(1) && ttl > Duration::from_secs(30), "{ttl:?}");
}

/// A name that is followed with an answer that is used for a second.
fn followed(server: SocketAddr) -> (Moving, tokio::task::JoinHandle<()>) {
    let model = format!(
        "version: 1\nresolver: {{nameservers: [\"{server}\"], valid: 1s}}\n\
         listeners: [{{name: web, address: \"127.0.0.1:80\"}}]\n\
         upstreams: {{app: {{servers: [{{address: \"app.internal:81\", resolve: runtime}}]}}}}\nroutes: [{{upstream: app}}]\n"
    );
    let sources = wsgen_model::source::Sources::single("model.yaml", &model);
    let site = wsgen_model::read(&sources).0.unwrap();
    let name = Moving::new("app.internal".to_owned(), 81);
    let following = tokio::spawn(name.clone().follow(site.resolver.unwrap()));
    (name, following)
}

/// `balance/resolve`: a lost or failed answer beside an empty one took all servers away, until the next round.
#[tokio::test]
async fn the_last_good_answer_stays() {
    let fails = Arc::new(AtomicBool::new(false));
    let failed = Arc::new(AtomicUsize::new(0));
    let (state, count) = (fails.clone(), failed.clone());
    let server = serve(move |question| match question.kind {
        AAAA => vec![question.answer(OK, &[])],
        _ if state.load(Ordering::Relaxed) => match count.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => vec![question.answer(SERVFAIL, &[])],
            _ => vec![],
        },
        _ => vec![question.answer(OK, &[one_two_three(3)])],
    });
    let (name, following) = followed(server);
    let there: Arc<[SocketAddr]> = [SocketAddr::new(local(3), 81)].into();
    assert_eq!(name.addresses().await, there);
    fails.store(true, Ordering::Relaxed);
    let deadline = Instant::now() + Duration::from_secs(30);
    while failed.load(Ordering::Relaxed) < 4 {
        assert!(Instant::now() < deadline, "it is not asked again");
        assert_eq!(name.addresses().await, there);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((name.addresses().await, name.changes()), (there, 1));
    following.abort();
}

#[tokio::test]
async fn a_name_that_is_gone_has_no_addresses_and_turned_answers_move_nobody() {
    let last = Arc::new(Mutex::new(vec![3, 4]));
    let now = last.clone();
    let server = serve(move |question| {
        let mut all = now.lock().unwrap();
        all.reverse();
        let records: Vec<_> = all.iter().map(|last| record(A, 0, &[127, 1, 2, *last])).collect();
        let records = if question.kind == A { records } else { Vec::new() };
        let code = if all.is_empty() { NXDOMAIN } else { OK };
        vec![question.answer(code, &records)]
    });
    let (name, following) = followed(server);
    assert_eq!(name.addresses().await.len(), 2);
    let first = name.addresses().await[0];
    let deadline = Instant::now() + Duration::from_secs(30);
    while name.addresses().await[0] == first {
        assert!(Instant::now() < deadline, "the order stays");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(name.changes(), 1);
    last.lock().unwrap().clear();
    while !name.addresses().await.is_empty() {
        assert!(Instant::now() < deadline, "it is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    following.abort();
}
