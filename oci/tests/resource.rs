//! Resources say what was asked for, and their YAML means the same as their JSON.

use serde_json::{Value, json};
use tamis_module::plugin_config::{FailurePolicy, PluginConfig};
use tamis_oci::resource::{StaticEnvoy, Target, Upstream, envoy_static};

fn plugin(name: &str) -> PluginConfig {
    PluginConfig {
        name: name.to_owned(),
        root_id: String::new(),
        vm_id: "edge".to_owned(),
        module_path: "/etc/envoy/headers.wasm".to_owned(),
        configuration: None,
        failure_policy: FailurePolicy::Closed,
        allow_on_headers_stop_iteration: false,
        environment: Vec::new(),
        vm_configuration: None,
        allowed_capabilities: Vec::new(),
    }
}

fn envoy(plugins: Vec<PluginConfig>) -> StaticEnvoy {
    StaticEnvoy {
        plugins,
        listen: ([127, 0, 0, 1], 10_000).into(),
        upstream: Upstream { host: "127.0.0.1".to_owned(), port: 8080 },
        buffer_limit: None,
        admin: None,
    }
}

fn at(config: &Value, path: &str) -> Value {
    config.pointer(&format!("/static_resources{path}")).cloned().unwrap_or(Value::Null)
}

/// What YAML would take for a boolean, a number, nothing, a comment, or the end of a text.
pub const TRAPS: [&str; 23] = [
    "n", "y", "no", "On", "1", "0x10", "1e3", ".5", "null", "~", "", " x ", "a: b", "a #b", "- x", "'", "\"", "{",
    "*x", "!x", "é\u{7f}", "a\nb\n", "\t",
];

const MANAGER: &str = "/listeners/0/filter_chains/0/filters/0/typed_config";

#[test]
fn the_filters_come_in_order_and_before_the_router() {
    let config = envoy_static(&envoy(vec![plugin("one"), plugin("two")]));
    let filters = at(&config, &format!("{MANAGER}/http_filters"));
    let names: Vec<&Value> = filters.as_array().unwrap().iter().map(|filter| &filter["name"]).collect();
    assert_eq!(names, ["one", "two", "envoy.filters.http.router"]);
    assert_eq!(filters[0], plugin("one").http_filter());
}

#[test]
fn addresses_and_the_kind_of_cluster_follow_the_input() {
    let socket = |address: &str, port: u16| json!({ "socket_address": { "address": address, "port_value": port } });
    let mut wanted = envoy(vec![plugin("one")]);
    let config = envoy_static(&wanted);
    assert_eq!(at(&config, "/listeners/0/address"), socket("127.0.0.1", 10_000));
    assert_eq!(at(&config, "/clusters/0/type"), "STATIC");
    assert_eq!(config.get("admin"), None);

    wanted.upstream = Upstream { host: "app.example".to_owned(), port: 80 };
    wanted.admin = Some(([127, 0, 0, 1], 9901).into());
    let config = envoy_static(&wanted);
    assert_eq!(at(&config, "/clusters/0/type"), "STRICT_DNS");
    let endpoint = at(&config, "/clusters/0/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address");
    assert_eq!(endpoint, socket("app.example", 80));
    assert_eq!(config["admin"], json!({ "address": socket("127.0.0.1", 9901) }));
}

#[test]
fn yaml_reads_back_as_the_same_values() {
    let environment = TRAPS.iter().enumerate().map(|(n, value)| (format!("K{n}"), (*value).to_owned())).collect();
    let configuration = Some("{\"set\":[{\"name\":\"x-a\",\"value\":\"a: 'b' #c\\n\"}],\n \"n\":1}".to_owned());
    let target = Target::Envoy(envoy(vec![PluginConfig { environment, configuration, ..plugin("n") }]));
    let yaml = target.to_yaml().unwrap();
    let back: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(back, target.to_json().unwrap(), "{yaml}");
    assert!(yaml.lines().count() > 40, "{yaml}");
}
