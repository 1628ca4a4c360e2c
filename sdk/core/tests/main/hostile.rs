//! Time on inputs that are made to cost much: it grows with their length, and not faster.

use std::ops::ControlFlow;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tamis_core::json::{Document, Edit, Path, Text};
use tamis_core::matching::{Match, Request};

/// What a run takes of the processor, whatever else the machine does; the least of several.
fn time(mut run: impl FnMut()) -> Duration {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let mut once = || {
        let start = now();
        run();
        now() - start
    };
    (0..7).map(|_| once()).min().unwrap()
}

/// Fails when an input eight times as long takes more than thirty times as long: a square would be 64.
fn is_linear(name: &str, mut run: impl FnMut(usize)) {
    let (short, long) = (8 * 1024, 64 * 1024);
    let short = time(|| run(short)).max(Duration::from_micros(20));
    let long = time(|| run(long));
    assert!(long < short * 30, "{name}: {short:?} for 8 KiB, {long:?} for 64 KiB");
}

#[test]
fn conditions() {
    let header = |condition| json!({"headers": {"x-a": condition}});
    let one = |name: &str, value: Vec<u8>| Request {
        headers: [(name, value)].into_iter().collect(),
        ..Request::new("GET", "h", "/")
    };
    type Make = Box<dyn Fn(usize) -> Request>;
    let a = "a".repeat(1000);
    let cases: Vec<(&str, serde_json::Value, Make)> = vec![
        ("contains", header(json!({"contains": format!("{a}b")})), Box::new(move |n| one("x-a", b"a".repeat(n)))),
        (
            "commas",
            header(json!({"exact": "b", "comma_separated": true})),
            Box::new(move |n| one("x-a", b",".repeat(n))),
        ),
        ("cookies", json!({"cookies": {"b": {"exact": "c"}}}), Box::new(move |n| one("cookie", b"b;".repeat(n / 2)))),
        (
            "query",
            json!({"query": {"b": {"exact": "c"}}}),
            Box::new(|n| Request::new("GET", "h", format!("/?{}", "b=%2".repeat(n / 4)))),
        ),
        (
            "pairs",
            json!({"query": {"b": {"exact": "c"}}}),
            Box::new(|n| Request::new("GET", "h", format!("/?{}", "b&".repeat(n / 2)))),
        ),
        ("prefix", json!({"paths": [{"prefix": "/a"}]}), Box::new(|n| Request::new("GET", "h", "/".repeat(n)))),
        ("host", json!({"hosts": ["*.b"]}), Box::new(|n| Request::new("GET", "a.".repeat(n / 2), "/"))),
    ];
    for (name, condition, make) in cases {
        let rule: Match = serde_json::from_value(condition).unwrap();
        let requests = [8 * 1024, 64 * 1024].map(|n| (n, make(n)));
        is_linear(name, |n| {
            let (_, request) = requests.iter().find(|(size, _)| *size == n).unwrap();
            assert!(!rule.holds(request).unwrap());
        });
    }
}

#[cfg(feature = "regex")]
#[test]
fn expressions() {
    for regex in ["(a+)+b", "(a|a)*b", "(?:a?){30}b", ".*.*.*b"] {
        let rule: Match = serde_json::from_value(json!({"headers": {"x-a": {"regex": regex}}})).unwrap();
        let make = |n: usize| Request {
            headers: [("x-a", b"a".repeat(n))].into_iter().collect(),
            ..Request::new("GET", "h", "/")
        };
        let (short, long) = (make(8 * 1024), make(64 * 1024));
        is_linear(regex, |n| {
            assert!(!rule.holds(if n == 8 * 1024 { &short } else { &long }).unwrap());
        });
    }
}

#[test]
fn json() {
    type Make = fn(usize) -> String;
    let cases: [(&str, &str, Make); 7] = [
        ("numbers", "$[*][0]", |n| format!("[{}0]", "0,".repeat(n / 2))),
        ("one number", "$", |n| "1".repeat(n)),
        ("backslashes", "$.a", |n| format!("{{\"a\":\"{}\"}}", "\\\\".repeat(n / 2))),
        ("escaped keys", "$.a", |n| format!("{{{}\"b\":0}}", r#""\u0061\u0061":0,"#.repeat(n / 17))),
        ("from the end", "$[-1][-1][-1]", |n| format!("[[[{}0]]]", "[],".repeat(n / 3))),
        ("from every end", "$[*][-1]", |n| format!("[{}0]", "[0],".repeat(n / 4))),
        ("blanks", "$[1]", |n| format!("[0,{}1]", " ".repeat(n))),
    ];
    for (name, path, make) in cases {
        let path = Path::parse(path).unwrap();
        let edits = [Edit::remove(path.clone()), Ok(Edit::set(path.clone(), Text::string("x")))];
        let edits: Vec<_> = edits.into_iter().flatten().collect();
        let bodies = [8 * 1024, 64 * 1024].map(|n| (n, make(n)));
        is_linear(name, |n| {
            let (_, body) = bodies.iter().find(|(size, _)| *size == n).unwrap();
            let document = Document::parse(body.as_bytes()).unwrap();
            document.edit(&edits, 1 << 20).unwrap();
            let _ = document.leaves(|trail, leaf| {
                assert!(trail.depth() < 5 && (!trail.is_below(&path) || !leaf.text().is_empty()));
                ControlFlow::<()>::Continue(())
            });
        });
    }
}
