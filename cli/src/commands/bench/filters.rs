//! Filters that do next to nothing, beside Envoy's own and their peers on the plain crate: what a filter costs at all.

use serde_json::{Value, json};

use super::experiment::{Experiment, NATIVE, Target, Variant, Which, Works, module};
use super::floor;
use super::slice::Client;
use crate::failure::Failure;

/// The headers that are read: one, or all of them.
const READ: [&str; 10] = [
    "x-tenant",
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "authorization",
    "x-trace",
    "referer",
    "user-agent",
    "x-forwarded-proto",
];

const LUA: Which = Which("lua");
const EMPTY: Which = Which("empty");
const SET: Which = Which("set");
const FLOOR: Which = Which("floor");
const FLOOR_SET: Which = Which("floor set");
const READ_ONE: Which = Which("read one");
const READ_TEN: Which = Which("read ten");
const PLAIN_SET: Which = Which("plain set");

const THREE_ENTRIES: &str =
    "what remains is three entries into the VM and two host calls: the row without an SDK has them, too";

const TARGETS: [Target; 7] = [
    Target {
        what: "a filter that does nothing, against native `header_mutation`",
        most: 1.5,
        ratio: |results| results.ratio(EMPTY, NATIVE),
        because: "what remains is two entries into the VM: the row without an SDK has them, too",
    },
    Target {
        what: "1 + 1 headers, against native `header_mutation`",
        most: 2.9,
        ratio: |results| results.ratio(SET, NATIVE),
        because: THREE_ENTRIES,
    },
    Target {
        what: "1 + 1 headers, against Lua",
        most: 0.9,
        ratio: |results| results.ratio(SET, LUA),
        because: THREE_ENTRIES,
    },
    Target {
        what: "a filter that does nothing, against the same without an SDK",
        most: 1.1,
        ratio: |results| results.ratio(EMPTY, FLOOR),
        because: "of that the SDK's own part is some 120 instructions of the module",
    },
    Target {
        what: "1 + 1 headers, against the same without an SDK",
        most: 1.1,
        ratio: |results| results.ratio(SET, FLOOR_SET),
        because: "of that the SDK's own part is some 570 instructions of the module",
    },
    Target {
        what: "reading 10 headers, against reading 1",
        most: 1.1,
        ratio: |results| results.ratio(READ_TEN, READ_ONE),
        because: "either is one host call; nine more look-ups walk over the map in the module",
    },
    Target {
        what: "processor time of the start with 1 + 1 headers, against the plain crate",
        most: 0.8,
        ratio: |results| results.start_ratio(SET, PLAIN_SET),
        because: "a start is mostly V8's own",
    },
];

/// The experiment.
pub fn experiment() -> Result<Experiment, Failure> {
    let row = |which, name, filter, works| Ok(Variant::new(which, name, Some(filter), works));
    let set = Works::Header("x-response");
    let wasm = |which, name, file: &str, configuration: &str, works| {
        row(which, name, module(&format!("target/{file}.wasm"), configuration)?, works)
    };
    let (one, ten) = (&READ[..1], &READ[..]);
    let names = |names: &[&str]| json!({ "names": names }).to_string();
    let words = |names: &[&str]| format!("read {}", names.join(" "));
    let (all, request, both) = ("bench/all/plain-peer", "bench/request/plain-peer", "bench/both/plain-peer");
    let unseen = Works::Unseen;
    let variants = [
        row(NATIVE, "native `header_mutation`, 1 + 1 headers", native(), set),
        row(LUA, "Lua, 1 + 1 headers", lua(), set),
        row(Which("one callback"), "no SDK, one callback", floor::one_callback()?, unseen),
        row(FLOOR, "no SDK, nothing", floor::nothing()?, unseen),
        row(FLOOR_SET, "no SDK, sets 1 + 1 headers", floor::set()?, set),
        wasm(EMPTY, "`tamis`, nothing", "tamis/empty", "", unseen),
        wasm(SET, "`tamis`, sets 1 + 1 headers", "tamis/two-headers", "", set),
        wasm(READ_ONE, "`tamis`, reads 1 header", "tamis/read-headers", &names(one), unseen),
        wasm(READ_TEN, "`tamis`, reads 10 headers", "tamis/read-headers", &names(ten), unseen),
        wasm(Which("plain"), "plain crate, nothing", all, "nothing", unseen),
        wasm(Which("plain pruned"), "plain crate with `--phases`, nothing", request, "nothing", unseen),
        wasm(PLAIN_SET, "plain crate, sets 1 + 1 headers", all, "set", set),
        wasm(Which("plain set pruned"), "plain crate with `--phases`, sets 1 + 1 headers", both, "set", set),
        wasm(Which("plain one"), "plain crate with `--phases`, reads 1 header", request, &words(one), unseen),
        wasm(Which("plain ten"), "plain crate with `--phases`, reads 10 headers", request, &words(ten), unseen),
    ];
    let variants = Variant::without().into_iter().map(Ok).chain(variants).collect::<Result<_, Failure>>()?;
    Ok(Experiment {
        title: "Filters in a real Envoy",
        variants,
        peers: &[("native", NATIVE), ("Lua", LUA)],
        targets: &TARGETS,
        workers: 1,
        client: Client::Connections,
        upstream: None,
        bytes: None,
    })
}

fn native() -> Value {
    let set = |name: &str| {
        json!([{ "append": {
            "header": { "key": name, "value": "seen" },
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        } }])
    };
    json!({
        "name": "header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": { "request_mutations": set("x-request"), "response_mutations": set("x-response") },
        },
    })
}

fn lua() -> Value {
    let source = "function envoy_on_request(handle) handle:headers():replace(\"x-request\", \"seen\") end\n\
        function envoy_on_response(handle) handle:headers():replace(\"x-response\", \"seen\") end\n";
    json!({
        "name": "lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": { "inline_string": source },
        },
    })
}
