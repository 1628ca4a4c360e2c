//! Istio's `EnvoyFilter`; what a patch brings is held against Envoy's API, as far as Wasm goes.

use serde_json::{Map, Value};

use super::Faults;
use super::envoy::{EXTENSION, HTTP_FILTER, any};
use super::istio::{INT32, LABEL, TARGET};
use super::shape::{ANY, Shape, TEXT, hold, list, may, object};

const NO_LIMIT: usize = usize::MAX;
const UINT32: Shape = Shape::Int(0, 4_294_967_295);

/// The specification.
pub(super) const ENVOY_FILTER: Shape = object(
    &[
        may("configPatches", &list(&PATCH, NO_LIMIT)),
        may("priority", &INT32),
        may("targetRefs", &list(&TARGET, 16)),
        may("workloadSelector", &object(&[may("labels", &Shape::Map { value: &LABEL, most: 256 })], &[])),
    ],
    &[|spec| {
        let both = spec.contains_key("workloadSelector") && spec.contains_key("targetRefs");
        both.then(|| ("targetRefs", "only one of workloadSelector and targetRefs can be set".to_owned()))
    }],
);

const PATCH: Shape = object(
    &[
        may(
            "applyTo",
            &Shape::Word(&[
                "INVALID",
                "LISTENER",
                "FILTER_CHAIN",
                "NETWORK_FILTER",
                "HTTP_FILTER",
                "ROUTE_CONFIGURATION",
                "VIRTUAL_HOST",
                "HTTP_ROUTE",
                "CLUSTER",
                "EXTENSION_CONFIG",
                "BOOTSTRAP",
                "LISTENER_FILTER",
            ]),
        ),
        may("match", &MATCH),
        may("patch", &OPERATION),
    ],
    &[],
);

const OPERATION: Shape = object(
    &[
        may("filterClass", &Shape::Word(&["UNSPECIFIED", "AUTHN", "AUTHZ", "STATS"])),
        may(
            "operation",
            &Shape::Word(&[
                "INVALID",
                "MERGE",
                "ADD",
                "REMOVE",
                "INSERT_BEFORE",
                "INSERT_AFTER",
                "INSERT_FIRST",
                "REPLACE",
                "MERGE_AND_REPLACE_LIST",
            ]),
        ),
        may("value", &Shape::Map { value: &ANY, most: NO_LIMIT }),
    ],
    &[],
);

const FILTER: Shape = object(&[may("name", &TEXT), may("subFilter", &object(&[may("name", &TEXT)], &[]))], &[]);

const MATCH: Shape = object(
    &[
        may(
            "cluster",
            &object(
                &[may("name", &TEXT), may("portNumber", &UINT32), may("service", &TEXT), may("subset", &TEXT)],
                &[],
            ),
        ),
        may("context", &Shape::Word(&["ANY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY", "WAYPOINT"])),
        may("listener", &LISTENER),
        may(
            "proxy",
            &object(&[may("metadata", &Shape::Map { value: &TEXT, most: NO_LIMIT }), may("proxyVersion", &TEXT)], &[]),
        ),
        may("routeConfiguration", &ROUTES),
        may("waypoint", &WAYPOINT),
    ],
    &[
        |found| {
            let named = ["cluster", "listener", "routeConfiguration", "waypoint"]
                .into_iter()
                .filter(|name| found.contains_key(*name));
            let named = named.collect::<Vec<_>>();
            (named.len() > 1).then(|| ("", format!("only one of {} can be matched", named.join(" and "))))
        },
        |found| {
            let waypoint = found.get("context").is_some_and(|context| context == "WAYPOINT");
            let what = match (waypoint, found.contains_key("waypoint")) {
                (true, false) => "the context WAYPOINT needs `waypoint`",
                (false, true) => "`waypoint` needs the context WAYPOINT",
                _ => return None,
            };
            Some(("", what.to_owned()))
        },
    ],
);

