//! With the routes of a real Envoy: what the filter says is what the router does.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tamis::split::Split;
use tamis_harness::envoy::bootstrap::{PluginConfig, cluster, listener};
use tamis_harness::envoy::{WatchedEnvoy, find_or_skip};
use tamis_harness::scenario::modules::built;

use crate::http::{Client, Upstream};

/// A listener with the filter in front of these routes.
fn routed(configuration: &Value, routes: &Value) -> Value {
    let module = built("header-routing", Path::new(env!("CARGO_MANIFEST_DIR")));
    let plugin = PluginConfig {
        name: "routing".to_owned(),
        module_path: std::path::absolute(module).unwrap().to_string_lossy().into_owned(),
        configuration: Some(configuration.to_string()),
        ..PluginConfig::default()
    };
    json!({ "resources": [listener("routes", &[plugin], routes)] })
}

fn start(configuration: &Value, routes: &Value, clusters: &[Value]) -> Option<WatchedEnvoy> {
    let binary = find_or_skip("the routes of a real Envoy")?;
    let bootstrap = |file: &Path| {
        json!({
            "node": { "id": "tamis", "cluster": "tamis" },
            "static_resources": { "clusters": clusters },
            "dynamic_resources": { "lds_config": { "path_config_source": { "path": file } } },
        })
    };
    let envoy = WatchedEnvoy::start(&binary, 2, routed(configuration, routes), bootstrap).unwrap();
    assert_eq!(envoy.process().rejected_listeners().unwrap(), Default::default());
    Some(envoy)
}

fn client(envoy: &WatchedEnvoy) -> Client {
    Client::new(envoy.process().listeners().unwrap()["routes"])
}

/// A route that matches on the routing header, and answers its value.
fn by_header(name: &str, value: &str) -> Value {
    json!({
        "match": { "prefix": "/", "headers": [{ "name": name, "string_match": { "exact": value } }] },
        "direct_response": { "status": 200, "body": { "inline_string": value } },
    })
}

fn otherwise(answer: &str) -> Value {
    json!({ "match": { "prefix": "/" }, "direct_response": { "status": 200, "body": { "inline_string": answer } } })
}

fn arm(name: &str, weight: u32, header: &str, value: &str) -> Value {
    json!({ "name": name, "weight": weight, "to": { "headers": [{ "name": header, "value": value }] } })
}

/// The article's case (S11, S12): 80/20 of `/v1`, all of `/v2` to the second version; a user stays where they are, and is where
/// the split alone says.
#[test]
fn versions_go_where_the_split_says() {
    const USERS: u32 = 1000;
    let configuration = json!({ "rules": [
        { "name": "second", "match": { "paths": [{ "prefix": "/v2" }] }, "to": { "headers": [{ "name": "x-version", "value": "v2" }] } },
        { "name": "first", "match": { "paths": [{ "prefix": "/v1" }] }, "split": {
            "salt": "article", "sticky": [{ "header": "x-user" }],
            "arms": [arm("old", 80, "x-version", "v1"), arm("new", 20, "x-version", "v2")],
        } },
    ] });
    let routes = json!([by_header("x-version", "v1"), by_header("x-version", "v2"), otherwise("none")]);
    let Some(envoy) = start(&configuration, &routes, &[]) else { return };
    let split = Split::new("article", [80, 20]).unwrap();
    let mut client = client(&envoy);
    let mut second = 0;
    for user in 0..USERS {
        let user = format!("user-{user}");
        let expected = ["v1", "v2"][split.arm(user.as_bytes())];
        second += u32::from(expected == "v2");
        for _ in 0..2 {
            assert_eq!(client.get("/v1/items", &[("x-user", &user)]).body, expected, "{user}");
        }
        // No client chooses.
        assert_eq!(client.get("/v1/items", &[("x-version", "v2"), ("x-user", &user)]).body, expected, "{user}");
    }
    // A fifth, within four standard deviations.
    assert!((150..=250).contains(&second), "{second}");
    assert_eq!(client.get("/v2/items", &[("x-version", "v1")]).body, "v2");
    assert_eq!(client.get("/v20", &[("x-version", "v1")]).body, "none");
}

/// A canary of a tenth on `/app` (S12) by a cookie: who is new gets one, and comes back to where they were.
#[test]
fn a_canary_keeps_its_clients() {
    let configuration = json!({ "rules": [{ "name": "app", "match": { "paths": [{ "prefix": "/app" }] }, "split": {
        "salt": "canary", "sticky": [{ "cookie": { "name": "lane", "secure": false } }],
        "arms": [arm("stable", 90, "x-lane", "stable"), arm("canary", 10, "x-lane", "canary")],
    } }] });
    let routes = json!([by_header("x-lane", "stable"), by_header("x-lane", "canary"), otherwise("none")]);
    let Some(envoy) = start(&configuration, &routes, &[]) else { return };
    let mut client = client(&envoy);
    let mut canary = 0;
    for _ in 0..1000 {
        let first = client.get("/app", &[]);
        let cookie = first.header("set-cookie").and_then(|cookie| cookie.split(';').next()).unwrap();
        canary += u32::from(first.body == "canary");
        let again = client.get("/app/page", &[("cookie", cookie)]);
        assert_eq!((again.body.as_str(), again.header("set-cookie")), (first.body.as_str(), None));
    }
    // 100, within five standard deviations.
    assert!((52..=148).contains(&canary), "{canary}");
    assert_eq!(client.get("/other", &[]).body, "none");
}

