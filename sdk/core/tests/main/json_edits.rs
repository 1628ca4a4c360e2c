//! Edits: tables, and against a second implementation on a tree that knows its white space.

use tamis_core::json::{Document, Edit, EditError, MergePatch, Path, Text};

fn path(path: &str) -> Path {
    Path::parse(path).unwrap()
}

fn text(json: &str) -> Text {
    Text::parse(json.as_bytes()).unwrap()
}

fn edited(body: &str, edit: &Edit) -> String {
    let document = Document::parse(body.as_bytes()).unwrap();
    let edited = document.edit(std::slice::from_ref(edit), 10_000).unwrap();
    assert!(Document::parse(&edited.body).is_ok(), "{body} became {:?}", String::from_utf8_lossy(&edited.body));
    String::from_utf8(edited.body.into_owned()).unwrap()
}

#[test]
fn set() {
    for (body, at, value, expected) in [
        (r#"{"a":1}"#, "$.a", "2", r#"{"a":2}"#),
        (" 1 ", "$", "{}", " {} "),
        ("\u{feff}[1]", "$[0]", "2", "\u{feff}[2]"),
        (r#"{ "a" : 1 , "a" : [2] }"#, "$.a", "0", r#"{ "a" : 0 , "a" : 0 }"#),
        (r#"{"\u0061":1}"#, "$.a", "2", r#"{"\u0061":2}"#),
        ("[1, 2, 3]", "$[-1]", "\"x\"", "[1, 2, \"x\"]"),
        ("[1, 2, 3]", "$[*]", "0", "[0, 0, 0]"),
        ("[1, 2, 3]", "$[3]", "0", "[1, 2, 3]"),
        ("{}", "$.a", "1", r#"{"a":1}"#),
        ("{ }", "$.a", "1", r#"{"a":1 }"#),
        ("{\n  \"a\": 1\n}", "$['b\"']", "2", "{\n  \"a\": 1,\"b\\\"\":2\n}"),
        ("{}", "/a", "1", r#"{"a":1}"#),
        ("[]", "/a", "1", "[]"),
        ("[]", "/0", "1", "[]"),
        ("{}", "$.a.b", "1", "{}"),
        ("{}", "$.*", "1", "{}"),
        (r#"{"n": 1.000e0, "a": null}"#, "$.a", "1", r#"{"n": 1.000e0, "a": 1}"#),
    ] {
        assert_eq!(edited(body, &Edit::set(path(at), text(value))), expected, "{body} {at}");
    }
    assert_eq!(edited("{}", &Edit::replace(path("$.a"), text("1"))), "{}");
}

#[test]
fn remove() {
    for (body, at, expected) in [
        (r#"{"a":1}"#, "$.a", "{}"),
        (r#"{ "a":1 }"#, "$.a", "{  }"),
        (r#"{"a":1, "b":2, "c":3}"#, "$.a", r#"{"b":2, "c":3}"#),
        (r#"{"a":1, "b":2, "c":3}"#, "$.b", r#"{"a":1, "c":3}"#),
        (r#"{"a":1, "b":2, "c":3}"#, "$.c", r#"{"a":1, "b":2}"#),
        (r#"{"a":1, "a":2, "c":3, "a":4}"#, "$.a", r#"{"c":3}"#),
        ("{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}", "$.b", "{\n  \"a\": 1,\n  \"c\": 3\n}"),
        ("{\n  \"a\": 1,\n  \"b\": 2\n}", "$.b", "{\n  \"a\": 1\n}"),
        ("[1, 2, 3]", "$[*]", "[]"),
        ("[1, [2], {\"a\": [3, 4]}]", "$[2].a[-1]", "[1, [2], {\"a\": [3]}]"),
        ("[[1, 2], [3], []]", "$[*][0]", "[[2], [], []]"),
        ("[1, 2]", "/1", "[1]"),
        ("[1, 2]", "/2", "[1, 2]"),
        ("7", "$.a", "7"),
    ] {
        assert_eq!(edited(body, &Edit::remove(path(at)).unwrap()), expected, "{body} {at}");
    }
    assert_eq!(
        Edit::remove(path("$")).unwrap_err().to_string(),
        "the whole document cannot be removed: set it to null, or name a part of it"
    );
}

#[test]
fn rename() {
    let rename = |at: &str, to: &str| Edit::rename(path(at), to).unwrap();
    assert_eq!(edited(r#"{ "a" : [1], "b": {"a": 2} }"#, &rename("$.a", "c\n")), r#"{ "c\n" : [1], "b": {"a": 2} }"#);
    assert_eq!(edited(r#"[{"a":1},{"a":2},3]"#, &rename("$[*].a", "b")), r#"[{"b":1},{"b":2},3]"#);
    assert_eq!(edited(r#"{"a":1,"a":2}"#, &rename("/a", "b")), r#"{"b":1,"b":2}"#);
    assert_eq!(edited(r#"{"a":1}"#, &rename("$.a", "a")), r#"{"a":1}"#);
    assert_eq!(edited(r#"{"b":1}"#, &rename("$.a", "b")), r#"{"b":1}"#);
    assert_eq!(edited("[1]", &rename("/0", "b")), "[1]");
    for body in [r#"{"a":1,"b":2}"#, r#"{"\u0062":2,"a":1}"#] {
        let error = Document::parse(body.as_bytes()).unwrap().edit(&[rename("$.a", "b")], 100).unwrap_err();
        assert!(matches!(error, EditError::NameTaken { at: 7 | 1 }), "{error}");
    }
    for at in ["$", "$[0]", "$[-1]", "$.*"] {
        assert!(Edit::rename(path(at), "b").is_err(), "{at}");
    }
}

#[test]
fn append() {
    for (body, expected) in
        [("[]", "[9]"), ("[ ]", "[9 ]"), ("[1 ]", "[1,9 ]"), ("[\n 1,\n 2\n]", "[\n 1,\n 2,9\n]"), ("{}", "{}")]
    {
        assert_eq!(edited(body, &Edit::append(path("$"), text("9"))), expected, "{body}");
    }
    let document = Document::parse(br#"{"a": [[], 1, [2]]}"#).unwrap();
    let edited = document.edit(&[Edit::append(path("$.a[*]"), text("9"))], 100).unwrap();
    assert_eq!(&*edited.body, br#"{"a": [[9], 1, [2,9]]}"#);
    assert_eq!((edited.matched, edited.no_arrays), (2, 1));
}

/// The table of RFC 7396, appendix A, and what it does not say.
#[test]
fn merge() {
    for (body, patch, expected) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
        (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
        (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
        (r#"{"a":"foo"}"#, "null", "null"),
        (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
        ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
        ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        // What the appendix has not: nothing else is touched, and what comes twice is changed twice.
        (r#"{ "n" : 1.0, "a":1,"a":2 , "z":0 }"#, r#"{"a":null,"b":[null]}"#, r#"{ "n" : 1.0 , "z":0,"b":[null] }"#),
        (r#"{"a":1}"#, r#"{"a":null,"b":2,"c":3}"#, r#"{"b":2,"c":3}"#),
        (r#"{"a":1, "b":2}"#, r#"{"a":null,"b":null}"#, "{}"),
        (r#"{"a":1}"#, r#"{"a":2,"b":3}"#, r#"{"a":2,"b":3}"#),
        ("{\n  \"a\": 1\n}", r#"{"a":null,"b":2}"#, "{\n  \"b\":2\n}"),
    ] {
        let patch = MergePatch::from(&text(patch));
        assert_eq!(edited(body, &Edit::merge(path("$"), patch)), expected, "{body}");
    }
    let patch = MergePatch::from(&text(r#"{"x":1}"#));
    assert_eq!(edited(r#"[{}, [], {"x": 0}]"#, &Edit::merge(path("$[*]"), patch)), r#"[{"x":1}, {"x":1}, {"x": 1}]"#);
}

#[test]
fn edits_see_those_before_them_and_have_a_bound() {
    let document = Document::parse(br#"{"a": 1}"#).unwrap();
    let edits = [
        Edit::set(path("$.b"), text("{}")),
        Edit::set(path("$.b.c"), text("[]")),
        Edit::append(path("$.b.c"), text("7")),
        Edit::rename(path("$.a"), "d").unwrap(),
    ];
    let edited = document.edit(&edits, 100).unwrap();
    assert_eq!(&*edited.body, br#"{"d": 1,"b":{"c":[7]}}"#);
    assert_eq!(edited.matched, 4);
    for limit in 0..edited.body.len() {
        assert_eq!(document.edit(&edits, limit).unwrap_err(), EditError::TooLong { limit });
    }
    assert!(document.edit(&edits, edited.body.len()).is_ok());
    // A text may be written at every match: the bound holds on the way.
    let many = format!("[{}0]", "0,".repeat(10_000));
    let large = Edit::set(path("$[*]"), Text::string(&"x".repeat(10_000)));
    let error = Document::parse(many.as_bytes()).unwrap().edit(&[large], 1 << 20).unwrap_err();
    assert_eq!(error.to_string(), "more than 1048576 bytes would come out");
    // What changes nothing copies nothing.
    let same = document.edit(&[Edit::remove(path("$.z")).unwrap()], 100).unwrap();
    assert!(matches!(same.body, std::borrow::Cow::Borrowed(_)));
}
