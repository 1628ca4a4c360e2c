//! How Envoy is told to load a module: the one place that writes it.

use serde_json::{Value, json};

/// What Envoy does with a stream after the module has trapped (FAIL-3 to FAIL-8). Not to be confused with a filter's
/// own `on_error`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// Answer 503. Envoy's default.
    #[default]
    Closed,
    /// Leave the filter out of new streams; the stream that trapped still gets 503.
    Open,
    /// Load the module anew, with a pause of a second or more in between, and answer 503 until then.
    Reload,
}

impl FailurePolicy {
    /// The name of the enumeration's value in Envoy's API.
    #[must_use]
    pub const fn envoy_name(self) -> &'static str {
        match self {
            Self::Closed => "FAIL_CLOSED",
            Self::Open => "FAIL_OPEN",
            Self::Reload => "FAIL_RELOAD",
        }
    }
}

/// Everything Envoy must know to load a module from a local file as a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginConfig {
    /// Name of the filter and of the plugin; it stands in Envoy's log before the module's lines.
    pub name: String,
    /// Which of the module's plugins, where it has several; mostly empty.
    pub root_id: String,
    /// Keeps VMs, and so shared data, apart from those of others with the same code; may be empty.
    pub vm_id: String,
    /// The module's file, as Envoy sees it.
    pub module_path: String,
    /// The plugin's configuration as JSON text, handed over byte for byte; without, the module sees an empty one.
    pub configuration: Option<String>,
    /// What happens after a trap.
    pub failure_policy: FailurePolicy,
    /// Whether the module may hold headers and see the body meanwhile (BODY-1); Envoy 1.35 and newer know the field.
    pub allow_on_headers_stop_iteration: bool,
    /// Environment variables of the VM, in order.
    pub environment: Vec<(String, String)>,
    /// The VM's own configuration, handed over byte for byte; part of what tells VMs apart.
    pub vm_configuration: Option<String>,
    /// The host functions and callbacks that the module may use (CAP-1); all, when it is empty.
    pub allowed_capabilities: Vec<String>,
}

impl PluginConfig {
    /// One entry of `http_filters` of an HTTP connection manager, in the JSON form of Envoy's API. Fields that have
    /// Envoy's default are left out.
    #[must_use]
    pub fn http_filter(&self) -> Value {
        json!({
            "name": self.name,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": self.plugin(),
            },
        })
    }

    /// One entry of a filter chain's `filters`: the same plugin as a network filter, which sees a connection's bytes.
    #[must_use]
    pub fn network_filter(&self) -> Value {
        json!({
            "name": self.name,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm",
                "config": self.plugin(),
            },
        })
    }

    /// The message `envoy.extensions.wasm.v3.PluginConfig`.
    fn plugin(&self) -> Value {
        let mut plugin = json!({
            "name": self.name,
            "vm_config": self.vm(),
            "failure_policy": self.failure_policy.envoy_name(),
        });
        let mut set = |key: &str, value: Value| {
            if let Value::Object(fields) = &mut plugin {
                fields.insert(key.to_owned(), value);
            }
        };
        if !self.root_id.is_empty() {
            set("root_id", json!(self.root_id));
        }
        if let Some(text) = &self.configuration {
            // A string, not a Struct: a Struct turns every number into a double and forgets the order of keys.
            set("configuration", string_value(text));
        }
        if !self.allowed_capabilities.is_empty() {
            let names: serde_json::Map<String, Value> =
                self.allowed_capabilities.iter().map(|name| (name.clone(), json!({}))).collect();
            set("capability_restriction_config", json!({ "allowed_capabilities": names }));
        }
        if self.allow_on_headers_stop_iteration {
            set("allow_on_headers_stop_iteration", json!(true));
        }
        plugin
    }

    /// The message `envoy.extensions.wasm.v3.VmConfig`.
    fn vm(&self) -> Value {
        let mut vm = json!({
            "runtime": "envoy.wasm.runtime.v8",
            "code": { "local": { "filename": self.module_path } },
        });
        if let Value::Object(fields) = &mut vm {
            if !self.vm_id.is_empty() {
                fields.insert("vm_id".to_owned(), json!(self.vm_id));
            }
            if !self.environment.is_empty() {
                let pairs: serde_json::Map<String, Value> =
                    self.environment.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
                fields.insert("environment_variables".to_owned(), json!({ "key_values": pairs }));
            }
            if let Some(text) = &self.vm_configuration {
                fields.insert("configuration".to_owned(), string_value(text));
            }
        }
        vm
    }
}

/// A message that hands a text over as it is.
fn string_value(text: &str) -> Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin() -> PluginConfig {
        PluginConfig {
            name: "t".into(),
            root_id: String::new(),
            vm_id: String::new(),
            module_path: "/m.wasm".into(),
            configuration: None,
            failure_policy: FailurePolicy::Closed,
            allow_on_headers_stop_iteration: false,
            environment: Vec::new(),
            vm_configuration: None,
            allowed_capabilities: Vec::new(),
        }
    }

    #[test]
    fn writes_only_what_is_set() {
        let config = json!({
            "name": "t",
            "failure_policy": "FAIL_CLOSED",
            "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": "/m.wasm"}}},
        });
        for filter in [plugin().http_filter(), plugin().network_filter()] {
            assert_eq!(filter.pointer("/typed_config/config"), Some(&config));
        }
    }

    #[test]
    fn writes_everything_that_is_set() {
        let filter = PluginConfig {
            root_id: "r".into(),
            vm_id: "v".into(),
            configuration: Some("{\"b\":1,\"a\":2}".into()),
            failure_policy: FailurePolicy::Reload,
            allow_on_headers_stop_iteration: true,
            environment: vec![("K".into(), "V".into())],
            vm_configuration: Some("{}".into()),
            allowed_capabilities: vec!["proxy_log".into()],
            ..plugin()
        }
        .http_filter();
        let at = |path: &str| filter.pointer(&format!("/typed_config/config{path}")).cloned();
        assert_eq!(at("/configuration/value"), Some(json!("{\"b\":1,\"a\":2}")));
        assert_eq!(at("/configuration/@type"), Some(json!("type.googleapis.com/google.protobuf.StringValue")));
        assert_eq!(at("/vm_config/vm_id"), Some(json!("v")));
        assert_eq!(at("/vm_config/environment_variables/key_values/K"), Some(json!("V")));
        assert_eq!(at("/vm_config/configuration/value"), Some(json!("{}")));
        let capabilities = at("/capability_restriction_config/allowed_capabilities");
        assert_eq!(capabilities, Some(json!({ "proxy_log": {} })));
        assert_eq!(at("/root_id"), Some(json!("r")));
        assert_eq!(at("/allow_on_headers_stop_iteration"), Some(json!(true)));
        assert_eq!(at("/failure_policy"), Some(json!("FAIL_RELOAD")));
    }
}
