//! Cases about local replies: gRPC statuses, other streams, a reply and a close.

use super::Case;
use super::guest::{guest, tracer};

pub fn all() -> Vec<Case> {
    let mut cases = vec![for_another_stream(), and_close()];
    cases.extend(grpc_statuses());
    cases
}

const IMPORT: &str =
    r#"(import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;

fn reply(grpc_status: i32) -> String {
    let nothing = "(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)";
    format!("(drop (call $reply (i32.const 403) {nothing} (i32.const {grpc_status})))")
}

/// LR-3: a status of gRPC counts from 0 to 16; others are none, and the one of HTTP decides.
fn grpc_statuses() -> Vec<Case> {
    let case = |name, status, answer| {
        let on_headers = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)"#;
        let text = guest(&[], &format!("{IMPORT}\n{on_headers} {} (i32.const 0))", reply(status)));
        let headers = &[("content-type", "application/grpc")];
        Case { name, filters: vec![(text, "", "")], requests: 1, headers, answers: vec![answer], ..Case::default() }
    };
    vec![
        case("grpc-none", -1, "200 grpc 7"),
        case("grpc-first", 0, "200 grpc 0"),
        case("grpc-last", 16, "200 grpc 16"),
        case("grpc-above", 17, "200 grpc 7"),
        case("grpc-below", -2, "200 grpc 7"),
    ]
}

/// LR-13: who replies for another stream stops its own.
fn for_another_stream() -> Case {
    let text = guest(
        &["first", "second", "response"],
        &format!(
            r#"{IMPORT}
               (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
               (global $stream (mut i32) (i32.const 0))
               (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
                   (if (i32.eqz (global.get $stream))
                       (then (global.set $stream (local.get $id)) (call $say_first) (return (i32.const 4))))
                   (call $say_second)
                   (drop (call $effective (global.get $stream))) {} (i32.const 0))
               (func (export "proxy_on_response_headers") (param $id i32) (param i32 i32) (result i32)
                   (call $tell_response (i32.eq (local.get $id) (global.get $stream))) (i32.const 0))"#,
            reply(-1)
        ),
    );
    Case {
        name: "for-another",
        filters: vec![(text, "", "")],
        requests: 2,
        together: true,
        said: vec!["first", "second", "response 1"],
        answers: vec!["403", "nothing"],
        ..Case::default()
    }
}

/// LR-14: the stream ends, and then the filter sees the reply.
fn and_close() -> Case {
    // With a body: one without ends the process.
    let on_headers = r#"(drop (call $reply (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 4096) (i32.const 1)
            (i32.const 0) (i32.const 0) (i32.const -1)))
        (drop (call $close (i32.const 0))) (i32.const 0)"#;
    let import = r#"(import "env" "proxy_close_stream" (func $close (param i32) (result i32)))"#;
    let text = tracer("a", on_headers).replacen("(import", &format!("{import}\n(import"), 1);
    Case {
        name: "reply-close",
        filters: vec![(text, "", "")],
        requests: 1,
        said: vec!["a create 2", "a request", "a log", "a done", "a delete", "a response"],
        answers: vec!["reset"],
        ..Case::default()
    }
}
