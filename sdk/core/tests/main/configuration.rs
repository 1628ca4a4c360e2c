//! What is said about conditions that are wrong, and that the schema says the same as the reader.

use serde_json::{Value, json};
use tamis_core::config::{Node, ReadConfig};
use tamis_core::matching::Match;

/// What is said about conditions, without the place.
fn error(conditions: &Value) -> String {
    let root = Node::parse(conditions.to_string().as_bytes()).unwrap();
    Match::read_config(&root).unwrap_err().into_parts(&root).1
}

#[test]
fn errors_say_what_to_write() {
    for (condition, error) in [
        (
            json!({"method": ["GET"]}),
            "unknown field `method`, expected one of `methods`, `hosts`, `paths`, `headers`, `query`, `cookies`, `sources`, `attributes`, `all`, `any`, `not`",
        ),
        (json!({"methods": []}), "an empty list is no condition: leave it out, or write what holds"),
        (json!({"any": []}), "an empty list is no condition: leave it out, or write what holds"),
        (json!({"headers": {}}), "an object without names is no condition: leave it out"),
        (json!({"methods": ["get"]}), "methods are told apart by their case: write GET"),
        (
            json!({"methods": ["G T"]}),
            "expected a method such as GET, found a text with other characters than a method has",
        ),
        (json!({"hosts": ["example.com:80"]}), "leave the port out: a host is the same on every port"),
        (
            json!({"hosts": ["*"]}),
            "an asterisk stands for the first labels of a name only, with a dot behind it: *.example.com",
        ),
        (
            json!({"hosts": ["a.*.com"]}),
            "an asterisk stands for the first labels of a name only, with a dot behind it: *.example.com",
        ),
        (
            json!({"hosts": ["größe.de"]}),
            "expected a host such as example.com or *.example.com, or an address (IPv6 in brackets); no dot at the end, and a name with other letters in its xn-- form",
        ),
        (
            json!({"hosts": ["*.[::1]"]}),
            "expected a host such as example.com or *.example.com, or an address (IPv6 in brackets); no dot at the end, and a name with other letters in its xn-- form",
        ),
        (json!({"paths": [{"prefix": "v1"}]}), "a path begins with a slash"),
        (
            json!({"paths": [{"exact": "/a?b=c"}]}),
            "a path has no `?` and no `#`: conditions on the query are in `query`",
        ),
        (
            json!({"paths": [{"exact": "/a b"}]}),
            "a path has no white space and no control character: a request has them percent-encoded",
        ),
        (
            json!({"paths": [{"prefix": "/a/../b"}]}),
            "a path cannot have `//`, `/./`, `/../` or an encoded slash; to look for one, use `regex`",
        ),
        (
            json!({"paths": [{"prefix": "/a%2Fb"}]}),
            "a path cannot have `//`, `/./`, `/../` or an encoded slash; to look for one, use `regex`",
        ),
        (json!({"paths": [{"begins": "/a"}]}), "expected `exact`, `prefix` or `regex`, found another word"),
        (
            json!({"headers": {"x y": {"present": true}}}),
            "' ' at byte 1 cannot be in a header name: `x y`; letters, digits and !#$%&'*+-.^_`|~ can",
        ),
        (
            json!({"headers": {":path": {"present": true}}}),
            "`:path` is a pseudo header, which cannot be edited as a header",
        ),
        (
            json!({"headers": {"x-a": {"present": true}, "X-A": {"exact": ""}}}),
            "two of these names are the same: write the second one under `all`",
        ),
        (
            json!({"headers": {"x-a": {}}}),
            "expected one of `exact`, `prefix`, `suffix`, `contains`, `regex` and `present`, found none",
        ),
        (
            json!({"headers": {"x-a": {"exact": "a", "prefix": "a"}}}),
            "expected one of `exact`, `prefix`, `suffix`, `contains`, `regex` and `present`, found several",
        ),
        (json!({"headers": {"x-a": {"prefix": ""}}}), "every value has an empty text in it: use `present`"),
        (
            json!({"headers": {"x-a": {"present": true, "of": "all"}}}),
            "`present` stands alone: there is nothing to compare",
        ),
        (
            json!({"headers": {"x-a": {"exact": "a", "of": "some"}}}),
            "expected `any`, `all` or `first`, found another word",
        ),
        (
            json!({"sources": ["10.0.0.1/8"]}),
            "the address has bits behind the first 8: a block is written by its first address",
        ),
        (nested(9), "`all`, `any` and `not` stand more than 8 deep in one another"),
    ] {
        assert_eq!(self::error(&condition), error, "{condition}");
    }
    assert!(serde_json::from_value::<Match>(nested(8)).is_ok());
}

#[cfg(not(feature = "regex"))]
#[test]
fn a_module_without_the_engine_refuses_expressions() {
    assert_eq!(
        error(&json!({"paths": [{"regex": "/a"}]})),
        "this module was built without regular expressions: use the full image of the filter"
    );
}

#[cfg(feature = "regex")]
#[test]
fn errors_in_expressions() {
    for (regex, error) in [
        ("(", "no valid regular expression: found open group without closing ')'"),
        ("a)(b", "no valid regular expression: found closing ')' without matching '('"),
        ("a)|(?:b", "no valid regular expression: found closing ')' without matching '('"),
        ("[ä]", "a class in a regular expression has ASCII only: write (?:ä|ö) for [äö]"),
        ("\\ä", "no valid regular expression: unrecognized escape sequence"),
        ("(?=a)", "no valid regular expression: look-around is not supported"),
        ("(?:a{1000}){1000}", "the regular expression becomes too large: use smaller counts, or + and *"),
        ("[a-z]{1,300}", "the regular expression becomes too large: use smaller counts, or + and *"),
        ("(?x) a # no end", "no valid regular expression: found open group without closing ')'"),
    ] {
        assert_eq!(self::error(&json!({"headers": {"x-a": {"regex": regex}}})), error, "{regex}");
    }
    let long = json!({"headers": {"x-a": {"regex": "a".repeat(1025)}}});
    assert_eq!(error(&long), "a regular expression has at most 1024 bytes");
    let ignore_case = json!({"headers": {"x-a": {"regex": "a", "ignore_case": true}}});
    assert!(error(&ignore_case).contains("begin the expression with (?i)"));
}

#[test]
fn the_schema_has_every_field_and_a_description_for_each() {
    let schema = serde_json::to_value(schemars::schema_for!(Match)).unwrap();
    let value = schema["$defs"]["ValueMatch"]["properties"].as_object().unwrap();
    let fields = schema["properties"].as_object().unwrap();
    assert_eq!(fields.len(), 11, "{schema:#}");
    assert_eq!(value.len(), 9, "{schema:#}");
    for (name, field) in fields.iter().chain(value) {
        assert!(field["description"].is_string(), "{name} has no description");
    }
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(fields["methods"]["minItems"], json!(1));
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({}), |inner, i| match i % 3 {
        0 => json!({"not": inner}),
        1 => json!({"any": [inner]}),
        _ => json!({"all": [{}, inner]}),
    })
}
