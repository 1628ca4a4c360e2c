//! What is sent through the filter, and what must come out.

use serde_json::{Value, json};

/// One scenario with one exchange.
pub struct Case {
    pub name: String,
    /// The filter's configuration.
    config: Value,
    /// The proxy's limit on its buffer, in bytes.
    limit: usize,
    request: Value,
    upstream: Value,
    expect: Value,
    /// Trailers are in play, which the driver of a real Envoy cannot send.
    pub trailers: bool,
    /// It is refused in the middle of its body: how much of it the upstream has seen depends on the network.
    pub refused: bool,
    /// It only goes so when the body comes in pieces, as it does over a network.
    pub pieces: bool,
}

const SMALL: &str = "banana ate a tea";
const LONGER: &str = "b<a>n<a>n<a> <a>te <a> te<a>";
/// Beyond the smaller of the two limits that proxies are run with here.
const LARGE: usize = 100 << 10;
const LIMITS: [usize; 2] = [32 << 10, 1 << 20];

impl Case {
    /// The scenario, with a short body in pieces where that is asked for: in every cut for the edit that makes it longer,
    /// byte by byte else.
    pub fn scenario(&self, cut: bool) -> Value {
        let (mut request, mut upstream) = (self.request.clone(), self.upstream.clone());
        for message in [&mut request, &mut upstream] {
            if let Some(text) = message.get("body").and_then(Value::as_str).map(str::to_owned)
                && cut
                && text.len() > 1
            {
                if text.len() > 4096 {
                    message["body"] = json!({ "text": text, "split": { "at": [text.len() / 2] } });
                    continue;
                }
                let all = self.limit == LIMITS[1] && self.name.contains("longer");
                message["body"] = json!({ "text": text, "split": if all { "all" } else { "every-byte" } });
            }
        }
        let held = self.config.get("held_headers").is_some_and(|held| held == true);
        json!({
            "name": self.name,
            "buffer_limit": self.limit,
            "filters": [{ "module": "bodies", "config": self.config, "held_headers": held }],
            "exchanges": [{ "name": self.name, "request": request, "upstream": upstream, "expect": self.expect }],
        })
    }
}

/// Every case.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for limit in LIMITS {
        edits(limit, &mut cases);
        sizes(limit, &mut cases);
        held(limit, &mut cases);
    }
    kinds(&mut cases);
    cases
}

/// A case in each direction; a request's body goes to the upstream, a response's to the client.
fn both(name: &str, limit: usize, wish: Value, body: &str, out: &Value, cases: &mut Vec<Case>) {
    let trailers = json!({ "x-sum": "1" });
    for with_trailers in [false, true] {
        let mut request = json!({ "method": "POST", "body": body });
        let mut expect = json!({ "upstream": { "body": out }, "response": { "status": 200, "body": "ok" } });
        if with_trailers {
            request["trailers"] = trailers.clone();
            request["headers"] = json!({ "trailer": "x-sum" });
            expect["upstream"]["trailers"] = trailers.clone();
        }
        cases.push(Case {
            name: format!("request, {name}, limit {limit}, trailers {with_trailers}"),
            config: json!({ "request": wish }),
            limit,
            request,
            upstream: json!({ "status": 200, "body": "ok" }),
            expect,
            trailers: with_trailers,
            refused: false,
            pieces: false,
        });
        let mut upstream = json!({ "status": 201, "body": body });
        let mut expect = json!({ "upstream": { "body": "hi" }, "response": { "status": 201, "body": out } });
        if with_trailers {
            upstream["trailers"] = trailers.clone();
            upstream["headers"] = json!({ "trailer": "x-sum" });
            expect["response"]["trailers"] = trailers.clone();
        }
        cases.push(Case {
            name: format!("response, {name}, limit {limit}, trailers {with_trailers}"),
            config: json!({ "response": wish }),
            limit,
            request: json!({ "method": "POST", "body": "hi" }),
            upstream,
            expect,
            trailers: with_trailers,
            refused: false,
            pieces: false,
        });
    }
}

