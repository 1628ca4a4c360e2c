//! Which rule holds for which request: with all that a client may try to get around one.

use serde_json::{Value, json};
use tamis_core::matching::{Match, Request};

fn holds(condition: &Value, request: &Request) -> bool {
    let rule: Match = serde_json::from_value(condition.clone()).unwrap_or_else(|error| panic!("{condition}: {error}"));
    rule.holds(request).unwrap()
}

fn path(path: &str) -> Request {
    Request::new("GET", "example.com", path)
}

fn with_headers(headers: &[(&str, &[u8])]) -> Request {
    Request { headers: headers.iter().copied().collect(), ..path("/") }
}

/// What Envoy's own router answered for the same conditions, but where the comment says otherwise: 1.36.4, 1.37.0,
/// 1.38.2, 1.39.3, 1.40.0.
#[test]
fn paths_are_what_the_router_sees() {
    let (prefix, exact) = (json!({"paths": [{"prefix": "/v1"}]}), json!({"paths": [{"exact": "/v1"}]}));
    for (raw, below, same) in [
        ("/v1", true, true),
        ("/v1?x=1", true, true),
        ("/v1/", true, false),
        ("/v1/x", true, false),
        ("/v1//x", true, false),
        ("/v1x", false, false),
        ("/v1;x", false, false),
        ("/v1%2Fx", false, false),
        ("/v1%20", false, false),
        ("/V1", false, false),
        ("//v1", false, false),
        ("/./v1", false, false),
        ("/%76%31", false, false),
        ("/x/../v1", false, false),
        ("/v", false, false),
        ("/", false, false),
        // Envoy answers these with 400 itself, or has made a path of them before it routes.
        ("/v1#a", true, true),
        ("*", false, false),
        ("", false, false),
        ("http://h/v1", false, false),
    ] {
        assert_eq!(holds(&prefix, &path(raw)), below, "prefix, {raw}");
        assert_eq!(holds(&json!({"paths": [{"prefix": "/v1/"}]}), &path(raw)), below, "prefix with a slash, {raw}");
        assert_eq!(holds(&exact, &path(raw)), same, "exact, {raw}");
    }
    assert!(holds(&json!({"paths": [{"prefix": "/"}]}), &path("//..;%")));
    assert!(!holds(&json!({"paths": [{"prefix": "/"}]}), &path("*")));
}

#[test]
fn hosts() {
    let (name, wild) = (json!({"hosts": ["example.com"]}), json!({"hosts": ["*.example.com"]}));
    for (authority, same, below) in [
        ("example.com", true, false),
        ("EXAMPLE.com", true, false),
        ("a.example.com", false, true),
        ("a.b.example.com", false, true),
        ("A.Example.COM", false, true),
        (".example.com", false, false),
        ("aexample.com", false, false),
        ("example.com.evil", false, false),
        // Envoy's virtual hosts compare the port and the dot, too; the Gateway API does not.
        ("example.com:80", true, false),
        ("example.com.", true, false),
        ("example.com.:80", true, false),
        ("a.example.com:8080", false, true),
        // No host that anybody listed.
        ("example.com..", false, false),
        ("u@example.com", false, false),
        ("example.com@evil", false, false),
        ("example.com:x", false, false),
        ("example.com:80:80", false, false),
        ("[::1]:80", false, false),
        ("", false, false),
    ] {
        let request = Request::new("GET", authority, "/");
        assert_eq!(holds(&name, &request), same, "example.com, {authority}");
        assert_eq!(holds(&wild, &request), below, "*.example.com, {authority}");
    }
    for (host, authority) in [("[::1]", "[::1]:80"), ("127.0.0.1", "127.0.0.1:80"), ("a_b.local", "A_B.LOCAL")] {
        assert!(holds(&json!({"hosts": ["x", host]}), &Request::new("GET", authority, "/")), "{host}");
    }
}

#[test]
fn methods_have_a_case() {
    let condition = json!({"methods": ["GET", "PURGE"]});
    for (method, expected) in [("GET", true), ("PURGE", true), ("get", false), ("GETX", false), ("", false)] {
        assert_eq!(holds(&condition, &Request::new(method, "h", "/")), expected, "{method}");
    }
}

