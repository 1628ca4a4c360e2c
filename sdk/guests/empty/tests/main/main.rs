//! What the SDK puts into a module: exports, imports, bytes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod costs;

use std::path::Path;

use tamis_module::ModuleInfo;

/// Exports that every filter has, beside its memory.
const ALWAYS: [&str; 4] =
    ["proxy_abi_version_0_2_1", "proxy_on_configure", "proxy_on_context_create", "proxy_on_memory_allocate"];

/// What the smallest filters do not ask the host for.
const ABSENT: [&str; 10] = [
    "clock_time_get",
    "environ_get",
    "proxy_continue_stream",
    "proxy_define_metric",
    "proxy_get_shared_data",
    "proxy_http_call",
    "proxy_set_buffer_bytes",
    "proxy_set_effective_context",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
];

fn module(name: &str) -> Vec<u8> {
    // Cargo's folder for tests is in the target folder, where `tamis build` writes.
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tamis").join(format!("{name}.wasm"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; run `make modules`", file.display()))
}

/// The exported functions, but for those that every filter has.
fn own_exports(name: &str) -> Vec<String> {
    let info = ModuleInfo::parse(&module(name)).unwrap();
    let mut names = info.exports.into_iter().map(|export| export.name).collect::<Vec<_>>();
    names.sort();
    assert!(ALWAYS.iter().all(|always| names.iter().any(|name| name == always)), "{name}: {names:?}");
    names.retain(|name| name.starts_with("proxy_") && !ALWAYS.contains(&name.as_str()));
    names
}

#[test]
fn a_module_exports_the_phases_that_its_filter_has() {
    assert_eq!(own_exports("empty"), ["proxy_on_request_headers"]);
    assert_eq!(own_exports("two-headers"), ["proxy_on_request_headers", "proxy_on_response_headers"]);
    let bodies = [
        "proxy_on_delete",
        "proxy_on_request_body",
        "proxy_on_request_headers",
        "proxy_on_request_trailers",
        "proxy_on_response_body",
        "proxy_on_response_headers",
        "proxy_on_response_trailers",
    ];
    assert_eq!(own_exports("bodies"), bodies);
    let tcp = [
        "proxy_on_delete",
        "proxy_on_downstream_connection_close",
        "proxy_on_downstream_data",
        "proxy_on_upstream_data",
    ];
    assert_eq!(own_exports("tcp"), tcp);
    let answers = [
        "proxy_on_delete",
        "proxy_on_downstream_data",
        "proxy_on_grpc_close",
        "proxy_on_grpc_receive",
        "proxy_on_grpc_receive_initial_metadata",
        "proxy_on_grpc_receive_trailing_metadata",
        "proxy_on_http_call_response",
        "proxy_on_new_connection",
        "proxy_on_tick",
    ];
    assert_eq!(own_exports("tcp-callouts"), answers);
}

#[test]
fn a_filter_asks_the_host_only_for_what_it_uses() {
    for name in ["empty", "two-headers"] {
        let info = ModuleInfo::parse(&module(name)).unwrap();
        let names = info.imports.iter().map(|import| import.name.as_str()).collect::<Vec<_>>();
        for absent in ABSENT {
            assert!(!names.contains(&absent), "{name} imports {absent}: {names:?}");
        }
    }
}

/// What waiting for an answer brings is in no filter that does not wait, over TCP either.
#[test]
fn a_filter_for_tcp_without_callouts_has_nothing_of_them() {
    let waits = ["proxy_continue_stream", "proxy_http_call", "proxy_set_effective_context"];
    let imports = |name: &str| {
        let imports = ModuleInfo::parse(&module(name)).unwrap().imports;
        imports.into_iter().map(|import| import.name).filter(|name| waits.contains(&name.as_str())).count()
    };
    assert_eq!((imports("tcp"), imports("tcp-callouts")), (0, 3));
}

/// Bytes after post-link, at most; a few hundred above what Rust 1.95 makes of them.
#[test]
fn modules_stay_small() {
    for (name, most) in [("empty", 15_000), ("two-headers", 20_000), ("hello", 75_000), ("tcp", 30_000)] {
        let bytes = module(name).len();
        assert!(bytes <= most, "{name} has {bytes} bytes, at most {most} were meant");
    }
}
