//! A plain Envoy that finds its filter in a second file and looks at it again whenever it is replaced: extension discovery without a
//! control plane. A new configuration or module then takes effect without a restart.

use serde_json::{Value, json};

use super::Resource;
use super::envoy::{StaticEnvoy, envoy_static};

const WASM_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const EXTENSION_TYPE: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

/// A plain Envoy whose filters are in files of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveredEnvoy {
    /// All of it.
    pub envoy: StaticEnvoy,
    /// The folder of the files, as Envoy sees it.
    pub folder: String,
}

/// The bootstrap configuration and, by name, a file for each filter (`NAME.yaml`).
#[must_use]
pub fn envoy_discovered(discovered: &DiscoveredEnvoy) -> (Resource, Vec<(String, Resource)>) {
    let mut bootstrap = envoy_static(&discovered.envoy);
    let mut files = Vec::new();
    let filters = bootstrap
        .pointer_mut("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters")
        .and_then(Value::as_array_mut);
    for (filter, plugin) in filters.into_iter().flatten().zip(&discovered.envoy.plugins) {
        let file = format!("{}.yaml", plugin.name);
        let mut extension = filter.clone();
        if let Value::Object(fields) = &mut extension {
            fields.insert("@type".to_owned(), json!(EXTENSION_TYPE));
        }
        let mut resource = Resource::of(json!({ "resources": [extension] }));
        resource.note(
            "resources",
            "Replace this file by renaming another one over it: Envoy reads it anew at once, and goes on with the old one when it \
             refuses the new one. A file that is written in place is not seen.",
        );
        resource.note("resources[0].typed_config.config.vm_config.code", "Give a new module a new file name.");
        files.push((file.clone(), resource));
        let path = format!("{}/{file}", discovered.folder.trim_end_matches('/'));
        *filter = json!({
            "name": plugin.name,
            "config_discovery": {
                "config_source": { "path_config_source": { "path": path }, "resource_api_version": "V3" },
                "type_urls": [WASM_TYPE],
            },
        });
    }
    // The watch needs a node's name, as every discovery does.
    if let Value::Object(fields) = &mut bootstrap {
        fields.insert("node".to_owned(), json!({ "id": "tamis", "cluster": "tamis" }));
    }
    (Resource::of(bootstrap), files)
}
