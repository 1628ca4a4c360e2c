//! The order of the Gateway API.

use serde_json::json;
use tamis_core::matching::{Match, Precedence, Request, most_specific};

/// From the most specific to the least; two neighbours differ in one thing.
fn ladder() -> Vec<Match> {
    let rules = json!([
        {"hosts": ["a.example.com"]},
        {"hosts": ["*.example.com"], "paths": [{"exact": "/v1/a"}]},
        {"hosts": ["*.com"], "paths": [{"exact": "/v1/a"}]},
        {"paths": [{"exact": "/v1/a"}]},
        {"paths": [{"prefix": "/v1/a"}], "methods": ["GET"]},
        {"paths": [{"prefix": "/v1/a"}], "headers": {"x-a": {"present": true}, "x-b": {"present": true}}},
        {"paths": [{"prefix": "/v1/a"}], "headers": {"x-a": {"present": true}}, "query": {"q": {"present": true}}},
        {"paths": [{"prefix": "/v1/a"}], "headers": {"x-a": {"present": true}}},
        {"paths": [{"prefix": "/v1/a"}], "query": {"q": {"present": true}}},
        {"paths": [{"prefix": "/v1/a/"}]},
        {"paths": [{"prefix": "/v1"}, {"exact": "/elsewhere"}], "methods": ["GET"]},
        {"methods": ["GET"]},
        {},
    ]);
    serde_json::from_value(rules).unwrap()
}

fn request() -> Request {
    Request {
        headers: [("x-a", "1"), ("x-b", "2")].into_iter().collect(),
        ..Request::new("GET", "a.example.com", "/v1/a?q=1")
    }
}

#[test]
fn the_most_specific_rule_is_meant_wherever_it_stands() {
    let ladder = ladder();
    for (i, upper) in ladder.iter().enumerate() {
        for lower in &ladder[i + 1..] {
            assert!(upper.holds(&request()).unwrap() && lower.holds(&request()).unwrap());
            assert_eq!(most_specific([upper, lower], &request()), Ok(Some(0)), "{upper:?} {lower:?}");
            assert_eq!(most_specific([lower, upper], &request()), Ok(Some(1)), "{upper:?} {lower:?}");
        }
    }
}

#[test]
fn the_first_of_equals_is_meant_and_none_when_none_holds() {
    let rules: Vec<Match> =
        serde_json::from_value(json!([{"methods": ["PUT"]}, {"hosts": ["a.example.com"]}])).unwrap();
    let twice = [&rules[0], &rules[1], &rules[1]];
    assert_eq!(most_specific(twice, &request()), Ok(Some(1)));
    assert_eq!(Precedence::GatewayApi.choose(twice, &request()), Ok(Some(1)));
    assert_eq!(Precedence::Listed.choose([&rules[0], &Match::default(), &rules[1]], &request()), Ok(Some(1)));
    assert_eq!(serde_json::from_str::<Precedence>("\"gateway-api\"").unwrap(), Precedence::GatewayApi);
    assert_eq!(most_specific(twice, &Request::new("GET", "h", "/")), Ok(None));
}

#[test]
fn conditions_without_a_place_in_the_order_are_refused() {
    for condition in ["cookies", "sources", "attributes", "all", "any", "not"] {
        let value = match condition {
            "cookies" | "attributes" => json!({"a": {"present": true}}),
            "sources" => json!(["10.0.0.0/8"]),
            "not" => json!({}),
            _ => json!([{}]),
        };
        let rule: Match = serde_json::from_value(json!({condition: value})).unwrap();
        assert_eq!(rule.in_gateway_api().unwrap_err().condition, condition);
        let (at, error) = Precedence::GatewayApi.check([&Match::default(), &rule]).unwrap_err();
        assert_eq!((at, error.condition), (1, condition));
        assert_eq!(Precedence::Listed.check([&rule]), Ok(()));
    }
    assert!(ladder().iter().all(|rule| rule.in_gateway_api().is_ok()));
}
