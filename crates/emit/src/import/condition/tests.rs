//! What conditions say together and turned round.

use super::*;

fn path(text: &str) -> Condition {
    let paths = PathMatcher::prefix(text).into_iter().collect();
    Condition::of(Clause { paths, ..Clause::default() })
}

fn host(name: &str) -> Condition {
    Condition::of(Clause { hosts: vec![name.to_owned()], ..Clause::default() })
}

fn tls(on: bool) -> Condition {
    Condition::of(Clause { tls: Some(on), ..Clause::default() })
}

#[test]
fn negation_turns_every_term() {
    let either = path("/a").or(&path("/b")).not();
    assert_eq!(either.clauses()[0].not_paths.len(), 2);
    assert_eq!(tls(true).not(), tls(false));
    assert!(tls(true).and(&tls(true).not()).is_never());
    assert!(Condition::always().not().is_never() && Condition::never().not().is_always());
    // Not both is either not: two clauses.
    let both = path("/a").and(&tls(true)).not();
    assert_eq!(both.clauses().len(), 2);
    assert!(both.is_read());
    assert_eq!(path("/a").not().not(), path("/a"));
}

#[test]
fn what_the_model_cannot_say_is_never_dropped() {
    let unread = Condition::unread();
    assert!(!unread.is_read() && !unread.not().is_read() && !unread.is_always());
    assert!(!path("/a").and(&unread).is_read());
    assert_eq!(path("/a").and(&unread).clauses()[0].paths.len(), 1);
    assert!(path("/a").and(&path("/b")).is_never());
    assert_eq!(path("/a").and(&path("/a/b")), path("/a/b"));
    let paths = PathMatcher::regex("\\.js$").into_iter().collect();
    let script = Condition::of(Clause { paths, ..Clause::default() });
    assert!(!path("/a").and(&script).is_read());
    let method = Clause { methods: vec!["GET".to_owned()], ..Clause::default() };
    assert!(!Condition::of(method).not().is_read());
    let field = |value: &str| Clause {
        headers: vec![("x".to_owned(), Some(value.to_owned()))],
        ..Clause::default()
    };
    assert!(!Condition::of(field("a")).and(&Condition::of(field("b"))).is_read());
    // A text that no model may hold makes the clause a part of what is meant.
    let wrong = Condition::of(field("a\n"));
    assert!(!wrong.is_read() && wrong.clauses()[0].headers.is_empty());
    // A condition that holds for all requests holds whatever else is unread.
    assert!(unread.or(&Condition::always()).is_always());
}

#[test]
fn a_complement_is_exact() {
    let of = |clause: Clause| Condition::of(clause);
    let get = of(Clause { methods: vec!["GET".to_owned()], ..Clause::default() });
    let field = |value: Option<&str>| {
        let headers = vec![("x".to_owned(), value.map(str::to_owned))];
        of(Clause { headers, ..Clause::default() })
    };
    assert!(get.complement().is_read() && get.and(&get.complement()).is_never());
    assert_eq!(get.complement().complement(), get);
    assert!(field(Some("a")).and(&field(None).complement()).is_never());
    assert!(!field(Some("a")).and(&field(Some("b")).complement()).is_never());
    let either =
        of(Clause { methods: vec!["GET".to_owned(), "POST".to_owned()], ..Clause::default() });
    assert_eq!(either.and(&get.complement()).clauses()[0].methods, ["POST"]);
    let both = path("/a").and(&field(None)).complement();
    assert!(both.is_read() && both.clauses().len() == 2);
    assert!(!path("/a").and(&Condition::unread()).complement().is_read());
    assert!(
        Condition::always().complement().is_never() && Condition::never().complement().is_always()
    );
}

#[test]
fn hosts_meet_only_by_name() {
    assert!(host("a.test").and(&host("b.test")).is_never());
    assert_eq!(host("*.a.test").and(&host("b.a.test")), host("b.a.test"));
    assert!(host("*.a.test").and(&host("a.test")).is_never());
    assert!(host("a.test").and(&host("a.test")).is_read());
    assert!(host("a.test").and(&host("*.test").not()).is_never());
    assert!(path("/a/b").and(&path("/a").not()).is_never());
    assert!(!host("*.test").and(&host("a.test").not()).is_never());
}

#[test]
fn many_clauses_are_partly_read() {
    let mut all = Condition::never();
    for number in 0..100 {
        all = all.or(&path(&format!("/{number}")));
    }
    assert!(!all.is_read());
}
