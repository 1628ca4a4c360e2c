//! What clients send is in no log line and in no filter state, whichever way they go.

use std::sync::Arc;

use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::stream::{FailurePolicy, FilterSpec, Passed, Proxy, WireMessage};

const SECRET: &str = "tr0ub4dor";

#[test]
fn what_clients_send_is_nowhere() {
    let configuration = r#"{"rules": [
        {"name": "trial", "shadow": true, "to": {"direct_response": {"status": 503}}},
        {"name": "beta", "match": {"cookies": {"beta": {"exact": "yes"}}}, "to": {"filter_state": {"name": "lane", "value": "beta"}}},
        {"name": "split", "split": {"salt": "s", "sticky": [{"header": "authorization"}, {"cookie": {"name": "session"}}], "arms": [
            {"name": "a", "weight": 1, "to": {"headers": [{"name": "x-to", "value": "a"}]}},
            {"name": "b", "weight": 1, "to": {"path": {"prefix": {"from": "/a", "to": "/b"}}}}]}}
    ]}"#;
    let plugin = Plugin { name: "routes".to_owned(), configuration: configuration.into(), ..Plugin::default() };
    let spec = FilterSpec { module: crate::module(), plugin, failure_policy: FailurePolicy::Closed };
    let mut proxy = Proxy::load(&[spec], Arc::new(Process::deterministic(1))).unwrap();
    for request in 0..40 {
        let (path, cookie) = (
            format!("/a/{SECRET}"),
            format!("session={SECRET}{request}; beta={}", if request % 4 == 0 { "yes" } else { SECRET }),
        );
        let key = format!("{SECRET}{request}");
        let mut headers =
            vec![(":authority", SECRET), (":path", &path), (":method", "GET"), ("cookie", &cookie), ("x-to", SECRET)];
        if request % 2 == 0 {
            headers.push(("authorization", &key));
        }
        let mut stream = proxy.open(Attributes::default());
        let Passed::On(request) =
            stream.request(WireMessage::new(headers.into_iter().collect::<HeaderMap>(), Vec::new()))
        else {
            panic!("no request")
        };
        assert!(request.headers.get_all(b"x-to").all(|value| value != SECRET.as_bytes()), "a client chose");
        let trail = stream.filter_state("routing").unwrap();
        let trail = String::from_utf8(trail).unwrap();
        assert!(trail.starts_with("trial=shadow_routed;") && !trail.contains(SECRET), "{trail}");
        stream.close();
    }
    let lines = proxy.process().log_lines();
    assert!(!lines.is_empty() && !format!("{lines:?}").contains(SECRET), "{lines:?}");
}