#[test]
fn queries_are_decoded_and_all_looked_at() {
    let any = json!({"query": {"v": {"exact": "2"}}});
    let all = json!({"query": {"v": {"exact": "2", "of": "all"}}});
    let first = json!({"query": {"v": {"exact": "2", "of": "first"}}});
    for (raw, expected) in [
        ("/?v=2", [true, true, true]),
        ("/?v=%32", [true, true, true]),
        ("/?%76=2", [true, true, true]),
        ("/?v=2&v=1", [true, false, true]),
        ("/?v=1&v=2", [true, false, false]),
        ("/?v=1&%76=%32", [true, false, false]),
        ("/?V=2", [false; 3]),
        ("/?v=2;a=1", [false; 3]),
        ("/?v=2%00", [false; 3]),
        ("/?v=%2532", [false; 3]),
        ("/a?b?v=2", [false; 3]),
        ("/?v=2#x", [true, true, true]),
        ("/#?v=2", [false; 3]),
        ("/?v", [false; 3]),
        ("/", [false; 3]),
    ] {
        for (condition, expected) in [&any, &all, &first].into_iter().zip(expected) {
            assert_eq!(holds(condition, &path(raw)), expected, "{condition}, {raw}");
        }
    }
    assert!(holds(&json!({"query": {"a b": {"exact": "c d"}}}), &path("/?a+b=c%20d")));
    assert!(holds(&json!({"query": {"v": {"present": true}}}), &path("/?v")));
    assert!(holds(&json!({"query": {"v": {"present": false}}}), &path("/?x=v")));
}

#[test]
fn headers_sent_twice() {
    let request = with_headers(&[("x-role", b"user"), ("X-Role", b"admin")]);
    for (condition, expected) in [
        // To keep somebody out: one value is enough.
        (json!({"exact": "admin"}), true),
        (json!({"exact": "admin", "of": "any"}), true),
        // To let somebody in: all values must be right.
        (json!({"exact": "user", "of": "all"}), false),
        (json!({"prefix": "u", "of": "all"}), false),
        (json!({"contains": "e", "of": "all"}), false),
        (json!({"contains": "u", "of": "any"}), true),
        (json!({"exact": "user", "of": "first"}), true),
        (json!({"exact": "admin", "of": "first"}), false),
        // They are not joined.
        (json!({"exact": "user,admin"}), false),
    ] {
        assert_eq!(holds(&json!({"headers": {"x-role": condition}}), &request), expected, "{condition}");
    }
    // Under a `not` it is the other way round.
    assert!(!holds(&json!({"not": {"headers": {"x-role": {"exact": "admin"}}}}), &request));
}

#[test]
fn lists_in_one_header() {
    for (value, of, expected) in [
        ("br, gzip", "any", true),
        ("br,gzip", "all", false),
        ("gzip,\tgzip ", "all", true),
        ("br, gzip", "first", false),
        ("gzip, br", "first", true),
        ("\"br, gzip\"", "any", false),
        ("", "any", false),
    ] {
        let condition = json!({"headers": {"a": {"exact": "gzip", "comma_separated": true, "of": of}}});
        assert_eq!(holds(&condition, &with_headers(&[("a", value.as_bytes())])), expected, "{value} {of}");
    }
}

#[test]
fn values() {
    for (condition, value, expected) in [
        (json!({"exact": "Gold"}), b"Gold".as_slice(), true),
        (json!({"exact": "Gold"}), b"gold", false),
        (json!({"exact": "Gold", "ignore_case": true}), b"gOLD", true),
        (json!({"exact": ""}), b"", true),
        (json!({"prefix": "go"}), b"gold", true),
        (json!({"prefix": "go"}), b"g", false),
        (json!({"prefix": "GO", "ignore_case": true}), b"gold", true),
        (json!({"suffix": "ld"}), b"gold", true),
        (json!({"suffix": "ld"}), b"d", false),
        (json!({"suffix": "ld"}), b"gold ", false),
        (json!({"contains": "ol"}), b"gold", true),
        (json!({"contains": "OL"}), b"gold", false),
        (json!({"contains": "OL", "ignore_case": true}), b"gold", true),
        (json!({"exact": "\u{e4}"}), b"\xc3\xa4", true),
        (json!({"exact": "\u{e4}"}), b"\xe4", false),
        (json!({"contains": "a"}), b"\xff\xfea\x80", true),
        (json!({"present": true}), b"", true),
        (json!({"present": false}), b"", false),
    ] {
        let request = with_headers(&[("x-a", value)]);
        assert_eq!(holds(&json!({"headers": {"x-a": condition}}), &request), expected, "{condition} {value:?}");
        // An absent header has no value, not an empty one.
        let absent = condition == json!({"present": false});
        assert_eq!(holds(&json!({"headers": {"x-b": condition}}), &request), absent, "{condition}");
    }
}