fn edits(limit: usize, cases: &mut Vec<Case>) {
    let whole = ["host", "guest", "guest_or_pass"];
    for mode in whole {
        let wish = |edit: &str| json!({ "mode": mode, "limit": 1000, "edit": edit });
        both(&format!("{mode} left alone"), limit, wish("leave"), SMALL, &json!(SMALL), cases);
        both(&format!("{mode} looked at"), limit, wish("look"), SMALL, &json!(SMALL), cases);
        both(&format!("{mode} longer"), limit, wish("lengthen"), SMALL, &json!(LONGER), cases);
        both(&format!("{mode} wrapped"), limit, wish("wrap"), SMALL, &json!(format!("[{SMALL}]")), cases);
        both(&format!("{mode} emptied"), limit, wish("empty"), SMALL, &json!(""), cases);
    }
    let wish = |edit: &str| json!({ "mode": "stream", "limit": 0, "edit": edit });
    both("stream left alone", limit, wish("leave"), SMALL, &json!(SMALL), cases);
    both("stream looked at", limit, wish("look"), SMALL, &json!(SMALL), cases);
    both("stream longer", limit, wish("lengthen"), SMALL, &json!(LONGER), cases);
    both("stream emptied", limit, wish("empty"), SMALL, &json!(""), cases);
}

/// Bodies beyond the filter's limit, and beyond the proxy's.
fn sizes(limit: usize, cases: &mut Vec<Case>) {
    let large = "a".repeat(LARGE);
    let longer = "<a>".repeat(LARGE);
    let mut case = |name: &str, config: Value, expect: Value| {
        let is_request = config.get("request").is_some();
        let (asked, answered) = if is_request { (large.as_str(), "ok") } else { ("hi", large.as_str()) };
        cases.push(Case {
            name: format!("large {name}, limit {limit}"),
            config,
            limit,
            request: json!({ "method": "POST", "body": asked }),
            upstream: json!({ "status": 200, "body": answered }),
            expect,
            trailers: false,
            refused: ["refused", "over", "above"].iter().any(|word| name.contains(word)),
            pieces: name.contains("above"),
        });
    };
    let wish = |mode: &str, own: usize| json!({ "mode": mode, "limit": own, "edit": "lengthen" });
    let to_upstream = |body: &str| json!({ "upstream": { "body": body }, "response": { "status": 200, "body": "ok" } });
    let to_client = |body: &str| json!({ "response": { "status": 200, "body": body } });
    let refused =
        json!({ "upstream": { "reached": false }, "response": { "status": 413, "body": "the request is too long\n" } });

    // The module's own limit decides, whatever the proxy's is.
    case("request in the module", json!({ "request": wish("guest", 200 << 10) }), to_upstream(&longer));
    case("response in the module", json!({ "response": wish("guest", 200 << 10) }), to_client(&longer));
    case("request streamed", json!({ "request": wish("stream", 0) }), to_upstream(&longer));
    case("response streamed", json!({ "response": wish("stream", 0) }), to_client(&longer));
    case("request passes", json!({ "request": wish("guest_or_pass", 50 << 10) }), to_upstream(&large));
    case("response passes", json!({ "response": wish("guest_or_pass", 50 << 10) }), to_client(&large));
    case("request refused by the module", json!({ "request": wish("guest", 50 << 10) }), refused.clone());
    case("request refused in the host", json!({ "request": wish("host", 20 << 10) }), refused.clone());
    let ceiling = json!({ "request": wish("guest", 200 << 10), "max_total_bytes": 50 << 10 });
    case("request over the ceiling", ceiling, refused);
    // Above the proxy's limit the proxy answers for itself (rule BODY-6).
    if limit < LARGE {
        let status =
            json!({ "upstream": { "reached": false }, "response": { "status": 413, "body": "Payload Too Large" } });
        case("request above the proxy's limit", json!({ "request": wish("host", 200 << 10) }), status);
    } else {
        let look = json!({ "mode": "host", "limit": 200 << 10, "edit": "wrap" });
        let wrapped = format!("[{large}]");
        case("request in the host", json!({ "request": look }), to_upstream(&wrapped));
        case("response in the host", json!({ "response": look }), to_client(&wrapped));
    }
}

