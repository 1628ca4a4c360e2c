//! Bodies of a megabyte that are masked: by Lua's `gsub` with one pattern, and by ours with everything that it knows.

use serde_json::{Value, json};

use super::corpus::{self, COUNT, Upstream};
use super::experiment::{Experiment, NATIVE, Target, Variant, Which, Works, module};
use super::slice::Client;
use crate::failure::Failure;

const CARDS: Which = Which("cards");
const ALL: Which = Which("all");
const PATHS: Which = Which("paths");
const DIGITS: Which = Which("digits");
const ALMOST: Which = Which("almost");
const MARKS: Which = Which("marks");

const SCAN: &str = "what remains is the scan itself: the marks of every sixteen bytes";

const TARGETS: [Target; 6] = [
    Target {
        what: "all detectors on text, against Lua's single `gsub` (eight times as fast; the aim is ten)",
        most: 0.125,
        ratio: |results| results.ratio(ALL, NATIVE),
        because: SCAN,
    },
    Target {
        what: "all detectors on JSON with paths, against Lua (four times; the aim is eight)",
        most: 0.25,
        ratio: |results| results.ratio(PATHS, NATIVE),
        because: SCAN,
    },
    Target {
        what: "cards alone, against Lua (twelve times; the aim is twenty)",
        most: 0.083,
        ratio: |results| results.ratio(CARDS, NATIVE),
        because: SCAN,
    },
    Target {
        what: "digits with separators, against orders",
        most: 3.0,
        ratio: |results| results.ratio(DIGITS, ALL),
        because: "each number is looked at",
    },
    Target {
        what: "colons, ats and dashes, against orders",
        most: 3.0,
        ratio: |results| results.ratio(MARKS, ALL),
        because: "each of them is looked at",
    },
    Target {
        what: "nothing but numbers that are almost cards, against orders",
        most: 3.0,
        ratio: |results| results.ratio(ALMOST, ALL),
        because: "each number is added up, and one in ten is right and masked",
    },
];

/// `\b\d{4}[- ]?\d{4}[- ]?\d{4}[- ]?\d{4}\b`, as Lua writes it.
const LUA: &str = r#"
function envoy_on_response(handle)
  local body = handle:body()
  local text = body:getBytes(0, body:length())
  local masked = string.gsub(text, "%f[%w_]%d%d%d%d[- ]?%d%d%d%d[- ]?%d%d%d%d[- ]?%d%d%d%d%f[^%w_]", "XXXXXXXXXXXXXXXX")
  body:setBytes(masked)
  handle:headers():replace("x-masked", "yes")
end
"#;

/// The experiment.
pub fn experiment() -> Result<Experiment, Failure> {
    let orders = |variant: Variant| variant.of("/text/orders/");
    let all = json!({ "entities": [{ "find": [
        "card", "iban", "us_ssn", "kr_rrn", "uk_nhs", "in_aadhaar", "br_cpf", "email", "phone", "ipv4", "ipv6", "jwt",
        "private_key", "token",
    ] }], "names": {} });
    let mut paths = all.clone();
    if let Value::Object(fields) = &mut paths {
        let include = ["$[*].customer", "$[*].payment", "$[*].items[*].title"];
        fields.insert("json".to_owned(), json!({ "include": include }));
    }
    let cards = json!({ "entities": [{ "find": ["card"] }] });
    let rows = vec![
        ours(CARDS, "cards, on text", &cards)?.of("/text/orders/"),
        ours(ALL, "all detectors, on text", &all)?.of("/text/orders/"),
        ours(Which("json"), "all detectors, on JSON", &all)?.of("/json/orders/"),
        ours(PATHS, "all detectors, on JSON with paths", &paths)?.of("/json/orders/"),
        ours(DIGITS, "all detectors, on digits with separators", &all)?.of("/text/digits/"),
        ours(ALMOST, "all detectors, on numbers that are almost cards", &all)?.of("/text/almost/"),
        ours(MARKS, "all detectors, on colons, ats and dashes", &all)?.of("/text/marks/"),
    ];
    let lua = json!({
        "name": "lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": { "inline_string": LUA },
        },
    });
    let native = Variant::new(NATIVE, "Lua, one `gsub` on the whole body", Some(lua), Works::Header("x-masked"));
    Ok(Experiment {
        title: "Masking bodies in a real Envoy",
        variants: Variant::without().into_iter().map(orders).chain([orders(native)]).chain(rows).collect(),
        peers: &[("Lua", NATIVE)],
        targets: &TARGETS,
        workers: 1,
        client: Client::Paths(COUNT),
        upstream: Some(Upstream::new()?),
        bytes: Some(corpus::SIZE),
    })
}

fn ours(which: Which, name: &'static str, configuration: &Value) -> Result<Variant, Failure> {
    let filter = module("target/tamis/dlp-masking.wasm", &configuration.to_string())?;
    Ok(Variant::new(which, name, Some(filter), Works::Counter("dlp.rule.card.action.masked")))
}
