//! Calls that leave the proxy (rules HC-1, GRPC-1, GRPC-3), and foreign functions (FF-1): as far as they fail at once.

use super::{BAD_BYTES, BAD_OUT, each, lines, pairs};

pub(super) fn http_call() -> Vec<String> {
    let whole = pairs(&[(":method", "GET"), (":path", "/bare"), (":authority", "a")]);
    let mut calls = Vec::new();
    for (cluster, headers, timeout) in [
        ("none", whole.clone(), "100"),
        ("", whole.clone(), "100"),
        ("upstream", pairs(&[(":path", "/bare"), (":authority", "a")]), "100"),
        ("upstream", pairs(&[(":method", "GET"), (":authority", "a")]), "100"),
        ("upstream", pairs(&[(":method", "GET"), (":path", "/bare")]), "100"),
        ("upstream", String::new(), "100"),
        ("upstream", "\\x01".to_owned(), "100"),
        ("upstream", whole.clone(), "-1"),
        ("none", String::new(), "-1"),
    ] {
        calls.push(format!("proxy_http_call \"{cluster}\" \"{headers}\" \"\" \"\" {timeout} @u32"));
    }
    for bad in BAD_BYTES {
        calls.push(format!("proxy_http_call {bad} \"{whole}\" \"\" \"\" 100 @u32"));
        calls.push(format!("proxy_http_call \"none\" {bad} \"\" \"\" 100 @u32"));
        calls.push(format!("proxy_http_call \"none\" \"{whole}\" {bad} \"\" 100 @u32"));
        calls.push(format!("proxy_http_call \"none\" \"{whole}\" \"\" {bad} 100 @u32"));
    }
    calls.extend(BAD_OUT.map(|out| format!("proxy_http_call \"none\" \"{whole}\" \"\" \"\" 100 {out}")));
    calls
}

pub(super) fn grpc() -> Vec<String> {
    let mut calls = lines(&[
        "proxy_grpc_call \"no-such-cluster\" \"s\" \"m\" \"\" \"\" 100 @u32",
        "proxy_grpc_stream \"no-such-cluster\" \"s\" \"m\" \"\" @u32",
    ]);
    for token in [0, 1, 4, 5, 6, 99, -1] {
        calls.push(format!("proxy_grpc_send {token} \"m\" 0"));
        calls.push(format!("proxy_grpc_send {token} \"m\" 1"));
        calls.push(format!("proxy_grpc_close {token}"));
        calls.push(format!("proxy_grpc_cancel {token}"));
    }
    calls.extend(each("proxy_grpc_send 4 {} 0", &BAD_BYTES));
    calls.extend(each("proxy_grpc_send 5 {} 0", &BAD_BYTES));
    for bad in BAD_BYTES {
        calls.push(format!("proxy_grpc_call {bad} \"s\" \"m\" \"\" \"\" 100 @u32"));
        calls.push(format!("proxy_grpc_call \"no-such-cluster\" {bad} \"m\" \"\" \"\" 100 @u32"));
        calls.push(format!("proxy_grpc_call \"no-such-cluster\" \"s\" \"m\" \"\" {bad} 100 @u32"));
        calls.push(format!("proxy_grpc_stream {bad} \"s\" \"m\" \"\" @u32"));
        calls.push(format!("proxy_grpc_stream \"no-such-cluster\" \"s\" {bad} \"\" @u32"));
    }
    calls
}

pub(super) fn foreign() -> Vec<String> {
    let mut calls = lines(&[
        "proxy_call_foreign_function \"none\" \"\" @data",
        "proxy_call_foreign_function \"\" \"\" @data",
        "proxy_call_foreign_function \"compress\" \"aaaaaaaaaa\" @data",
        "proxy_call_foreign_function \"compress\" \"\" @data",
        "proxy_call_foreign_function \"uncompress\" \"no zlib\" @data",
        "proxy_call_foreign_function \"uncompress\" \"\" @data",
        "proxy_call_foreign_function \"clear_route_cache\" \"\" @data",
        "proxy_call_foreign_function \"clear_route_cache\" \"x\" @data",
        "proxy_call_foreign_function \"declare_property\" \"\" @data",
        "proxy_call_foreign_function \"declare_property\" \"\\xff\" @data",
        "proxy_call_foreign_function \"set_envoy_filter_state\" \"\\xff\" @data",
        "proxy_call_foreign_function \"verify_signature\" \"\\xff\" @data",
        "proxy_call_foreign_function \"sign\" \"\\xff\" @data",
        "proxy_call_foreign_function \"expr_create\" \"1 + 1\" @data",
        "proxy_call_foreign_function \"expr_delete\" \"\\x00\\x00\\x00\\x00\" @data",
        "proxy_call_foreign_function \"none\" \"\" !null !null",
    ]);
    calls.extend(each("proxy_call_foreign_function {} \"\" @data", &BAD_BYTES));
    calls.extend(each("proxy_call_foreign_function \"none\" {} @data", &BAD_BYTES));
    calls.extend(each("proxy_call_foreign_function \"compress\" {} @data", &BAD_BYTES));
    calls.extend(each("proxy_call_foreign_function \"compress\" \"a\" {} @u32", &BAD_OUT));
    calls
}
