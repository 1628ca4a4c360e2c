//! Strict reading, in every kind of type that serde derives.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tamis::config::parse;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    Nothing,
    Named(String),
    Pair(u8, u8),
    Point { x: i32, y: i32 },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", content = "with", rename_all = "snake_case")]
enum Adjacent {
    At(Point),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Internal {
    At(Point),
    Sized { size: u32 },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
    Point(Point),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    point: Point,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Wrapped(Option<Vec<Point>>);

#[derive(Debug, PartialEq, Deserialize)]
struct In<T> {
    a: T,
}

fn ok<T: DeserializeOwned>(json: &str) -> T {
    parse(json.as_bytes()).unwrap()
}

/// The error for a value in a field `a`.
fn error<T: DeserializeOwned>(json: &str) -> String {
    let json = format!(r#"{{"a": {json}}}"#);
    match parse::<In<T>>(json.as_bytes()) {
        Ok(_) => panic!("taken: {json}"),
        Err(error) => error.to_string().strip_prefix("invalid configuration at `a").unwrap().to_owned(),
    }
}

#[test]
fn a_list_is_not_taken_for_an_object() {
    assert_eq!(
        parse::<Point>(b"[1, 2]").unwrap_err().to_string(),
        "invalid configuration: expected an object, found a list"
    );
    assert_eq!(error::<Point>("[1, 2]"), "`: expected an object, found a list");
    assert_eq!(error::<Option<Point>>("[1, 2]"), "`: expected an object, found a list");
    assert_eq!(error::<Vec<Point>>("[[1, 2]]"), "[0]`: expected an object, found a list");
    assert_eq!(error::<(u8, Point)>("[1, [1, 2]]"), "[1]`: expected an object, found a list");
    assert_eq!(error::<BTreeMap<String, Point>>(r#"{"b": [1, 2]}"#), ".b`: expected an object, found a list");
    assert_eq!(error::<Wrapped>("[[1, 2]]"), "[0]`: expected an object, found a list");
    assert_eq!(error::<Shape>(r#"{"point": [1, 2]}"#), ".point`: expected an object, found a list");
    assert_eq!(error::<Adjacent>(r#"["at", {"x": 1, "y": 2}]"#), "`: expected an object, found a list");
    assert_eq!(error::<Adjacent>(r#"{"kind": "at", "with": [1, 2]}"#), ".with`: expected an object, found a list");
}

#[test]
fn all_kinds_of_types_are_read() {
    let point = Point { x: 1, y: -2 };
    assert_eq!(ok::<In<Shape>>(r#"{"a": "nothing"}"#).a, Shape::Nothing);
    assert_eq!(ok::<In<Shape>>(r#"{"a": {"nothing": null}}"#).a, Shape::Nothing);
    assert_eq!(ok::<In<Shape>>(r#"{"a": {"named": "n"}}"#).a, Shape::Named("n".to_owned()));
    assert_eq!(ok::<In<Shape>>(r#"{"a": {"pair": [1, 2]}}"#).a, Shape::Pair(1, 2));
    assert_eq!(ok::<In<Shape>>(r#"{"a": {"point": {"x": 1, "y": 2}}}"#).a, Shape::Point { x: 1, y: 2 });
    assert_eq!(ok::<Adjacent>(r#"{"kind": "at", "with": {"x": 1, "y": -2}}"#), Adjacent::At(Point { x: 1, y: -2 }));
    assert_eq!(ok::<Internal>(r#"{"kind": "at", "x": 1.0, "y": -2.0}"#), Internal::At(Point { x: 1, y: -2 }));
    assert_eq!(ok::<Internal>(r#"{"size": 3.0, "kind": "sized"}"#), Internal::Sized { size: 3 });
    assert_eq!(ok::<In<Untagged>>(r#"{"a": 7.0}"#).a, Untagged::Number(7));
    assert_eq!(ok::<In<Untagged>>(r#"{"a": {"x": 1, "y": -2}}"#).a, Untagged::Point(Point { x: 1, y: -2 }));
    assert_eq!(ok::<Flat>(r#"{"x": 1.0, "name": "n", "y": -2}"#), Flat { name: "n".to_owned(), point });
    assert_eq!(ok::<In<Wrapped>>(r#"{"a": null}"#).a, Wrapped(None));
    assert_eq!(ok::<In<(f64, bool, char, ())>>(r#"{"a": [1, true, "c", null]}"#).a, (1.0, true, 'c', ()));
    assert_eq!(ok::<In<HashMap<u8, bool>>>(r#"{"a": {"7": true}}"#).a, HashMap::from([(7, true)]));
    assert_eq!(ok::<In<HashMap<bool, u128>>>(r#"{"a": {"true": 1}}"#).a, HashMap::from([(true, 1)]));
}

#[test]
fn no_key_comes_twice() {
    const TWICE: &str = "`: this key comes twice; leave one of them out";
    assert_eq!(error::<Point>(r#"{"x": 1, "y": 1, "x": 1}"#), format!(".x{TWICE}"));
    assert_eq!(error::<BTreeMap<String, u8>>(r#"{"b": 1, "b": 1}"#), format!(".b{TWICE}"));
    assert_eq!(error::<Flat>(r#"{"name": "", "x": 1, "y": 1, "x": 2}"#), format!(".x{TWICE}"));
    // Also where nobody looks.
    assert_eq!(error::<serde::de::IgnoredAny>(r#"[{"b": 1, "\u0062": 1}]"#), format!("[0].b{TWICE}"));
    // Two spellings of one number would be one key.
    assert_eq!(
        error::<BTreeMap<u8, u8>>(r#"{"1": 1, "01": 1}"#),
        ".01`: expected a whole number from 0 to 255, found a string"
    );
}

#[test]
fn integers_are_those_that_a_double_holds() {
    assert_eq!(ok::<In<u64>>(r#"{"a": 9007199254740991}"#).a, (1 << 53) - 1);
    assert_eq!(ok::<In<i64>>(r#"{"a": -9007199254740991}"#).a, 1 - (1 << 53));
    assert_eq!(ok::<In<u8>>(r#"{"a": 2.55e2}"#).a, 255);
    assert_eq!(ok::<In<f64>>(r#"{"a": 18446744073709551616}"#).a, 18_446_744_073_709_551_616.0);
    for json in ["9007199254740992", "9007199254740993"] {
        assert_eq!(
            error::<u64>(json),
            "`: expected a whole number from 0 to 9007199254740991, found the number 9007199254740992, which no proxy \
             hands on unchanged"
        );
    }
    assert_eq!(error::<u8>("256.0"), "`: expected a whole number from 0 to 255, found the number 256");
    assert_eq!(error::<u8>("-1"), "`: expected a whole number from 0 to 255, found the number -1");
    assert_eq!(error::<u8>("1.5"), "`: expected a whole number from 0 to 255, found the number 1.5");
    assert_eq!(error::<u64>("1e400"), "`: number out of range");
}

#[test]
fn people_are_told_what_to_write() {
    for (said, error) in [
        ("`: expected an object, found nothing", error::<Point>("null")),
        ("`: expected a string, found the number 5", error::<String>("5")),
        ("`: expected a string, found true", error::<String>("true")),
        ("`: expected a list, found an object", error::<Vec<u8>>("{}")),
        ("`: expected true or false, found a string", error::<bool>(r#""secret""#)),
        ("`: expected an object, found a string", error::<BTreeMap<String, u8>>(r#""secret""#)),
        ("`: expected a number, found a list", error::<f64>("[]")),
        ("`: expected a single character, found another string", error::<char>(r#""secret""#)),
        ("`: expected nothing, found a string", error::<()>(r#""secret""#)),
        ("`: expected a list of 2, found 1", error::<(u8, u8)>("[1]")),
        ("`: expected a list of 2, found 3", error::<(u8, u8)>("[1, 2, 3]")),
        ("`: expected `nothing`, `named`, `pair` or `point`, found another word", error::<Shape>(r#""secret""#)),
        ("`: expected a word, or an object with one field, found the number 3", error::<Shape>("3")),
        (
            "`: expected a word, or an object with one field, found an object with none or several",
            error::<Shape>(r#"{"named": "secret", "nothing": null}"#),
        ),
        ("`: this has none of the forms that are possible here", error::<Untagged>(r#""secret""#)),
        (".z`: unknown field `z`, expected `x` or `y`", error::<Point>(r#"{"x": 1, "z": 1, "y": 1}"#)),
        ("`: missing field `y`", error::<Point>(r#"{"x": 1}"#)),
    ] {
        assert_eq!(error, said);
    }
}