/// Headers that wait for the body, with Envoy's flag.
fn held(limit: usize, cases: &mut Vec<Case>) {
    for mode in ["host", "guest"] {
        let wish = json!({ "mode": mode, "limit": 1000, "edit": "lengthen" });
        let length = LONGER.len().to_string();
        let mut case = |name: &str, config: Value, request: Value, upstream: Value, expect: Value| {
            cases.push(Case {
                name: format!("{name} held with its body in the {mode}, limit {limit}"),
                config,
                limit,
                request,
                upstream,
                expect,
                trailers: false,
                refused: false,
                pieces: false,
            });
        };
        let held = json!({ "x-length": "held", "content-length": length });
        case(
            "request",
            json!({ "request": wish, "held_headers": true }),
            json!({ "method": "POST", "body": SMALL }),
            json!({ "body": "ok" }),
            json!({ "upstream": { "headers": held, "body": LONGER } }),
        );
        case(
            "response",
            json!({ "response": wish, "held_headers": true }),
            json!({}),
            json!({ "status": 202, "body": SMALL }),
            json!({ "response": { "status": 202, "headers": held, "body": LONGER } }),
        );
        let refuse = json!({ "mode": mode, "limit": 1000, "edit": "refuse" });
        case(
            "response that is refused for its body",
            json!({ "response": refuse, "held_headers": true }),
            json!({}),
            json!({ "status": 200, "body": "there is no tea" }),
            json!({ "response": { "status": 422, "headers": { "x-length": { "absent": true } }, "body": "no\n" } }),
        );
        case(
            "response that is too long",
            json!({ "response": { "mode": mode, "limit": 10 }, "held_headers": true }),
            json!({}),
            json!({ "status": 200, "body": SMALL }),
            json!({ "response": { "status": 502, "body": "the response is too long\n" } }),
        );
        // The flag alone does nothing: the filter holds by its configuration only.
        case(
            "request that is not",
            json!({ "request": wish, "held_headers": false }),
            json!({ "method": "POST", "body": SMALL }),
            json!({ "body": "ok" }),
            json!({ "upstream": { "headers": { "x-length": { "absent": true } }, "body": LONGER } }),
        );
    }
}

/// What the headers say of a body.
fn kinds(cases: &mut Vec<Case>) {
    let mut case = |name: &str, config: Value, request: Value, upstream: Value, expect: Value| {
        let name = name.to_owned();
        cases.push(Case {
            name,
            config,
            limit: 1 << 20,
            request,
            upstream,
            expect,
            trailers: false,
            refused: false,
            pieces: false,
        });
    };
    let wish = json!({ "mode": "host", "limit": 1000, "edit": "wrap" });
    let config = json!({ "request": wish, "response": wish });
    let any = json!({ "mode": "host", "limit": 1000, "edit": "wrap", "any_message": true });
    let typed = |kind: &str| json!({ "headers": { "content-type": kind }, "body": "ab" });
    case(
        "no body in either direction",
        config.clone(),
        json!({ "method": "GET" }),
        json!({ "status": 204 }),
        json!({ "upstream": { "body": "" }, "response": { "status": 204, "body": "" } }),
    );
    case(
        "the answer to a HEAD keeps its length",
        config.clone(),
        json!({ "method": "HEAD" }),
        json!({ "status": 200, "headers": { "x-a": "1" } }),
        json!({ "response": { "status": 200, "headers": { "x-a": "1" }, "body": "" } }),
    );
    case(
        "not modified",
        config.clone(),
        json!({ "method": "GET" }),
        json!({ "status": 304, "headers": { "etag": "\"1\"" } }),
        json!({ "response": { "status": 304, "headers": { "etag": "\"1\"" }, "body": "" } }),
    );
    case(
        "a stream of events is not buffered",
        config.clone(),
        json!({}),
        typed("text/event-stream"),
        json!({ "response": { "body": "ab" } }),
    );
    case(
        "unless the filter says so",
        json!({ "response": any }),
        json!({}),
        typed("text/event-stream"),
        json!({ "response": { "body": "[ab]" } }),
    );
    case(
        "the proxy's own answer meets the filter",
        json!({ "request": { "mode": "host", "limit": 1 }, "response": wish }),
        json!({ "method": "POST", "body": "long" }),
        json!({}),
        json!({ "upstream": { "reached": false }, "response": { "status": 413, "body": "[the request is too long\n]" } }),
    );
}
