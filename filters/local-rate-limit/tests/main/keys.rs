//! A million keys through the module: they gain nothing, and nothing grows.

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
