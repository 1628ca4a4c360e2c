//! Properties: every attribute of rule PROP-3, and paths that are none (PROP-1), in every phase: with and without their maps
//! (PROP-4), before and after the response is known (PROP-5), on the plugin itself (PROP-7). Every value is compared byte by
//! byte (PROP-2), the request's size with and without a declared one (PROP-8).

use super::{BAD_BYTES, BAD_OUT, each};

/// Every attribute of rule PROP-3, and paths that are none.
pub(super) fn properties() -> Vec<String> {
    let roots: [(&str, &[&str]); 14] = [
        (
            "request",
            &[
                "path",
                "url_path",
                "host",
                "scheme",
                "method",
                "referer",
                "useragent",
                "id",
                "protocol",
                "query",
                "time",
                "size",
                "total_size",
                "duration",
                "headers_bytes",
                "headers",
                "headers\\x00x-a",
                "headers\\x00X-A",
                "headers\\x00missing",
                "headers\\x00:path",
                "unknown",
                "",
                "path\\x00more",
            ],
        ),
        (
            "response",
            &[
                "code",
                "flags",
                "grpc_status",
                "size",
                "total_size",
                "code_details",
                "headers",
                "headers\\x00x-r",
                "trailers",
                "trailers\\x00x-t",
                "backend_latency",
                "headers_bytes",
                "unknown",
            ],
        ),
        (
            "connection",
            &[
                "id",
                "mtls",
                "requested_server_name",
                "tls_version",
                "subject_local_certificate",
                "subject_peer_certificate",
                "uri_san_local_certificate",
                "uri_san_peer_certificate",
                "dns_san_local_certificate",
                "dns_san_peer_certificate",
                "sha256_peer_certificate_digest",
                "termination_details",
                "transport_failure_reason",
                "peer_certificate_valid",
                "unknown",
            ],
        ),
        (
            "upstream",
            &[
                "address",
                "port",
                "local_address",
                "transport_failure_reason",
                "tls_version",
                "locality",
                "request_attempt_count",
                "cx_pool_ready_duration",
                "num_endpoints",
                "server_name",
                "unknown",
            ],
        ),
        ("source", &["address", "port", "unknown"]),
        ("destination", &["address", "port", "unknown"]),
        ("metadata", &["filter_metadata", "filter_metadata\\x00none", "unknown"]),
        ("filter_state", &["none", ""]),
        ("upstream_filter_state", &["none"]),
        (
            "xds",
            &[
                "node",
                "node\\x00id",
                "node\\x00cluster",
                "node\\x00metadata",
                "cluster_name",
                "route_name",
                "virtual_host_name",
                "filter_chain_name",
                "cluster_metadata",
                "route_metadata",
                "virtual_host_metadata",
                "upstream_host_metadata",
                "upstream_host_locality_metadata",
                "listener_metadata",
                "listener_direction",
                "unknown",
            ],
        ),
        ("node", &["id"]),
        ("plugin_name", &["more"]),
        ("unknown", &["unknown"]),
        ("listener_metadata", &["filter_metadata"]),
    ];
    let mut calls = Vec::new();
    for (root, fields) in roots {
        calls.push(format!("proxy_get_property \"{root}\" @data"));
        calls.extend(fields.iter().map(|field| format!("proxy_get_property \"{root}\\x00{field}\" @data")));
    }
    let single = [
        "plugin_root_id",
        "plugin_vm_id",
        "connection_id",
        "listener_direction",
        "cluster_name",
        "cluster_metadata",
        "route_name",
        "route_metadata",
        "upstream_host_metadata",
    ];
    calls.extend(single.iter().map(|name| format!("proxy_get_property \"{name}\" @data")));
    calls
}

pub(super) fn properties_bad() -> Vec<String> {
    let mut calls = each("proxy_get_property {} @data", &BAD_BYTES);
    calls.extend(each("proxy_get_property \"plugin_name\" {} @u32", &BAD_OUT));
    calls.extend(each("proxy_get_property \"plugin_name\" @u32 {}", &BAD_OUT));
    calls.extend(each("proxy_get_property \"unknown\" {} @u32", &BAD_OUT));
    calls.extend(each("proxy_set_property {} \"v\"", &BAD_BYTES));
    calls.extend(each("proxy_set_property \"bad\" {}", &BAD_BYTES));
    let odd =
        ["", "\\x00", "\\x00\\x00", "\\x00path", "request\\x00", "request\\x00path\\x00", "request.path", "\\xff", " "];
    calls.extend(odd.iter().map(|path| format!("proxy_get_property \"{path}\" @data")));
    calls
}

pub(super) fn set_property() -> Vec<String> {
    let mut calls = Vec::new();
    for name in ["one", "two\\x00parts", "", "request\\x00path", "plugin_name", "\\xff"] {
        calls.extend([
            format!("proxy_get_property \"{name}\" @data"),
            format!("proxy_set_property \"{name}\" \"value\""),
            format!("proxy_get_property \"{name}\" @data"),
            format!("proxy_get_property \"wasm.{name}\" @data"),
            format!("proxy_get_property \"filter_state\\x00wasm.{name}\" @data"),
            format!("proxy_set_property \"{name}\" \"\""),
            format!("proxy_get_property \"{name}\" @data"),
        ]);
    }
    calls
}
