//! Messages of Envoy's API around Wasm, as they stand in patches: an unknown field in them is only a warning of Istio, and then the
//! whole listener is refused by Envoy.

use serde_json::{Map, Value};

use super::Faults;
use super::istio::is_sha256;
use super::shape::{ANY, BOOL, Shape, TEXT, formed, get, hold, list, may, message, must, nearest, text};

const NO_LIMIT: usize = usize::MAX;
const NAME: Shape = text(1, NO_LIMIT);
const UINT32: Shape = Shape::Int(0, 4_294_967_295);

/// `http_filters[]` of a connection manager.
pub(super) const HTTP_FILTER: Shape = message(
    &[
        must("name", &NAME),
        may("typed_config", &ANY),
        may("config_discovery", &DISCOVERY),
        may("is_optional", &BOOL),
        may("disabled", &BOOL),
    ],
    &[|filter| {
        let has = |name: &str| get(filter, name, true).is_some();
        match (has("typed_config"), has("config_discovery")) {
            (false, false) => Some(("", "a filter needs `typed_config`, or `config_discovery`".to_owned())),
            (true, true) => {
                Some(("", "`typed_config` and `config_discovery` together: it is one or the other".to_owned()))
            }
            _ => None,
        }
    }],
);

/// A `TypedExtensionConfig`.
pub(super) const EXTENSION: Shape = message(&[must("name", &NAME), must("typed_config", &ANY)], &[]);

const DISCOVERY: Shape = message(
    &[
        must("config_source", &SOURCE),
        may("default_config", &ANY),
        may("apply_default_config_without_warming", &BOOL),
        must("type_urls", &list(&NAME, NO_LIMIT)),
    ],
    &[],
);

const SOURCE: Shape = message(
    &[
        may("authorities", &ANY),
        may("path", &NAME),
        may("path_config_source", &ANY),
        may("api_config_source", &ANY),
        may("ads", &ANY),
        may("self", &ANY),
        may("initial_fetch_timeout", &DURATION),
        may("resource_api_version", &Shape::Word(&["AUTO", "V2", "V3"])),
    ],
    &[],
);

const DURATION: Shape = formed(1, NO_LIMIT, |text| {
    let number = text.strip_suffix('s').unwrap_or_default();
    let fits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (!fits).then(|| "expected seconds, such as `10s`".to_owned())
});

/// The messages that are known, by the last part of their type.
const TYPES: [(&str, &Shape); 2] =
    [("envoy.extensions.filters.http.wasm.v3.Wasm", &WASM), ("envoy.extensions.filters.network.wasm.v3.Wasm", &WASM)];

/// What else stands in patches around them: known to be no misspelling of the above.
const OTHERS: [&str; 4] = [
    "envoy.extensions.filters.http.rbac.v3.RBAC",
    "envoy.extensions.filters.http.lua.v3.Lua",
    "xds.type.v3.TypedStruct",
    "udpa.type.v1.TypedStruct",
];
const TEXT_TYPE: &str = "google.protobuf.StringValue";

/// Holds an `Any` against the shape of its type, if that is one that is known.
pub(super) fn any(value: &Value, path: &str, faults: &mut Faults) {
    let Some(fields) = value.as_object() else { return };
    let Some(url) = fields.get("@type").and_then(Value::as_str) else {
        faults.error(path, "`@type` is missing".to_owned());
        return;
    };
    let name = url.rsplit('/').next().unwrap_or_default();
    if OTHERS.iter().skip(2).any(|typed| *typed == name) {
        let named = get(fields, "type_url", true).and_then(Value::as_str).and_then(|url| url.rsplit('/').next());
        if let (Some(shape), Some(value)) = (named.and_then(shape_of), fields.get("value")) {
            message_in(shape, value, &format!("{path}.value"), faults);
        }
        return;
    }
    match shape_of(name) {
        Some(shape) => message_in(shape, value, path, faults),
        None if OTHERS.contains(&name) => {}
        None => {
            let known = TYPES.iter().map(|(name, _)| *name).chain(OTHERS).collect::<Vec<_>>();
            let near = nearest(name, &known);
            if !near.is_empty() {
                faults.error(&format!("{path}.@type"), format!("there is no type `{name}`{near}"));
            }
        }
    }
}

fn shape_of(name: &str) -> Option<&'static Shape> {
    TYPES.iter().find(|(known, _)| *known == name).map(|(_, shape)| *shape)
}

