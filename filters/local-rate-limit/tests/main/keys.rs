//! A million keys through the module: they gain nothing, and nothing grows. And a client that does not wait for an answer.

use std::sync::Arc;

use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::stream::{FailurePolicy, FilterSpec, Passed, Proxy, WireMessage};

const KEYS: usize = 1_000_000;
/// `max_keys: 256`.
const SETS: usize = 64;

#[test]
fn a_million_keys_gain_nothing_and_memory_stays() {
    let configuration = r#"{"refusal": {"body": ""}, "rules": [{
        "name": "a", "key": [{"header": "x-key"}], "max_keys": 256,
        "limits": [{"requests": 1, "per": "day"}, {"requests": 5, "per": "day", "algorithm": "fixed_window"}],
        "overflow": [{"requests": 3, "per": "day"}]
    }]}"#;
    let plugin = Plugin { name: "limits".to_owned(), configuration: configuration.into(), ..Plugin::default() };
    let spec = FilterSpec { module: crate::module(), plugin, failure_policy: FailurePolicy::Closed };
    let mut proxy = Proxy::load(&[spec], Arc::new(Process::deterministic(1))).unwrap();
    let (mut admitted, mut early) = (0, 0);
    for key in 0..KEYS {
        let headers = [(":authority", "a"), (":path", "/"), (":method", "GET"), ("x-key", &key.to_string())];
        let request = WireMessage::new(headers.into_iter().collect::<HeaderMap>(), Vec::new());
        let mut stream = proxy.open(Attributes::default());
        admitted += usize::from(matches!(stream.request(request), Passed::On(_)));
        stream.close();
        if key == 10_000 {
            early = proxy.memory_bytes();
        }
    }
    assert_eq!(admitted, SETS * 8 + 3, "one for each place, and the overflow's three");
    assert_eq!(proxy.memory_bytes(), early, "the guest's memory grew");
    // The form with two limits: three words for each of eight keys.
    let set = |number| proxy.process().shared_data("", format!("tamis/limits/rule.a@6#{number}").as_bytes());
    assert!((0..SETS).all(|number| set(number).is_some_and(|value| value.len() == 8 * 24)));
    assert_eq!(set(SETS), None);
}

/// With `statuses` a request is charged before its response is known: who goes away without one has paid.
#[test]
fn a_stream_without_a_response_stays_charged() {
    let configuration = r#"{"rules": [{"name": "a", "limits": [{"requests": 2, "per": "hour"}], "statuses": [401]}]}"#;
    let plugin = Plugin { name: "limits".to_owned(), configuration: configuration.into(), ..Plugin::default() };
    let spec = FilterSpec { module: crate::module(), plugin, failure_policy: FailurePolicy::Closed };
    let mut proxy = Proxy::load(&[spec], Arc::new(Process::deterministic(1))).unwrap();
    let mut passes = |status: Option<&str>| {
        let headers = [(":authority", "a"), (":path", "/"), (":method", "GET")];
        let mut stream = proxy.open(Attributes::default());
        let request = stream.request(WireMessage::new(headers.into_iter().collect::<HeaderMap>(), Vec::new()));
        if let Some(status) = status {
            stream.response(WireMessage::new([(":status", status)].into_iter().collect::<HeaderMap>(), Vec::new()));
        }
        stream.close();
        matches!(request, Passed::On(_))
    };
    assert!(passes(Some("200")) && passes(Some("204")), "these are given back");
    assert!(passes(None) && passes(None), "these are not");
    assert!(!passes(Some("200")));
}