/// Blue-green by a new configuration while requests come: each is answered once, by one of the two, and in the end by green.
#[test]
fn a_switch_from_blue_to_green_loses_and_duplicates_nothing() {
    let upstreams = [Upstream::start("blue"), Upstream::start("green")];
    let configuration = |blue: u32| {
        json!({ "rules": [{ "name": "app", "split": {
            "salt": "app", "arms": [arm("blue", blue, "x-cluster", "blue"), arm("green", 100 - blue, "x-cluster", "green")],
        } }] })
    };
    let routes = json!([{ "match": { "prefix": "/" }, "route": { "cluster_header": "x-cluster" } }]);
    let clusters = ["blue", "green"].map(|name| {
        let upstream = &upstreams[usize::from(name == "green")];
        cluster(name, Some(upstream.address), None)
    });
    let Some(envoy) = start(&configuration(100), &routes, &clusters) else { return };
    let is_over = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let clients = (0..4).map(|number| {
            let (mut client, is_over) = (client(&envoy), &is_over);
            scope.spawn(move || {
                let mut answers = Vec::new();
                // A few more after the switch, at once and on the old connection too.
                while !is_over.load(Ordering::Relaxed) || answers.len() < 50 {
                    let answer = client.get(&format!("/{number}-{}", answers.len()), &[("x-cluster", "green")]);
                    assert_eq!(answer.status, 200, "{answer:?}");
                    assert_eq!(answer.header("x-lane"), Some(answer.body.as_str()), "the header went along");
                    answers.push(answer.body);
                }
                answers
            })
        });
        let clients = clients.collect::<Vec<_>>();
        std::thread::sleep(std::time::Duration::from_millis(300));
        envoy.change(routed(&configuration(0), &routes)).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        is_over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(client(&envoy).get("/last", &[]).body, "green");
    let mut requests = 0;
    for (number, answers) in sent.iter().enumerate() {
        assert_eq!(answers[0], "blue", "before the switch");
        requests += answers.len();
        for (i, answer) in answers.iter().enumerate() {
            let path = format!("/{number}-{i}");
            let seen = [0, 1].map(|which| upstreams[which].seen.lock().unwrap().get(&path).copied().unwrap_or(0));
            let wanted = if answer == "blue" { [1, 0] } else { [0, 1] };
            assert_eq!(seen, wanted, "{path} was answered by {answer}");
        }
    }
    let seen = upstreams.iter().map(|upstream| upstream.seen.lock().unwrap().values().sum::<u32>()).sum::<u32>();
    assert_eq!(seen as usize, requests + 1, "nothing else came through");
}

/// Routes that match on filter state, which no client can set (`clear_route_cache`, Envoy 1.33).
#[test]
fn a_route_by_filter_state() {
    let configuration = json!({ "rules": [{
        "name": "beta", "match": { "cookies": { "beta": { "exact": "yes" } } },
        "to": { "filter_state": { "name": "lane", "value": "beta" } },
    }] });
    let route = json!({
        "match": { "prefix": "/", "filter_state": [{ "key": "wasm.lane", "string_match": { "exact": "beta" } }] },
        "direct_response": { "status": 200, "body": { "inline_string": "beta" } },
    });
    let Some(envoy) = start(&configuration, &json!([route, otherwise("stable")]), &[]) else { return };
    let mut client = client(&envoy);
    assert_eq!(client.get("/", &[("cookie", "beta=yes")]).body, "beta");
    assert_eq!(client.get("/", &[("cookie", "beta=no")]).body, "stable");
    assert_eq!(client.get("/", &[("wasm.lane", "beta"), ("lane", "beta")]).body, "stable");
}

/// What is rewritten is what the router matches: another path, another host.
#[test]
fn a_route_by_what_was_rewritten() {
    let configuration = json!({ "rules": [
        { "name": "path", "match": { "paths": [{ "prefix": "/old" }] }, "to": { "path": { "prefix": { "from": "/old", "to": "/new" } } } },
    ] });
    let route = json!({
        "match": { "path_separated_prefix": "/new" },
        "direct_response": { "status": 200, "body": { "inline_string": "new" } },
    });
    let Some(envoy) = start(&configuration, &json!([route, otherwise("other")]), &[]) else { return };
    let mut client = client(&envoy);
    assert_eq!(client.get("/old/items?page=2", &[]).body, "new");
    assert_eq!(client.get("/older", &[]).body, "other");
}
