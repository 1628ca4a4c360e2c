//! All filters in one chain, in every order: none is in another's way.

use tamis_harness::envoy::{find_or_skip, run_all};
use tamis_harness::scenario::{Modules, Scenario, run};

use crate::repository::root;

/// A filter of the chain, as a scenario has it.
const FILTERS: [&str; 4] = [
    r#"  - { module: transformation, config: { rules: [{ request: { headers: { set: [{ name: x-env, value: production }] }, json: [{ remove: $.debug }] }, response: { json: [{ set: { path: $.version, value: 1 } }] } }] } }"#,
    r#"  - { module: header-routing, config: { rules: [{ name: v2, match: { paths: [{ prefix: /v2 }] }, to: { headers: [{ name: x-version, value: new }] } }] } }"#,
    r#"  - { module: local-rate-limit, config: { headers: true, rules: [{ name: all, limits: [{ requests: 1, per: hour }] }] } }"#,
    r#"  - { module: dlp-masking, config: { entities: [{ find: [card], mask: label }] } }"#,
];

/// What each of them does is seen, whatever stands before it.
const EXCHANGES: &str = r#"exchanges:
  - name: everything happens
    request: { method: POST, path: /v2/items, headers: { content-type: application/json, x-version: old }, body: '{"debug": 1, "card": "4111 1111 1111 1111", "n": 1.0}' }
    upstream: { headers: { content-type: application/json }, body: '{"card": "4111 1111 1111 1111", "n": 1e400}' }
    expect:
      upstream: { headers: { x-env: production, x-version: new }, body: '{"card": "[card]", "n": 1.0}' }
      response: { status: 200, headers: { ratelimit: { prefix: '"all";r=0' } }, body: '{"card": "[card]", "n": 1e400,"version":1}' }
  - name: and a second request is refused
    request: { path: /v2/items }
    expect: { upstream: { reached: false }, response: { status: 429 } }
"#;

fn orders() -> Vec<Scenario> {
    let mut orders = vec![Vec::new()];
    for filter in FILTERS {
        let longer = |order: &Vec<&'static str>| -> Vec<Vec<&'static str>> {
            let at = |place: usize| {
                let mut order = order.clone();
                order.insert(place, filter);
                order
            };
            (0..=order.len()).map(at).collect()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    assert_eq!(orders.len(), 24);
    let scenario = |(number, order): (usize, &Vec<&str>)| {
        let text = format!("name: order {number}\nfilters:\n{}\n{EXCHANGES}", order.join("\n"));
        let mut scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        scenario.file = root().join(format!("order-{number}.yaml"));
        scenario
    };
    orders.iter().enumerate().map(scenario).collect()
}

#[test]
fn in_every_order_in_the_harness() {
    let mut modules = Modules::default();
    for scenario in orders() {
        let report = run(&scenario, &mut modules).unwrap_or_else(|error| panic!("{error}"));
        assert!(report.passed(), "{:?}\n{report}", scenario.filters);
    }
}

#[test]
fn in_every_order_in_a_real_envoy() {
    let Some(binary) = find_or_skip("chains of all filters in a real Envoy") else { return };
    let mut modules = Modules::default();
    for report in run_all(&binary, &orders(), &mut modules).unwrap_or_else(|error| panic!("{error}")) {
        let report = report.unwrap_or_else(|error| panic!("{error}"));
        assert!(report.passed(), "{report}");
    }
}
