//! JSON: what is one, how it is pointed into, what is in it. As tables.

use std::ops::ControlFlow;

use tamis_core::config::{Node, ReadConfig};
use tamis_core::json::{Document, InvalidJson, MAX_DEPTH, MergePatch, Path, Step, Text, decoded, quoted};

#[test]
fn what_is_json() {
    let deep = |depth: u32| format!("{}{}", "[".repeat(depth as usize), "]".repeat(depth as usize));
    for good in [
        "0",
        "-0",
        "1e5",
        "-1.50E+20",
        " true ",
        "null",
        "\"\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "\r\n\t[1 , 2]\n",
        r#"{"a":1,"a":2,"":{}}"#,
        r#""\"\\\/\b\f\n\r\t\u00e9\uD83D""#,
        "\"\u{7f}é\u{10ffff}\"",
        "\u{feff}[1]",
        "123456789012345678901234567890.123456789012345678901234567890e999999",
        &deep(MAX_DEPTH),
    ] {
        let document = Document::parse(good.as_bytes()).unwrap_or_else(|error| panic!("{good}: {error}"));
        assert_eq!(document.value(), good.trim_matches(['\u{feff}', ' ', '\r', '\n', '\t']).as_bytes());
    }
    for (bad, at, expected) in [
        ("", 0, "a value"),
        (" ", 1, "a value"),
        ("01", 1, "nothing more"),
        ("+1", 0, "a value"),
        (".5", 0, "a value"),
        ("1.", 2, "a digit"),
        ("1e", 2, "a digit"),
        ("-", 1, "a digit"),
        ("NaN", 0, "a value"),
        ("t", 1, "`true`, `false` or `null`"),
        ("nul1", 3, "`true`, `false` or `null`"),
        ("truee", 4, "nothing more"),
        ("[1,]", 3, "a value"),
        ("[1 2]", 3, "`,` or `]`"),
        ("[1}", 2, "`,` or `]`"),
        ("[", 1, "a value"),
        ("]", 0, "a value"),
        ("{\"a\":1,}", 7, "a key in double quotes"),
        ("{a:1}", 1, "a key in double quotes"),
        ("{\"a\" 1}", 5, "`:`"),
        ("{\"a\":1]", 6, "`,` or `}`"),
        ("{\"a\"", 4, "`:`"),
        ("'a'", 0, "a value"),
        ("\"a", 2, "a double quote at the end of a string"),
        ("\"\\", 2, "one of \" \\ / b f n r t u behind a backslash"),
        ("\"\\x\"", 2, "one of \" \\ / b f n r t u behind a backslash"),
        ("\"\\u12g4\"", 5, "four hexadecimal digits"),
        ("\"a\nb\"", 2, "no control character in a string"),
        ("1 // one", 2, "nothing more"),
        ("[] \u{feff}", 3, "nothing more"),
        ("\u{feff}\u{feff}1", 3, "a value"),
        ("\u{a0}1", 0, "a value"),
        (&deep(MAX_DEPTH + 1), 128, "fewer than 128 arrays and objects in one another"),
        (&"{\"a\":".repeat(1_000_000), 640, "fewer than 128 arrays and objects in one another"),
    ] {
        let found = Document::parse(bad.as_bytes()).map(|document| document.bytes());
        assert_eq!(found, Err(InvalidJson { at, expected }), "{:.40}", bad);
    }
    assert_eq!(Document::parse(b"[\"a\xff\"]").unwrap_err(), InvalidJson { at: 3, expected: "text in UTF-8" });
}

