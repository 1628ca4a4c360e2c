//! The limiter beside Envoy's own: with a descriptor, on one worker and on two; with many rules, with many keys.

use serde_json::{Value, json};

use super::experiment::{Experiment, NATIVE, Target, Variant, Which, Works, module};
use super::floor;
use super::slice::Client;
use crate::failure::Failure;

const ONE: Which = Which("one rule");
const FIFTY: Which = Which("fifty rules");
const MANY_KEYS: Which = Which("many keys");

/// So many keys have a counter when the row with many is measured.
const KEYS: u32 = 1_000_000;
/// More than any run sends.
const ENDLESS: u64 = 1_000_000_000;

const FLOOR: &str = "most of it is the proxy's own part, which the row by hand has alone: three entries into the VM, the read of the headers, \
     the swap of the shared value; a lease saves that one";

/// All experiments with it.
pub fn experiments() -> Result<Vec<Experiment>, Failure> {
    Ok(vec![
        experiment("The limiter in a real Envoy with one worker", 1, &ONE_WORKER)?,
        experiment("The limiter in a real Envoy with two workers", 2, &TWO_WORKERS)?,
        keys()?,
    ])
}

const ONE_WORKER: [Target; 2] = [
    Target {
        what: "a limit for each value of a header, against native `local_ratelimit` with a descriptor, one worker",
        most: 3.5,
        ratio: |results| results.ratio(ONE, NATIVE),
        because: FLOOR,
    },
    Target {
        what: "50 rules of which one matches, against that one alone",
        most: 1.5,
        ratio: |results| results.ratio(FIFTY, ONE),
        because: "each rule's conditions are looked at",
    },
];

const TWO_WORKERS: [Target; 1] = [Target {
    what: "the same with two workers",
    most: 3.0,
    ratio: |results| results.ratio(ONE, NATIVE),
    because: FLOOR,
}];

const MANY: [Target; 1] = [Target {
    what: "1,000,000 keys, against one",
    most: 1.5,
    ratio: |results| results.ratio(MANY_KEYS, ONE),
    because: "a look-up among many values misses the processor's caches",
}];

fn experiment(title: &'static str, workers: u32, targets: &'static [Target]) -> Result<Experiment, Failure> {
    let tenant = || json!([{ "header": "x-tenant" }]);
    let other = |number: usize| rule(&format!("other-{number}"), &tenant(), &format!("/other/{number}"));
    let fifty = (0..49).map(other).chain([rule("one", &tenant(), "/")]).collect::<Vec<_>>();
    let mut leased = rule("one", &tenant(), "/");
    if let Value::Object(fields) = &mut leased {
        fields.insert("lease".to_owned(), json!(100));
    }
    let read = module("target/tamis/read-headers.wasm", &json!({ "names": ["x-tenant"] }).to_string())?;
    let mut told = vec![
        native(),
        Ok(Variant::new(Which("read"), "a filter that only reads the header", Some(read), Works::Unseen)),
        floor::limiter().map(|filter| {
            let name = "no SDK, by hand: one read of the headers, the clock, a swap, a counter; no rule";
            Variant::new(Which("by hand"), name, Some(filter), Works::Counter("bench.allowed"))
        }),
        ours(ONE, "`local-rate-limit`, one rule", &json!({ "rules": [rule("one", &tenant(), "/")] })),
        ours(FIFTY, "the same, behind 49 rules for other paths", &json!({ "rules": fifty })),
        ours(Which("leased"), "one rule, with a lease of 100", &json!({ "rules": [leased] })),
    ];
    let headers = json!({ "rules": [rule("one", &tenant(), "/")], "headers": true });
    told.push(ours(Which("headers"), "one rule, and `RateLimit` in responses", &headers));
    Ok(Experiment {
        title,
        variants: rows(told)?,
        peers: &[("native", NATIVE), ("one rule", ONE)],
        targets,
        workers,
        client: Client::Connections,
        upstream: None,
        bytes: None,
    })
}

/// Every request has a path of its own.
fn keys() -> Result<Experiment, Failure> {
    let by = |key: Value| {
        let mut rule = rule("one", &key, "/");
        if let Value::Object(fields) = &mut rule {
            fields.insert("max_keys".to_owned(), json!(KEYS));
        }
        json!({ "rules": [rule] })
    };
    let path = by(json!([{ "request": "path" }]));
    let many = ours(MANY_KEYS, "1,000,000 keys", &path).map(|variant| Variant { filled: KEYS, ..variant });
    Ok(Experiment {
        title: "The limiter in a real Envoy with many keys",
        variants: rows(vec![native(), ours(ONE, "one key", &by(json!([{ "header": "x-tenant" }]))), many])?,
        peers: &[("native, one key", NATIVE), ("one key", ONE)],
        targets: &MANY,
        workers: 1,
        client: Client::Paths(KEYS),
        upstream: None,
        bytes: None,
    })
}

fn rows(rows: Vec<Result<Variant, Failure>>) -> Result<Vec<Variant>, Failure> {
    Variant::without().into_iter().map(Ok).chain(rows).collect()
}

fn rule(name: &str, key: &Value, prefix: &str) -> Value {
    json!({
        "name": name,
        "match": { "paths": [{ "prefix": prefix }] },
        "key": key,
        "limits": [{ "requests": 1_000_000, "per": "second" }],
    })
}

fn ours(which: Which, name: &'static str, configuration: &Value) -> Result<Variant, Failure> {
    let filter = module("target/tamis/local-rate-limit.wasm", &configuration.to_string())?;
    Ok(Variant::new(which, name, Some(filter), Works::Counter("ratelimit.rule.one.action.allowed")))
}

fn native() -> Result<Variant, Failure> {
    let bucket = json!({ "max_tokens": ENDLESS, "tokens_per_fill": ENDLESS, "fill_interval": "1s" });
    let always = json!({ "default_value": { "numerator": 100, "denominator": "HUNDRED" } });
    let filter = json!({
        "name": "local_ratelimit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "bench",
            "token_bucket": bucket,
            "filter_enabled": always,
            "filter_enforced": always,
            "descriptors": [{ "entries": [{ "key": "tenant", "value": "alice" }], "token_bucket": bucket }],
            "rate_limits": [{ "actions": [{
                "request_headers": { "header_name": "x-tenant", "descriptor_key": "tenant" },
            }] }],
        },
    });
    Ok(Variant::new(
        NATIVE,
        "native `local_ratelimit`, a descriptor",
        Some(filter),
        Works::Counter("http_local_rate_limit.ok"),
    ))
}
