//! Whatever the bytes, nothing panics; and what a protobuf Struct does to a configuration changes nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tamis::config::parse;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    count: u32,
    offset: i64,
    ratio: f64,
    limits: BTreeMap<String, u16>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: Option<String>,
    action: Action,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Drop,
    Wait { seconds: u8 },
    Between(i16, i16),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Drop),
        any::<u8>().prop_map(|seconds| Action::Wait { seconds }),
        any::<(i16, i16)>().prop_map(|(from, to)| Action::Between(from, to)),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let rule = (any::<Option<String>>(), action()).prop_map(|(name, action)| Rule { name, action });
    (
        any::<u32>(),
        // What is larger is tested by hand, because it may not be written with a point.
        -(1_i64 << 49)..1 << 49,
        (-1000..1000).prop_map(|eighths| f64::from(eighths) / 8.0),
        prop::collection::btree_map(any::<String>(), any::<u16>(), 0..4),
        prop::collection::vec(rule, 0..4),
    )
        .prop_map(|(count, offset, ratio, limits, rules)| Config { count, offset, ratio, limits, rules })
}

/// JSON whose keys are often those of [`Config`].
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-100..100).prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        "drop|wait|[a-z]{0,3}".prop_map(Value::from),
    ];
    let key = "count|offset|ratio|limits|rules|name|action|drop|wait|between|seconds|[a-z]";
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The same JSON with its numbers as doubles, and its keys backwards.
fn as_struct(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_i64().filter(|number| number.unsigned_abs() < 1 << 49) {
            Some(whole) => format!("{whole}.0"),
            None => number.to_string(),
        },
        Value::Array(items) => format!("[{}]", items.iter().map(as_struct).collect::<Vec<_>>().join(",")),
        Value::Object(fields) => {
            let fields = fields.iter().rev();
            let fields = fields.map(|(key, field)| format!("{}:{}", Value::from(key.as_str()), as_struct(field)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_configuration_survives_a_struct(config in config()) {
        let json = serde_json::to_value(&config).unwrap();
        prop_assert_eq!(parse::<Config>(json.to_string().as_bytes()), Ok(config.clone()));
        prop_assert_eq!(parse::<Config>(as_struct(&json).as_bytes()), Ok(config));
    }

    #[test]
    fn mistakes_survive_it_too(json in json()) {
        let (one, other) = (json.to_string(), as_struct(&json));
        prop_assert_eq!(parse::<Config>(one.as_bytes()), parse::<Config>(other.as_bytes()));
        prop_assert_eq!(parse::<Value>(one.as_bytes()), parse::<Value>(other.as_bytes()));
    }

    #[test]
    fn a_part_of_a_configuration_is_an_error(config in config(), part in 0.0..1.0) {
        let json = serde_json::to_string(&config).unwrap();
        let part = &json.as_bytes()[..(json.len() as f64 * part) as usize];
        prop_assert!(parse::<Config>(part).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse::<Config>(&bytes);
        let _ = parse::<Value>(&bytes);
    }
}
