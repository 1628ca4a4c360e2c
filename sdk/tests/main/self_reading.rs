//! Types that read themselves read what serde reads, refuse what it refuses, and say the same of it.

use std::fmt::Debug;

use arbtest::arbitrary::Unstructured;
use arbtest::arbtest;
use schemars::JsonSchema;
use serde::Deserialize;
use tamis::config::{ReadConfig, parse};
use tamis::matching::Match;
use tamis::{Configuration, HeaderName};

/// The same types, once for each way of reading.
macro_rules! types {
    ($module:ident: $whole:ident, $part:ident) => {
        #[allow(dead_code, reason = "`Debug` reads the fields")]
        mod $module {
            use super::*;

            #[derive(Debug, $whole, JsonSchema)]
            #[serde(deny_unknown_fields)]
            pub struct Whole {
                pub name: HeaderName,
                pub pair: [u8; 2],
                #[serde(default, rename = "match")]
                pub matches: Match,
                #[serde(default)]
                pub shapes: Vec<Shape>,
                pub limit: Option<u16>,
                #[serde(default = "seven")]
                pub depth: i8,
                #[serde(default)]
                pub inner: Inner,
            }

            #[derive(Debug, $part, JsonSchema)]
            #[serde(deny_unknown_fields, default)]
            pub struct Inner {
                pub on: bool,
                pub letter: char,
                pub share: f64,
                pub words: Vec<Word>,
                pub names: std::collections::BTreeMap<String, u64>,
            }

            #[derive(Debug, $part, JsonSchema)]
            #[serde(rename_all = "snake_case")]
            pub enum Shape {
                Nothing,
                Named(String),
                OfTwo(Box<Inner>),
            }

            #[derive(Debug, Clone, Copy, $part, JsonSchema)]
            #[serde(rename_all = "kebab-case")]
            pub enum Word {
                FirstOne,
                #[serde(rename = "2nd")]
                Second,
            }

            impl Default for Inner {
                fn default() -> Self {
                    Self {
                        on: true,
                        letter: '*',
                        share: 0.5,
                        words: vec![Word::Second],
                        names: [("a".to_owned(), 1)].into(),
                    }
                }
            }

            fn seven() -> i8 {
                7
            }
        }
    };
}

types!(by_serde: Deserialize, Deserialize);
types!(by_itself: Configuration, ReadConfig);

/// What one way of reading says, in words that can be compared.
fn read<C: Debug, E: ToString>(result: Result<C, E>) -> Result<String, String> {
    result.map(|value| format!("{value:?}")).map_err(|error| error.to_string())
}

fn both(json: &str) -> [Result<String, String>; 2] {
    [read(parse::<by_serde::Whole>(json.as_bytes())), read(by_itself::Whole::read(json.as_bytes()))]
}

