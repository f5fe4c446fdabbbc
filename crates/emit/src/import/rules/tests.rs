//! Which routes rules become.

use super::*;

/// A rule for WebSockets, for the rest or for both, of a path.
fn rule(id: Id, websocket: Option<bool>, path: &str, not: &[&str]) -> Rule {
    let clause = Clause {
        websocket,
        paths: PathMatcher::prefix(path).into_iter().collect(),
        not_paths: not.iter().filter_map(|path| PathMatcher::prefix(path)).collect(),
        ..Clause::default()
    };
    Rule {
        ids: vec![id],
        origin: String::new(),
        called: String::new(),
        bounds: Rc::new([Bound { name: "web".to_owned(), tls: false }]),
        condition: Condition::of(clause),
        fields: Draft::of("upstream", id as u64),
    }
}

/// Each route as its upstream, whether it is for WebSockets alone, and its path.
fn told(rules: &[Rule]) -> Vec<String> {
    let unmatched = Draft::of("upstream", "none");
    let tell = |route: Route| {
        let upstream = route.fields.text(&["upstream"]).unwrap_or("502").to_owned();
        let entry = route.entries.first().cloned().unwrap_or_default();
        let path = entry.path.as_ref().map_or("/", |path| match path {
            PathMatcher::Prefix(text) => text,
            PathMatcher::Exact(_) | PathMatcher::StartsWith(_) | PathMatcher::Regex(_) => "?",
        });
        let handshakes = if entry.websocket { "ws " } else { "" };
        format!("{handshakes}{path} {upstream}")
    };
    routes(rules, &unmatched).into_iter().map(tell).collect()
}

#[test]
fn handshakes_go_to_the_rule_behind_whatever_stands_ahead() {
    let behind = [rule(2, Some(false), "/b", &[]), rule(3, None, "/b", &[])];
    assert_eq!(told(&behind), ["ws /b 3", "/b 2", "/b 3"]);
    let ahead = [&[rule(1, Some(false), "/a", &[])], behind.as_slice()].concat();
    assert_eq!(told(&ahead), ["ws /a none", "/a 1", "ws /b 3", "/b 2", "/b 3"]);
    // A wider rule takes them too.
    let wide = [rule(1, Some(false), "/a", &[]), rule(2, None, "/", &[])];
    assert_eq!(told(&wide), ["ws /a 2", "/a 1", "/ 2"]);
    // Several rules share the handshakes.
    let parts =
        [rule(1, Some(false), "/", &[]), rule(2, None, "/a", &[]), rule(3, None, "/b", &[])];
    assert_eq!(told(&parts), ["ws /a 2", "ws /b 3", "ws / none", "/ 1", "/a 2", "/b 3"]);
}

#[test]
fn excluded_paths_go_to_the_rules_behind() {
    let rules =
        [rule(1, None, "/", &["/x", "/y"]), rule(2, None, "/x", &[]), rule(3, None, "/", &[])];
    assert_eq!(told(&rules), ["/x 2", "/y 3", "/ 1", "/x 2", "/ 3"]);
    let apart = [rule(1, None, "/a", &["/b"]), rule(2, None, "/", &[])];
    assert_eq!(told(&apart), ["/a 1", "/ 2"]);
    // It is for no request at all.
    assert_eq!(told(&[rule(1, None, "/", &["/"]), rule(2, None, "/", &[])]), ["/ 2"]);
}

#[test]
fn entries_are_the_same_in_any_order_of_their_fields() {
    let fields = |names: [&str; 2]| Entry {
        headers: names.map(|name| (name.to_owned(), None)).to_vec(),
        ..Entry::default()
    };
    let (one, other) = (fields(["a", "b"]), fields(["b", "a"]));
    assert_eq!(other.common(&one), Common::Both(one));
}

#[test]
fn what_one_clause_excludes_may_be_anothers() {
    let plain = Condition::of(Clause { websocket: Some(false), ..Clause::default() });
    let either = Rule { condition: plain.or(&Condition::unread()), ..rule(1, None, "/", &[]) };
    assert_eq!(told(&[either, rule(2, None, "/", &[])]), ["ws / 502", "/ 1", "/ 502", "/ 2"]);
}

#[test]
fn a_rule_that_is_not_read_in_full_refuses_its_requests() {
    let unread = Rule {
        condition: Condition::of(Clause {
            paths: PathMatcher::prefix("/a").into_iter().collect(),
            ..Clause::default()
        })
        .and(&Condition::unread()),
        ..rule(1, None, "/a", &[])
    };
    assert_eq!(told(&[unread, rule(2, None, "/", &[])]), ["/a 502", "/ 2"]);
}
