//! Resources that an operator writes by hand: gateway, backends, routes, and the patch that standalone mode needs.

use std::path::Path;

/// The port that the gateway's listener has.
pub const PORT: u16 = 8888;

/// The gateway, on an Envoy of this version.
pub fn gateway(envoy: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: here}}\nspec:\n\
         \x20 controllerName: gateway.envoyproxy.io/gatewayclass-controller\n\
         \x20 parametersRef: {{group: gateway.envoyproxy.io, kind: EnvoyProxy, name: here, namespace: envoy-gateway-system}}\n---\n\
         apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyProxy\n\
         metadata: {{name: here, namespace: envoy-gateway-system}}\nspec:\n\
         \x20 provider: {{type: Host, host: {{envoyVersion: {envoy}}}}}\n  concurrency: 2\n---\n\
         apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: edge, namespace: default}}\nspec:\n\
         \x20 gatewayClassName: here\n  listeners: [{{name: http, protocol: HTTP, port: {PORT}}}]\n"
    )
}

/// A server of this machine.
pub fn backend(name: &str, port: u16) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: {{name: {name}, namespace: default}}\nspec:\n\
         \x20 endpoints: [{{ip: {{address: 127.0.0.1, port: {port}}}}}]\n"
    )
}

/// Where modules are fetched from, and with which certificates, when there is no cluster.
pub fn module_server(config_home: &Path) -> String {
    let certificates = config_home.join("certs/envoy");
    let file = |name: &str| certificates.join(name).display().to_string();
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyPatchPolicy\nmetadata: {{name: module-server, namespace: default}}\n\
         spec:\n  targetRef: {{group: gateway.networking.k8s.io, kind: Gateway, name: edge}}\n  type: JSONPatch\n  jsonPatches:\n\
         \x20 - type: type.googleapis.com/envoy.config.cluster.v3.Cluster\n    name: wasm_cluster\n    operation:\n      op: replace\n\
         \x20     path: /load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/address\n\
         \x20     value: 127.0.0.1\n\
         \x20 - type: type.googleapis.com/envoy.config.cluster.v3.Cluster\n    name: wasm_cluster\n    operation:\n      op: replace\n\
         \x20     path: /transport_socket/typed_config/common_tls_context\n      value:\n\
         \x20       tls_params: {{tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}}\n\
         \x20       tls_certificates: [{{certificate_chain: {{filename: {}}}, private_key: {{filename: {}}}}}]\n\
         \x20       validation_context: {{trusted_ca: {{filename: {}}}}}\n",
        file("tls.crt"),
        file("tls.key"),
        file("ca.crt")
    )
}

/// A route for `NAME.test`, with its rules as YAML flow.
pub fn route(name: &str, rules: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: {name}, namespace: default}}\nspec:\n\
         \x20 parentRefs: [{{name: edge}}]\n  hostnames: [{name}.test]\n  rules: {rules}\n"
    )
}

/// A reference to a backend, with a weight if it is said.
pub fn to(backend: &str, weight: Option<u32>) -> String {
    let weight = weight.map(|weight| format!(", weight: {weight}")).unwrap_or_default();
    format!("{{group: gateway.envoyproxy.io, kind: Backend, name: {backend}{weight}}}")
}

/// All requests to one backend.
pub fn simple(name: &str) -> String {
    route(name, &format!("[{{backendRefs: [{}]}}]", to("stable", None)))
}

/// A policy as one writes it without Tamis: one name for all versions.
pub fn plain_policy(name: &str, route: &str, code: &str, greeting: &str) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyExtensionPolicy\nmetadata: {{name: {name}, namespace: default}}\n\
         spec:\n  targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: {route}}}]\n\
         \x20 wasm: [{{name: hello, code: {code}, config: {{greeting: {greeting}}}}}]\n"
    )
}