/// Fields around one that is looked at.
fn with(field: &str) -> String {
    format!(r#"{{"name": "x-a", "pair": [1, 2], {field}}}"#)
}

#[test]
fn what_is_right_is_read_the_same() {
    for field in [
        r#""limit": null"#,
        r#""limit": 65535.0, "depth": -128"#,
        r#""shapes": ["nothing", {"nothing": null}, {"named": "n"}, {"of_two": {}}]"#,
        r#""inner": {"on": false, "letter": "ä", "share": 1, "words": [], "names": {"b": 9007199254740991}}"#,
        r#""inner": {"words": ["first-one", "2nd", {"2nd": null}]}, "shapes": []"#,
        r#""match": {"methods": ["GET"], "headers": {"x": {"exact": "1"}}}"#,
    ] {
        let [serde, itself] = both(&with(field));
        assert!(serde.is_ok(), "{field}: {serde:?}");
        assert_eq!(serde, itself, "{field}");
    }
}

#[test]
fn what_is_wrong_is_said_the_same() {
    for field in [
        r#""limit": 65536"#,
        r#""limit": "1""#,
        r#""limit": 0.5"#,
        r#""depth": null"#,
        r#""depth": -129"#,
        r#""other": 1"#,
        r#""shapes": {}"#,
        r#""shapes": ["none"]"#,
        r#""shapes": [{"named": "a", "of_two": {}}]"#,
        r#""shapes": [{}]"#,
        r#""shapes": [{"nothing": 1}]"#,
        r#""shapes": ["nothing", {"named": 1}]"#,
        r#""shapes": [{"of_two": {"share": "x"}}]"#,
        r#""shapes": [1]"#,
        r#""inner": []"#,
        r#""inner": {"On": true}"#,
        r#""inner": {"on": 1}"#,
        r#""inner": {"letter": 1}"#,
        r#""inner": {"words": ["2nd", "third"]}"#,
        r#""inner": {"words": ["2nd", {"2nd": 1}]}"#,
        r#""inner": {"names": {"a": 1, "b": -1}}"#,
        r#""inner": {"names": []}"#,
        r#""match": {"paths": [{"exact": "/a"}, {"prefix": "b"}]}"#,
        r#""match": {"headers": {"x y": {"present": true}}}"#,
        r#""match": {"not": {"any": [{}, {"all": []}]}}"#,
        r#""match": {"headers": {"x": {"exact": "a", "exact": "b"}}}"#,
    ] {
        let [serde, itself] = both(&with(field));
        assert!(serde.is_err(), "{field}: {serde:?}");
        assert_eq!(serde, itself, "{field}");
    }
    for json in [
        "[]",
        "{",
        "{}",
        r#"{"name": "x-a"}"#,
        r#"{"pair": [1, 2]}"#,
        r#"{"name": "x-a", "pair": [1]}"#,
        r#"{"name": "x-a", "pair": [1, 2, 3]}"#,
        r#"{"name": "x-a", "pair": [1, 256]}"#,
        r#"{"name": "x a", "pair": [1, 2]}"#,
        r#"{"name": 1, "pair": [1, 2]}"#,
    ] {
        let [serde, itself] = both(json);
        assert!(serde.is_err(), "{json}: {serde:?}");
        assert_eq!(serde, itself, "{json}");
    }
}

/// One type can stand in the other; the place is known all the way.
#[test]
fn a_place_is_told_through_both() {
    #[derive(Debug, Deserialize)]
    struct Outer {
        #[serde(flatten)]
        _parts: std::collections::BTreeMap<String, Vec<by_itself::Shape>>,
    }

    #[derive(Debug, Deserialize)]
    struct Plain {
        #[serde(rename = "parts")]
        _parts: Vec<by_itself::Shape>,
    }

    let error = |json: &str| parse::<Plain>(json.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        error(r#"{"parts": ["nothing", {"of_two": {"words": ["2nd", "x"]}}]}"#),
        "invalid configuration at `parts[1].of_two.words[1]`: expected `first-one` or `2nd`, found another word"
    );
    assert_eq!(
        error(r#"{"parts": [1]}"#),
        "invalid configuration at `parts[0]`: expected a word, or an object with one field, found the number 1"
    );
    assert!(parse::<Outer>(br#"{"a": ["nothing"]}"#).is_ok());
}

/// Names and values that fit somewhere, put together at random.
#[test]
fn whatever_comes_both_read_it_or_neither() {
    const NAMES: [&str; 18] = [
        "name", "pair", "match", "shapes", "limit", "depth", "inner", "on", "letter", "share", "words", "names",
        "nothing", "named", "of_two", "methods", "not", "x",
    ];
    const VALUES: [&str; 16] = [
        "null",
        "true",
        "0",
        "-1",
        "1.0",
        "0.5",
        "65536",
        "1e300",
        r#""x""#,
        r#""nothing""#,
        r#""2nd""#,
        r#""first-one""#,
        r#""GET""#,
        "[1, 2]",
        "[]",
        "{}",
    ];

    fn value(u: &mut Unstructured<'_>, depth: u32) -> arbtest::arbitrary::Result<String> {
        Ok(match u.int_in_range(0..=if depth == 0 { 1 } else { 4 })? {
            0 | 1 => (*u.choose(&VALUES)?).to_owned(),
            2 => {
                let items = (0..u.int_in_range(0..=3)?).map(|_| value(u, depth - 1)).collect::<Result<Vec<_>, _>>()?;
                format!("[{}]", items.join(", "))
            }
            _ => object(u, depth - 1)?,
        })
    }

    fn object(u: &mut Unstructured<'_>, depth: u32) -> arbtest::arbitrary::Result<String> {
        let field = |u: &mut Unstructured<'_>| Ok(format!("\"{}\": {}", u.choose(&NAMES)?, value(u, depth)?));
        let fields = (0..u.int_in_range(0..=4)?).map(|_| field(u)).collect::<Result<Vec<_>, _>>()?;
        Ok(format!("{{{}}}", fields.join(", ")))
    }

    let mut target = |u: &mut Unstructured<'_>| {
        let Ok(field) = object(u, 4) else { return Ok(()) };
        let field = field.trim_start_matches('{').trim_end_matches('}').to_owned();
        let json = if field.is_empty() { with(r#""depth": 1"#) } else { with(&field) };
        let [serde, itself] = both(&json);
        assert_eq!(serde.clone().ok(), itself.clone().ok(), "{json}: {serde:?} {itself:?}");
        Ok(())
    };
    for seed in 1..=500_u64 {
        arbtest(&mut target).seed(seed.wrapping_mul(0x9e37_79b9) << 32 | 512).run();
    }
}

#[test]
fn a_type_of_serde_stands_in_one_that_reads_itself() {
    #[derive(Debug)]
    struct Address(std::net::IpAddr);

    impl ReadConfig for Address {
        fn read_config(node: &tamis::config::Node) -> Result<Self, tamis::config::Fault> {
            tamis::config::by_serde(node).map(Self)
        }
    }

    #[derive(Debug, Configuration, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Upstreams {
        #[schemars(with = "Vec<String>")]
        all: Vec<Address>,
    }

    assert_eq!(Upstreams::read(br#"{"all": ["::1"]}"#).unwrap().all[0].0, "::1".parse::<std::net::IpAddr>().unwrap());
    assert_eq!(
        Upstreams::read(br#"{"all": ["::1", 7]}"#).unwrap_err().to_string(),
        "invalid configuration at `all[1]`: expected IP address, found the number 7"
    );
}