/// A message, and the configurations in it.
fn message_in(shape: &Shape, value: &Value, path: &str, faults: &mut Faults) {
    hold(shape, value, path, faults);
    let field = |value: &Value, name: &str| value.as_object().and_then(|fields| get(fields, name, true).cloned());
    let Some(plugin) = field(value, "config") else { return };
    let vm = field(&plugin, "vm_config");
    let both = [("config", Some(plugin)), ("config.vm_config", vm)];
    for (at, holder) in both {
        let Some(configuration) = holder.as_ref().and_then(|holder| field(holder, "configuration")) else { continue };
        let path = format!("{path}.{at}.configuration");
        let kind = configuration.get("@type").and_then(Value::as_str).and_then(|url| url.rsplit('/').next());
        match kind {
            None => faults.error(&path, "`@type` is missing".to_owned()),
            Some(TEXT_TYPE) if !configuration.get("value").is_some_and(Value::is_string) => {
                faults.error(&path, "a StringValue has a text as its `value`".to_owned());
            }
            _ => {}
        }
    }
}

const WASM: Shape = message(&[must("config", &PLUGIN)], &[]);

const PLUGIN: Shape = message(
    &[
        may("name", &TEXT),
        may("root_id", &TEXT),
        must("vm_config", &VM),
        may("configuration", &ANY),
        may("fail_open", &BOOL),
        may("failure_policy", &Shape::Word(&["UNSPECIFIED", "FAIL_RELOAD", "FAIL_CLOSED", "FAIL_OPEN"])),
        may("reload_config", &message(&[may("backoff", &BACKOFF)], &[])),
        may("capability_restriction_config", &message(&[may("allowed_capabilities", &CAPABILITIES)], &[])),
        may("allow_on_headers_stop_iteration", &BOOL),
    ],
    &[|plugin| {
        let both = get(plugin, "fail_open", true).is_some() && get(plugin, "failure_policy", true).is_some();
        both.then(|| ("", "`fail_open` and `failure_policy` together: Envoy refuses both".to_owned()))
    }],
);

const CAPABILITIES: Shape = Shape::Map { value: &ANY, most: NO_LIMIT };
const BACKOFF: Shape = message(&[must("base_interval", &DURATION), may("max_interval", &DURATION)], &[]);

const VM: Shape = message(
    &[
        may("vm_id", &TEXT),
        may(
            "runtime",
            &Shape::Word(&[
                "",
                "envoy.wasm.runtime.v8",
                "envoy.wasm.runtime.wasmtime",
                "envoy.wasm.runtime.wamr",
                "envoy.wasm.runtime.null",
            ]),
        ),
        must("code", &CODE),
        may("configuration", &ANY),
        may("allow_precompiled", &BOOL),
        may("nack_on_code_cache_miss", &BOOL),
        may("environment_variables", &ENVIRONMENT),
    ],
    &[],
);

const ENVIRONMENT: Shape = message(
    &[may("host_env_keys", &list(&NAME, NO_LIMIT)), may("key_values", &Shape::Map { value: &TEXT, most: NO_LIMIT })],
    &[|environment| {
        let values = get(environment, "key_values", true)?.as_object()?;
        let keys = get(environment, "host_env_keys", true)?.as_array()?;
        let twice = keys.iter().filter_map(Value::as_str).find(|key| values.contains_key(*key))?;
        Some(("", format!("`{twice}` comes twice, and Envoy refuses that")))
    }],
);

const CODE: Shape = message(
    &[may("local", &LOCAL), may("remote", &REMOTE)],
    &[|code| (code.len() != 1).then(|| ("", "code is `local` or `remote`, one of them".to_owned()))],
);

const LOCAL: Shape = message(
    &[
        may("filename", &NAME),
        may("inline_bytes", &TEXT),
        may("inline_string", &TEXT),
        may("environment_variable", &NAME),
        may("watched_directory", &ANY),
    ],
    &[],
);

const REMOTE: Shape = message(
    &[
        must("http_uri", &message(&[must("uri", &NAME), must("cluster", &NAME), must("timeout", &DURATION)], &[])),
        may("sha256", &TEXT),
        may("retry_policy", &RETRY),
    ],
    &[checksum],
);

const RETRY: Shape = message(
    &[
        may("retry_back_off", &BACKOFF),
        may("num_retries", &UINT32),
        may("retry_on", &TEXT),
        may("retry_priority", &ANY),
        may("retry_host_predicate", &ANY),
        may("host_selection_retry_max_attempts", &ANY),
    ],
    &[],
);

/// What Envoy fetches itself needs a checksum; what Istio's agent fetches may have one.
fn checksum(remote: &Map<String, Value>) -> Option<(&'static str, String)> {
    let uri = get(remote, "http_uri", true)?.get("uri")?.as_str()?;
    let sum = get(remote, "sha256", true).and_then(Value::as_str).unwrap_or_default();
    let what = match (uri.starts_with("oci://"), sum) {
        (true, "" | "nil") => return None,
        (false, "" | "nil") => "Envoy fetches this itself, and demands `sha256`, the module's",
        (_, sum) if !is_sha256(sum) => "`sha256` is no checksum: expected 64 digits of 0-9 and a-f",
        _ => return None,
    };
    Some(("", what.to_owned()))
}