const LISTENER: Shape = object(
    &[
        may(
            "filterChain",
            &object(
                &[
                    may("applicationProtocols", &TEXT),
                    may("destinationPort", &UINT32),
                    may("filter", &FILTER),
                    may("name", &TEXT),
                    may("sni", &TEXT),
                    may("transportProtocol", &TEXT),
                ],
                &[],
            ),
        ),
        may("listenerFilter", &TEXT),
        may("name", &TEXT),
        may("portName", &TEXT),
        may("portNumber", &UINT32),
    ],
    &[],
);

const ROUTES: Shape = object(
    &[
        may("gateway", &TEXT),
        may("name", &TEXT),
        may("portName", &TEXT),
        may("portNumber", &UINT32),
        may("vhost", &object(&[may("domainName", &TEXT), may("name", &TEXT), may("route", &ROUTE)], &[])),
    ],
    &[],
);

const ROUTE: Shape =
    object(&[may("action", &Shape::Word(&["ANY", "ROUTE", "REDIRECT", "DIRECT_RESPONSE"])), may("name", &TEXT)], &[]);

const WAYPOINT: Shape = object(
    &[may("filter", &FILTER), may("portNumber", &UINT32), may("route", &object(&[may("name", &TEXT)], &[]))],
    &[|waypoint| {
        let zero = waypoint.get("portNumber")?.as_i64().is_some_and(|port| !(1..=65_535).contains(&port));
        zero.then(|| ("portNumber", "a port is between 1 and 65535".to_owned()))
    }],
);

/// What the schema does not say of the patches, because it does not know Envoy.
pub(super) fn patches(spec: &Map<String, Value>, faults: &mut Faults) {
    let patches = spec.get("configPatches").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if patches.is_empty() {
        faults.warning("spec", "it has no patches, so it does nothing".to_owned());
    }
    for (number, patch) in patches.iter().enumerate() {
        let at = format!("spec.configPatches[{number}]");
        let word = |path: &str| patch.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let (kind, operation) = (word("/applyTo"), word("/patch/operation"));
        if kind.is_empty() {
            faults.error(&at, "`applyTo` is missing".to_owned());
        }
        let Some(value) = patch.pointer("/patch/value") else {
            if !matches!(operation, "REMOVE" | "") {
                faults.error(&at, format!("{operation} without a value"));
            }
            continue;
        };
        let path = format!("{at}.patch.value");
        match (kind, operation) {
            ("HTTP_FILTER", "ADD" | "INSERT_BEFORE" | "INSERT_AFTER" | "INSERT_FIRST" | "REPLACE") => {
                hold(&HTTP_FILTER, value, &path, faults);
                typed(value, &path, faults);
                beside_what(patch, operation, &at, faults);
            }
            ("EXTENSION_CONFIG", operation) => {
                if operation != "ADD" {
                    faults.error(&format!("{at}.patch.operation"), "an EXTENSION_CONFIG can only be added".to_owned());
                }
                hold(&EXTENSION, value, &path, faults);
                typed(value, &path, faults);
            }
            _ => {}
        }
    }
}

fn typed(value: &Value, path: &str, faults: &mut Faults) {
    for name in ["typed_config", "typedConfig"] {
        if let Some(config) = value.get(name) {
            any(config, &format!("{path}.{name}"), faults);
        }
    }
}

/// A filter that is put beside another has to say which one.
fn beside_what(patch: &Value, operation: &str, at: &str, faults: &mut Faults) {
    let manager = "/match/listener/filterChain/filter/name";
    let beside = patch
        .pointer("/match/listener/filterChain/filter/subFilter/name")
        .or_else(|| patch.pointer("/match/waypoint/filter/subFilter/name"));
    if matches!(operation, "INSERT_BEFORE" | "INSERT_AFTER") && beside.is_none() {
        let what = format!(
            "{operation} what? `match.listener.filterChain.filter.subFilter.name` is missing, so Istio puts it where it likes: name \
             envoy.filters.http.router"
        );
        faults.error(at, what);
    }
    let manager = patch.pointer(manager).and_then(Value::as_str);
    if manager.is_some_and(|name| name != "envoy.filters.network.http_connection_manager") {
        let path = format!("{at}.match.listener.filterChain.filter.name");
        faults.error(&path, "HTTP filters are in envoy.filters.network.http_connection_manager alone".to_owned());
    }
}