#[test]
fn paths_as_they_are_written() {
    let name = |name: &str| Step::Name(name.to_owned());
    for (source, steps) in [
        ("$", vec![]),
        ("$.a", vec![name("a")]),
        ("$.a_1.é", vec![name("a_1"), name("é")]),
        ("$['a'][\"b\"]", vec![name("a"), name("b")]),
        (r#"$['\'"\\\/\b\f\n\r\t\u00E9\uD83D\uDE00']"#, vec![name("'\"\\/\u{8}\u{c}\n\r\té😀")]),
        (r#"$["'\""]"#, vec![name("'\"")]),
        ("$['']", vec![name("")]),
        ("$[0][12][-1]", vec![Step::Index(0), Step::Index(12), Step::FromEnd(1)]),
        ("$.*[*]", vec![Step::Wildcard, Step::Wildcard]),
        ("$ [ 'a' ]\n[ 0 ] .b", vec![name("a"), Step::Index(0), name("b")]),
        ("", vec![]),
        ("/", vec![Step::Token(String::new(), None)]),
        (
            "/a~1b/~01/0/00/-",
            vec![
                Step::Token("a/b".into(), None),
                Step::Token("~1".into(), None),
                Step::Token("0".into(), Some(0)),
                Step::Token("00".into(), None),
                Step::Token("-".into(), None),
            ],
        ),
    ] {
        let path = Path::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!(path.steps(), steps, "{source}");
        assert_eq!(path.is_single(), !source.contains('*'));
    }
    let long = "a".repeat(1025);
    let many = "/a".repeat(65);
    for (source, at, message) in [
        ("a", 0, "a JSONPath begins with `$`, a JSON Pointer with `/`"),
        ("$a", 1, "expected `.` or `[`"),
        ("$.a ", 3, "a path does not end with white space"),
        ("$.", 2, "expected a name or `*`; other names are written in brackets: ['a-b']"),
        ("$.1", 2, "expected a name or `*`; other names are written in brackets: ['a-b']"),
        ("$. a", 2, "expected a name or `*`; other names are written in brackets: ['a-b']"),
        ("$.a-b", 3, "names of letters, digits and `_` stand behind a dot; write others as ['a-b']"),
        ("$..a", 2, "`..` is not supported: write every step, with `*` for any"),
        ("$[1:2]", 3, "slices are not supported"),
        ("$[::2]", 2, "slices are not supported"),
        ("$['a','b']", 5, "several selectors are not supported: write a path for each"),
        ("$[?@.a]", 2, "filters are not supported"),
        ("$[a]", 2, "expected a name in quotes, an index or `*`"),
        ("$['a'", 5, "expected `]`"),
        ("$['a", 4, "a name in quotes does not end"),
        ("$['\n']", 3, "control characters are written as escapes: \\u000a"),
        ("$['\\x']", 3, "expected one of b f n r t / \\ u, or the quote itself, behind a backslash"),
        ("$['\\\"']", 3, "expected one of b f n r t / \\ u, or the quote itself, behind a backslash"),
        ("$['\\ud800']", 3, "expected one of b f n r t / \\ u, or the quote itself, behind a backslash"),
        ("$[01]", 2, "an index is a whole number without zeros in front: 0, 1, -1"),
        ("$[-0]", 2, "an index is a whole number without zeros in front: 0, 1, -1"),
        ("$[-]", 2, "an index is a whole number without zeros in front: 0, 1, -1"),
        ("$[9007199254740992]", 2, "an index is a whole number without zeros in front: 0, 1, -1"),
        ("/a~2", 2, "in a JSON Pointer `~0` is a tilde and `~1` a slash; nothing else is behind a tilde"),
        (&long, 1024, "a path has at most 1024 bytes"),
        (&many, 0, "a path has at most 64 steps"),
    ] {
        let error = Path::parse(source).unwrap_err();
        assert_eq!((error.at, error.message), (at, message), "{source}");
    }
}

#[test]
fn what_paths_mean() {
    let body = Document::parse(
        r#" { "a": [10, [11, 12], {"b": 13}], "b": {"0": 14, "é": 15, "x/y": 16}, "a": 17, "\u0062": {"0": 18} } "#
            .as_bytes(),
    )
    .unwrap();
    for (path, found) in [
        ("$.a", vec![r#"[10, [11, 12], {"b": 13}]"#, "17"]),
        ("$.a[0]", vec!["10"]),
        ("$.a[-1].b", vec!["13"]),
        ("$.a[-3]", vec!["10"]),
        ("$.a[-4]", vec![]),
        ("$.a[3]", vec![]),
        ("$.a[*][*]", vec!["11", "12", "13"]),
        ("$.a[1][-1]", vec!["12"]),
        ("$.b['é']", vec!["15"]),
        ("$.b['0']", vec!["14", "18"]),
        ("$.b[0]", vec![]),
        ("/b/0", vec!["14", "18"]),
        ("/a/0", vec!["10"]),
        ("/b/x~1y", vec!["16"]),
        ("/a/-", vec![]),
        ("$.a[0].b", vec![]),
        ("$.nothing", vec![]),
        ("$.*.*", vec!["10", "[11, 12]", r#"{"b": 13}"#, "14", "15", "16", "18"]),
    ] {
        let mut spans = Vec::new();
        body.find(&Path::parse(path).unwrap(), |span| spans.push(span));
        let values: Vec<_> = spans.iter().map(|span| str::from_utf8(&body.bytes()[span.clone()]).unwrap()).collect();
        assert_eq!(values, found, "{path}");

        // The same by the leaves: those that are below a value which the path means.
        let path = Path::parse(path).unwrap();
        let _ = body.leaves(|trail, leaf| {
            let inside = spans.iter().any(|span| span.start <= leaf.span().start && leaf.span().end <= span.end);
            assert_eq!(trail.is_below(&path), inside, "{path} {trail}");
            assert_eq!(trail.is_at(&path), spans.contains(&leaf.span()), "{path} {trail}");
            ControlFlow::<()>::Continue(())
        });
    }
}

#[test]
fn leaves_with_the_way_to_them() {
    let body = Document::parse(br#"{"a'\\":[1,{"\u0041\n":"x\ty"},[],[null]],"k":-0.0}"#).unwrap();
    let mut seen = Vec::new();
    let _ = body.leaves(|trail, leaf| {
        seen.push(format!("{trail} {:?} {:?} {}", trail.key().unwrap(), leaf.kind(), leaf.text()));
        assert_eq!(trail.depth(), trail.to_string().matches('[').count());
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(
        seen,
        [
            r#"$['a\'\\'][0] "a'\\" Number 1"#,
            "$['a\\'\\\\'][1]['A\\n'] \"A\\n\" String x\ty",
            r#"$['a\'\\'][3][0] "a'\\" Word null"#,
            r#"$['k'] "k" Number -0.0"#,
        ]
    );
    // A scalar is its own leaf, and a visitor can leave.
    let one = Document::parse(b" \"x\" ").unwrap();
    assert_eq!(one.leaves(|_, leaf| ControlFlow::Break(leaf.span())), ControlFlow::Break(1..4));
}

#[test]
fn strings() {
    for (inner, text) in [
        (r"plain é", "plain é"),
        (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r"\u0041\u00e9\uFFFF", "Aé\u{ffff}"),
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d", "\u{fffd}"),
        (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
        (r"\ud83d\u0041", "\u{fffd}A"),
        (r"\ud83d\n", "\u{fffd}\n"),
        (r"é\u0000😀", "é\0😀"),
    ] {
        assert_eq!(decoded(inner.as_bytes()), text, "{inner}");
        let again = quoted(text);
        assert!(Document::parse(again.as_bytes()).is_ok());
        assert_eq!(decoded(again.trim_matches('"').as_bytes()).trim_matches('"'), text.trim_matches('"'), "{inner}");
    }
    // Half a pair is not the character that shows it.
    let body = Document::parse(br#"{"\ud800": 1}"#).unwrap();
    body.find(&Path::parse("$['\u{fffd}']").unwrap(), |span| panic!("found {span:?}"));
}

#[test]
fn values_of_a_configuration() {
    for (json, text) in [
        // A protobuf Struct on the way makes 2.0 of 2, and a double of what no double is.
        (r#"{"b": [1, 2.0, "x\ny", null, true], "a": {}}"#, r#"{"a":{},"b":[1,2,"x\ny",null,true]}"#),
        ("[]", "[]"),
        ("[[], [[1]]]", "[[],[[1]]]"),
        ("1e300", "1e300"),
        ("-7", "-7"),
        ("9007199254740991", "9007199254740991"),
        ("18446744073709551615", "1.8446744073709552e19"),
        ("0.25", "0.25"),
    ] {
        let read: Text = serde_json::from_str(json).unwrap();
        assert_eq!(str::from_utf8(read.as_bytes()).unwrap(), text);
        assert_eq!(Text::read_config(&Node::parse(json.as_bytes()).unwrap()).unwrap(), read);
    }
    let deep = (0..129).fold(serde_json::Value::Null, |inner, _| vec![inner].into());
    assert!(serde_json::from_value::<Text>(deep).is_err());
    assert_eq!(format!("{:?}", Text::string("secret")), "Text(8 bytes)");
    let patch: MergePatch = serde_json::from_str(r#"{"a": null}"#).unwrap();
    assert_eq!(patch, MergePatch::from(&Text::parse(br#" {"a" : 1, "\u0061":null} "#).unwrap()));
}
