//! What clients send is in no log line, no metric's name and no filter state, whatever becomes of the request.

use std::sync::Arc;

use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::stream::{FailurePolicy, FilterSpec, Passed, Proxy, WireMessage};

const SECRET: &str = "tr0ub4dor";

#[test]
fn what_clients_send_is_nowhere() {
    let rule = |name: &str, more: &str| {
        format!(r#"{{"name": "{name}", "limits": [{{"requests": 1, "per": "hour"}}], "max_keys": 8, {more}}}"#)
    };
    let rules = [
        rule("all", r#""shadow": true, "statuses": ["4xx"]"#),
        rule(
            "keys",
            r#""key": [{"header": "authorization"}, {"cookie": "session"}, {"query": "token"}, {"request": "path"}]"#,
        ),
        rule("cost", r#""cost": {"header": "x-cost", "max": 1}"#),
    ];
    let configuration = format!(r#"{{"headers": true, "rules": [{}]}}"#, rules.join(", "));
    let plugin = Plugin { name: "limits".to_owned(), configuration: configuration.into(), ..Plugin::default() };
    let spec = FilterSpec { module: crate::module(), plugin, failure_policy: FailurePolicy::Closed };
    let mut proxy = Proxy::load(&[spec], Arc::new(Process::deterministic(1))).unwrap();
    for request in 0..50 {
        let path = format!("/{SECRET}/{}?token={SECRET}", request % 3);
        let headers = [
            (":authority", SECRET),
            (":path", &path),
            (":method", "GET"),
            ("authorization", SECRET),
            ("cookie", &format!("session={SECRET}")),
            ("x-cost", SECRET),
        ];
        let mut stream = proxy.open(Attributes::default());
        match stream.request(WireMessage::new(headers.into_iter().collect::<HeaderMap>(), Vec::new())) {
            Passed::On(_) => assert_eq!(request, 0, "one passes"),
            Passed::Replied(answer) => {
                let fields = answer.headers.iter().flat_map(|(name, value)| [name, value].concat());
                let text = fields.chain(answer.chunks.concat()).collect::<Vec<u8>>();
                let text = String::from_utf8_lossy(&text);
                assert!(request > 0 && text.contains(":status429") && text.contains("violated-policies"), "{text}");
                assert!(!text.contains(SECRET), "{text}");
            }
            other => panic!("{other:?}"),
        }
        let trail = stream.filter_state("ratelimit").unwrap_or_default();
        assert!(!String::from_utf8_lossy(&trail).contains(SECRET));
        stream.close();
    }
    let lines = proxy.process().log_lines();
    assert!(!lines.is_empty());
    assert!(!format!("{lines:?}").contains(SECRET), "{lines:?}");
    // Shared values too: keys are there as keyed hashes.
    let set = proxy
        .process()
        .shared_data("", b"tamis/limits/rule.keys@5#0")
        .or_else(|| proxy.process().shared_data("", b"tamis/limits/rule.keys@5#1"));
    assert!(set.is_some_and(|set| !set.windows(SECRET.len()).any(|bytes| bytes == SECRET.as_bytes())));
}
