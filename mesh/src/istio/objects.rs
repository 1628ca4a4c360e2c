//! What an operator has applied before the first filter.

/// The labels of the gateway's proxy, and the flag that selects it.
pub const SELECTOR: &str = "istio=ingressgateway";
pub const NAMESPACE: &str = "istio-system";

/// A gateway on a port of this machine, two upstreams, and a way to each: the second one for `x-version: new`.
pub fn base(gateway: u16, stable: u16, canary: u16) -> String {
    let entry = |name: &str, port: u16| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\n\
             spec:\n  hosts: [{name}.test]\n  location: MESH_EXTERNAL\n  resolution: STATIC\n\
             \x20 ports: [{{number: 80, name: http, protocol: HTTP, targetPort: {port}}}]\n\
             \x20 endpoints: [{{address: 127.0.0.1}}]\n---\n"
        )
    };
    format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: edge, namespace: {NAMESPACE}}}\nspec:\n\
         \x20 selector: {{istio: ingressgateway}}\n  servers:\n\
         \x20 - {{port: {{number: {gateway}, name: http, protocol: HTTP}}, bind: 127.0.0.1, hosts: [\"*\"]}}\n---\n\
         {}{}\
         apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: all, namespace: {NAMESPACE}}}\nspec:\n\
         \x20 hosts: [\"*\"]\n  gateways: [edge]\n  http:\n\
         \x20 - match: [{{headers: {{x-version: {{exact: new}}}}}}]\n\
         \x20   route: [{{destination: {{host: canary.test, port: {{number: 80}}}}}}]\n\
         \x20 - route: [{{destination: {{host: stable.test, port: {{number: 80}}}}}}]\n",
        entry("stable", stable),
        entry("canary", canary)
    )
}

/// An egress gateway: what comes to its port goes on to a server outside.
pub fn egress(port: u16) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: way-out, namespace: {NAMESPACE}}}\nspec:\n\
         \x20 selector: {{istio: egressgateway}}\n  servers:\n\
         \x20 - {{port: {{number: {port}, name: http, protocol: HTTP}}, bind: 127.0.0.1, hosts: [\"*\"]}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: way-out, namespace: {NAMESPACE}}}\nspec:\n\
         \x20 hosts: [\"*\"]\n  gateways: [way-out]\n  http:\n\
         \x20 - route: [{{destination: {{host: canary.test, port: {{number: 80}}}}}}]\n"
    )
}

/// A sidecar without redirection: a port on which it takes requests for its application, and one on which it takes the
/// application's own, which go to `out.test`: a port of a sidecar is for services with a port of that number.
pub fn sidecar(inbound: u16, outbound: u16, application: u16, canary: u16) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: out, namespace: {NAMESPACE}}}\nspec:\n\
         \x20 hosts: [out.test]\n  location: MESH_EXTERNAL\n  resolution: STATIC\n\
         \x20 ports: [{{number: {outbound}, name: http-out, protocol: HTTP, targetPort: {canary}}}]\n\
         \x20 endpoints: [{{address: 127.0.0.1}}]\n---\n\
         apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: web, namespace: {NAMESPACE}}}\nspec:\n\
         \x20 workloadSelector: {{labels: {{app: web}}}}\n  ingress:\n\
         \x20 - {{port: {{number: {inbound}, name: http-in, protocol: HTTP}}, bind: 127.0.0.1, captureMode: NONE, \
         defaultEndpoint: \"127.0.0.1:{application}\"}}\n  egress:\n\
         \x20 - {{port: {{number: {outbound}, name: http-out, protocol: HTTP}}, bind: 127.0.0.1, captureMode: NONE, \
         hosts: [\"./out.test\"]}}\n"
    )
}

/// An `EnvoyFilter` that has Envoy read the module from a file: what `tamis manifest` does not print, because the file has to
/// be mounted into the proxy by other means.
pub fn local_file(module: &std::path::Path, config: &str) -> String {
    let filter = serde_json::json!({
        "name": "local",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "local",
                "configuration": { "@type": "type.googleapis.com/google.protobuf.StringValue", "value": config },
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": module } },
                },
            },
        },
    });
    let router = serde_json::json!({ "filterChain": { "filter": {
        "name": "envoy.filters.network.http_connection_manager",
        "subFilter": { "name": "envoy.filters.http.router" },
    } } });
    serde_json::json!({
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": { "name": "local", "namespace": NAMESPACE },
        "spec": {
            "workloadSelector": { "labels": { "istio": "ingressgateway" } },
            "configPatches": [{
                "applyTo": "HTTP_FILTER",
                "match": { "context": "GATEWAY", "listener": router },
                "patch": { "operation": "INSERT_BEFORE", "value": filter },
            }],
        },
    })
    .to_string()
}