#[cfg(feature = "regex")]
#[test]
fn expressions_match_any_bytes_and_all_of_them() {
    for (regex, value, expected) in [
        ("v[0-9]+", b"v12".as_slice(), true),
        ("v[0-9]+", b"xv12", false),
        ("v[0-9]+", b"v12\x80", false),
        ("a|ab", b"ab", true),
        ("", b"", true),
        ("", b"a", false),
        (".*", b"\xff\x00\x80", true),
        (r"\xe4", b"\xe4", true),
        (r"\xe4", b"\xc3\xa4", false),
        ("ä", b"\xc3\xa4", true),
        ("ä", b"\xe4", false),
        ("ä+", b"\xc3\xa4\xc3\xa4", true),
        ("[^a]", b"\xe4", true),
        (".", b"\xc3\xa4", false),
        (r"\w", b"\xe4", false),
        ("(?i)GOLD", b"gold", true),
        ("(?i)\u{c4}", b"\xc3\xa4", false),
        ("a$|^b", b"b", true),
        ("(?x) a b # and no more\n", b"ab", true),
    ] {
        let condition = json!({"headers": {"x-a": {"regex": regex}}});
        assert_eq!(holds(&condition, &with_headers(&[("x-a", value)])), expected, "{regex} {value:?}");
    }
}

#[test]
fn cookies() {
    let any = json!({"cookies": {"c": {"exact": "1"}}});
    let all = json!({"cookies": {"c": {"exact": "1", "of": "all"}}});
    let first = json!({"cookies": {"c": {"exact": "1", "of": "first"}}});
    for (lines, expected) in [
        (vec!["c=1"], [true; 3]),
        (vec!["c=\"1\""], [true; 3]),
        (vec!["a=b;c=1"], [true; 3]),
        (vec!["c=1; c=2"], [true, false, true]),
        (vec!["c=2; c=1"], [true, false, false]),
        (vec!["c=2", "c=1"], [true, false, false]),
        (vec!["a=1", "c=1"], [true; 3]),
        (vec!["C=1"], [false; 3]),
        (vec!["c=%31"], [false; 3]),
        (vec!["cc=1"], [false; 3]),
        (vec![], [false; 3]),
        // Envoy takes the name with its white space; who reads cookies in a server does not.
        (vec!["c = 1"], [true; 3]),
    ] {
        let request = with_headers(&lines.iter().map(|line| ("cookie", line.as_bytes())).collect::<Vec<_>>());
        for (condition, expected) in [&any, &all, &first].into_iter().zip(expected) {
            assert_eq!(holds(condition, &request), expected, "{condition}, {lines:?}");
        }
    }
}

#[test]
fn sources_and_attributes() {
    let condition = json!({"sources": ["10.0.0.0/8", "2001:db8::/32"]});
    for (source, expected) in [
        (Some("10.1.2.3"), true),
        (Some("::ffff:10.1.2.3"), true),
        (Some("2001:db8::1"), true),
        (Some("11.0.0.1"), false),
        (None, false),
    ] {
        let request = Request { source: source.map(|source| source.parse().unwrap()), ..path("/") };
        assert_eq!(holds(&condition, &request), expected, "{source:?}");
    }
    let request = Request { attributes: vec![("connection.mtls".to_owned(), b"true".to_vec())], ..path("/") };
    assert!(holds(&json!({"attributes": {"connection.mtls": {"exact": "true"}}}), &request));
    assert!(!holds(&json!({"attributes": {"connection.tls": {"exact": "true"}}}), &request));
}

#[test]
fn all_any_not() {
    let get = || json!({"methods": ["GET"]});
    let post = || json!({"methods": ["POST"]});
    for (condition, expected) in [
        (json!({}), true),
        (json!({"not": {}}), false),
        (json!({"all": [get(), post()]}), false),
        (json!({"all": [get(), get()]}), true),
        (json!({"any": [post(), get()]}), true),
        (json!({"any": [post()]}), false),
        (json!({"not": post()}), true),
        (json!({"not": {"not": post()}}), false),
        (json!({"methods": ["POST"], "any": [get()]}), false),
        (json!({"not": {"any": [post(), {"all": [get(), {"not": get()}]}]}}), true),
    ] {
        assert_eq!(holds(&condition, &path("/")), expected, "{condition}");
    }
}
