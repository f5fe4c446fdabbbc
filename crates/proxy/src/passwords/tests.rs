//! Passwords against a verifier with a hash of the test.

#![allow(clippy::disallowed_methods, reason = "tests start tasks of their own")]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A verifier of a test: every password takes a moment and is good if it is the hash.
fn slow() -> &'static Verifier {
    Box::leak(Box::new(Verifier::new(|password, hash| {
        thread::sleep(Duration::from_millis(50));
        assert_ne!(password, "panic");
        password == hash
    })))
}

fn from(last: u8) -> IpAddr {
    [192, 0, 2, last].into()
}

/// Asks on a task of its own.
fn asked(
    verifier: &'static Verifier,
    password: &str,
    last: u8,
) -> tokio::task::JoinHandle<Verdict> {
    tokio::spawn(verifier.ask(password.to_owned(), "hash".to_owned(), from(last)))
}

#[test]
fn each_kind_of_hash_is_known() {
    let bcrypt = bcrypt::hash_with_salt("secret", 4, [7; 16]).unwrap().to_string();
    for hash in [
        // openssl passwd -6 -salt wsgensalt secret, the same with -5 and -apr1, and bcrypt of cost 4
        "$6$wsgensalt$SpV7rYiLLbZD6QJbQUKBRZJWvhLaS8LWR825Mpoy1O8wC45Zepg04ENxOsdQeahV4gW5tKeZrA/j7bw2SR/.M0",
        "$5$wsgensalt$Fhxyo.sp9Tw5OZDU/q5YxBWoLDf0Y73ONmxdOmAmnJ0",
        "$apr1$wsgensal$xprES1IaZ5/Mzrn.e4Bsu/",
        &bcrypt,
    ] {
        assert!(is_known(hash), "{hash}");
        assert!(fits("secret", hash), "{hash}");
        assert!(!fits("Secret", hash), "{hash}");
    }
    assert!(!is_known("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=") && !is_known("secret"));
}

#[tokio::test]
async fn a_verdict_is_remembered_and_computed_once() {
    static COMPUTED: AtomicUsize = AtomicUsize::new(0);
    let verifier: &'static Verifier = Box::leak(Box::new(Verifier::new(|password, hash| {
        COMPUTED.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(50));
        password == hash
    })));
    let many: Vec<_> = (0..40).map(|last| asked(verifier, "hash", last)).collect();
    for one in many {
        assert_eq!(one.await.unwrap(), Verdict::Good);
    }
    assert_eq!(asked(verifier, "other", 1).await.unwrap(), Verdict::Bad);
    assert_eq!(asked(verifier, "other", 2).await.unwrap(), Verdict::Bad);
    assert_eq!(COMPUTED.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn what_waits_is_bounded_and_clients_take_turns() {
    let verifier = slow();
    let mut crowd: Vec<_> =
        (0..SHARE + 9).map(|n| asked(verifier, &format!("wrong {n}"), 1)).collect();
    tokio::task::yield_now().await;
    let refused = crowd.split_off(SHARE + 8).pop().unwrap();
    assert_eq!(refused.await.unwrap(), Verdict::TooMany);
    // Another client is next, however many wait.
    assert_eq!(asked(verifier, "hash", 2).await.unwrap(), Verdict::Good);
    assert!(crowd.iter().filter(|one| one.is_finished()).count() < SHARE);
    for last in 3..9 {
        crowd.extend((0..SHARE).map(|n| asked(verifier, &format!("{last} {n}"), last)));
    }
    tokio::task::yield_now().await;
    assert_eq!(asked(verifier, "one more", 10).await.unwrap(), Verdict::Busy);
    assert!(verifier.state().waiting <= QUEUE);
    // Nobody waits any more: what is left takes no time.
    crowd.iter().for_each(tokio::task::JoinHandle::abort);
    let began = Instant::now();
    tokio::task::yield_now().await;
    while asked(verifier, "hash 2", 11).await.unwrap() == Verdict::Busy {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(verifier.state().asked.is_empty());
}

#[tokio::test]
async fn a_hash_that_panics_takes_nobody_with_it() {
    let verifier = slow();
    for number in 0..20 {
        assert_eq!(asked(verifier, "panic", 1).await.unwrap(), Verdict::Busy);
        let next = asked(verifier, &number.to_string(), 1);
        let next = tokio::time::timeout(Duration::from_mins(1), next).await;
        assert_eq!(next.unwrap().unwrap(), Verdict::Bad);
    }
}

/// A thread that had just found nothing to do was counted on still, and a password waited for ever.
#[tokio::test]
async fn nobody_waits_for_a_thread_that_ends() {
    let mut verifier = Verifier::new(|password, hash| password == hash);
    verifier.idle = Duration::from_millis(1);
    let verifier: &'static Verifier = Box::leak(Box::new(verifier));
    for number in 0..500 {
        let next = asked(verifier, &number.to_string(), 1);
        let next = tokio::time::timeout(Duration::from_mins(1), next).await;
        assert_eq!(next.unwrap().unwrap(), Verdict::Bad);
        tokio::time::sleep(Duration::from_micros(800 + number % 5 * 100)).await;
    }
}

#[test]
fn verdicts_are_bounded() {
    let mut state = State::default();
    for number in 0..50_000 {
        state.keep((number, 0), number == 7);
    }
    assert!(state.bad.young.len() + state.bad.old.len() <= 2 * GENERATION);
    assert_eq!(state.known(&(7, 0)), Some(Verdict::Good), "the wrong ones do not push it out");
}
