//! The cases, by rule.

use super::Case;
use super::guest::{guest, tracer, with_marker};

/// The end of a headers callback that replies; it returns Continue, which does not count then.
fn reply(status: u16) -> String {
    let nothing = "(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)";
    format!("(drop (call $reply (i32.const {status}) {nothing} (i32.const -1))) (i32.const 0)")
}

pub fn all() -> Vec<Case> {
    let mut cases = vec![
        a_stream_s_course(),
        a_reply_before_a_filter(),
        a_late_reply(),
        two_replies(),
        a_reply_and_a_trap(),
        plugins_of_one_vm(),
        starts(),
        refused_on_threads(),
        interim(),
        old_abi(),
        files(),
        root_ids(),
        effective_context(),
        a_dead_vm(),
        a_queue(),
        a_property_that_takes_one_value(),
    ];
    cases.extend(shared_data());
    cases.extend(super::bodies::all());
    cases.extend(super::replies::all());
    cases.extend(super::threads::all());
    for case in &mut cases {
        if case.answers.is_empty() {
            case.answers = vec!["200"; case.requests];
        }
    }
    cases
}

/// LR-7: a reply in the response's headers callback goes past the filters that have not seen the response.
fn a_late_reply() -> Case {
    let late = tracer("b", "(i32.const 0)")
        .replace("(call $say_b_response) (i32.const 0)", &format!("(call $say_b_response) {}", reply(403)));
    Case {
        name: "late",
        filters: vec![(tracer("a", "(i32.const 0)"), "", ""), (late, "", "")],
        requests: 1,
        said: vec![
            "a create 2",
            "a request",
            "b create 2",
            "b request",
            "b response",
            "a log",
            "b log",
            "a done",
            "a delete",
            "b done",
            "b delete",
        ],
        answers: vec!["403"],
        ..Case::default()
    }
}

/// LR-8: the first of two replies is sent.
fn two_replies() -> Case {
    let text = tracer("a", &format!("(drop (block (result i32) {})) {}", reply(404), reply(403)));
    Case {
        name: "replies",
        filters: vec![(text, "", "")],
        requests: 1,
        said: vec!["a create 2", "a request", "a response", "a log", "a done", "a delete"],
        answers: vec!["404"],
        ..Case::default()
    }
}

/// FAIL-10: a reply of a callback that then traps is not sent. FAIL-3: the stream gets a 503.
fn a_reply_and_a_trap() -> Case {
    let text = tracer("a", &format!("{} (unreachable)", reply(403)));
    Case {
        name: "reply-trap",
        filters: vec![(text, "", "")],
        requests: 1,
        said: vec!["a create 2", "a request"],
        answers: vec!["503"],
        ..Case::default()
    }
}

/// SD-1: one VM id is one store, whatever the code; another VM id is another. SD-3: a value may be empty.
fn shared_data() -> [Case; 2] {
    let imports = r#"(import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
        (data (i32.const 0) "shared-k")"#;
    let call = "(call $get (i32.const 0) (i32.const 8) (i32.const 16) (i32.const 20) (i32.const 24))";
    let set = "(call $set (i32.const 0) (i32.const 8) (i32.const 0) (i32.const 0) (i32.const 0))";
    let on_request = |what: &str| {
        format!(
            r#"{imports} (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {what} (i32.const 0))"#
        )
    };
    let setter = guest(&["set"], &on_request(&format!("(call $tell_set {set})")));
    let getter = guest(
        &["get", "size"],
        &on_request(&format!(
            "(i32.store (i32.const 20) (i32.const 9)) (call $tell_get {call}) (call $tell_size (i32.load (i32.const 20)))"
        )),
    );
    let filters = vec![(setter, "", ""), (getter.clone(), "", "")];
    let said = vec!["set 0", "get 0", "size 0"];
    [
        Case { name: "store", filters, requests: 1, said, ..Case::default() },
        Case {
            name: "store-of-its-own",
            filters: vec![(getter, "", "")],
            requests: 1,
            said: vec!["get 1", "size 9"],
            ..Case::default()
        },
    ]
}

/// SQ-3: an event for each item, even when it has been taken by then.
fn a_queue() -> Case {
    let text = guest(
        &["taken", "ready"],
        r#"(import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
           (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
           (import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
           (data (i32.const 0) "queue")
           (func $take (result i32) (call $dequeue (i32.load (i32.const 12)) (i32.const 16) (i32.const 20)))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
               (call $register (i32.const 0) (i32.const 5) (i32.const 12)) (i32.eqz))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               (drop (call $enqueue (i32.load (i32.const 12)) (i32.const 0) (i32.const 1)))
               (drop (call $enqueue (i32.load (i32.const 12)) (i32.const 0) (i32.const 2)))
               (call $tell_taken (call $take)) (i32.const 0))
           (func (export "proxy_on_queue_ready") (param i32 i32) (call $tell_ready (call $take)))"#,
    );
    Case {
        name: "queue",
        filters: vec![(text, "", "")],
        requests: 1,
        said: vec!["taken 0", "ready 0", "ready 7"],
        ..Case::default()
    }
}

/// PROP-6: a property that its plugin has declared to be read only takes one value.
fn a_property_that_takes_one_value() -> Case {
    let text = guest(
        &["load_declared", "set"],
        r#"(import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
           (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
           (data (i32.const 0) "declare_property")
           (data (i32.const 32) "\0a\02ro\10\01")
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
               (call $tell_load_declared (call $foreign (i32.const 0) (i32.const 16) (i32.const 32) (i32.const 6)
                   (i32.const 48) (i32.const 52))) (i32.const 1))
           (func $try (call $tell_set (call $set (i32.const 34) (i32.const 2) (i32.const 0) (i32.const 3))))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               (call $try) (call $try) (i32.const 0))"#,
    );
    Case {
        name: "once",
        filters: vec![(text, "", "")],
        requests: 1,
        load: vec!["load declared 0"; 3],
        said: vec!["set 0", "set 2"],
        ..Case::default()
    }
}

/// LIFE-7: root contexts are 1, streams count from 2. LIFE-9: log, done, delete, whatever done returns (0 here).
fn a_stream_s_course() -> Case {
    Case {
        name: "course",
        filters: vec![(tracer("a", "(i32.const 0)"), "", ""), (tracer("b", "(i32.const 0)"), "", "")],
        requests: 2,
        said: vec![
            "a create 2",
            "a request",
            "b create 2",
            "b request",
            "b response",
            "a response",
            "a log",
            "b log",
            "a done",
            "a delete",
            "b done",
            "b delete",
            "a create 3",
            "a request",
            "b create 3",
            "b request",
            "b response",
            "a response",
            "a log",
            "b log",
            "a done",
            "a delete",
            "b done",
            "b delete",
        ],
        ..Case::default()
    }
}

/// LIFE-8: the second filter hears of the stream when it is logged, and nothing of the response. LR-6: the one that replied
/// sees the response.
fn a_reply_before_a_filter() -> Case {
    Case {
        name: "reply",
        filters: vec![(tracer("a", &reply(403)), "", ""), (tracer("b", "(i32.const 0)"), "", "")],
        requests: 1,
        said: vec![
            "a create 2",
            "a request",
            "a response",
            "a log",
            "b create 2",
            "b log",
            "a done",
            "a delete",
            "b done",
            "b delete",
        ],
        answers: vec!["403"],
        ..Case::default()
    }
}

/// LIFE-5, LIFE-15: two plugins of one VM are each created, started and configured, and share its globals; each in a canary
/// of its own first.
fn plugins_of_one_vm() -> Case {
    let text = guest(
        &["load_create", "load_start", "load_configure"],
        r#"(global $count (mut i32) (i32.const 0))
           (func $next (result i32)
               (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))
           (func (export "proxy_on_context_create") (param i32 i32) (call $tell_load_create (call $next)))
           (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
               (call $tell_load_start (call $next)) (i32.const 1))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
               (call $tell_load_configure (call $next)) (i32.const 1))"#,
    );
    let first = ["load create 1", "load start 2", "load configure 3"];
    let second = ["load create 4", "load start 5", "load configure 6"];
    Case {
        name: "plugins",
        filters: vec![(text.clone(), "one", ""), (text, "two", "")],
        load: [first, first, first, second, first, second].concat(),
        ..Case::default()
    }
}

/// LIFE-2, LIFE-3, LIFE-4: the base VM is initialised and not started; the canary, the main thread's and the worker's are.
/// The canary's end is not told to it.
fn starts() -> Case {
    let text = guest(
        &["load_starts_init", "load_start", "load_done", "load_delete"],
        r#"(func (export "_initialize") (call $say_load_starts_init))
           (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (call $say_load_start) (i32.const 1))
           (func (export "proxy_on_done") (param i32) (result i32) (call $say_load_done) (i32.const 1))
           (func (export "proxy_on_delete") (param i32) (call $say_load_delete))"#,
    );
    let load = [["load starts init"; 4].as_slice(), &["load start"; 3]].concat();
    Case { name: "starts", filters: vec![(text, "", "")], load, ..Case::default() }
}

/// LIFE-6: a no from a thread's VM, after the canary's yes, leaves the thread without the filter.
fn refused_on_threads() -> Case {
    let text = guest(
        &["load_yes", "load_no", "filtered"],
        r#"(import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
           (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
           (data (i32.const 0) "k")
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
               (if (call $get (i32.const 0) (i32.const 1) (i32.const 16) (i32.const 20) (i32.const 24))
                   (then
                       (drop (call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0)))
                       (call $say_load_yes) (return (i32.const 1))))
               (call $say_load_no) (i32.const 0))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $say_filtered) (i32.const 0))"#,
    );
    let load = vec!["load yes", "load no", "load no"];
    Case {
        name: "refused",
        filters: vec![(text, "", ""), (tracer("b", "(i32.const 0)"), "", "")],
        requests: 1,
        load,
        said: vec!["b create 2", "b request", "b response", "b log", "b done", "b delete"],
        ..Case::default()
    }
}

/// HDR-15: filters see the 200 only.
fn interim() -> Case {
    Case {
        name: "interim",
        filters: vec![(tracer("a", "(i32.const 0)"), "", "")],
        requests: 1,
        before: &["100 Continue", "103 Early Hints"],
        said: vec!["a create 2", "a request", "a response", "a log", "a done", "a delete"],
        ..Case::default()
    }
}

/// LIFE-14: the configuration of a 0.1.0 module. A missing header is `Ok` and empty there (HDR-4).
fn old_abi() -> Case {
    let text = with_marker(
        "proxy_abi_version_0_1_0",
        &["load_started_with", "load_configured_with", "missing", "size"],
        r#"(import "env" "proxy_get_configuration" (func $configuration (param i32 i32) (result i32)))
           (import "env" "proxy_clear_route_cache" (func $clear (result i32)))
           (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
           (data (i32.const 0) "x-none")
           (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
               (if (call $configuration (i32.const 16) (i32.const 20)) (then (unreachable)))
               (call $tell_load_started_with (i32.load (i32.const 20))) (i32.const 1))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
               (if (call $configuration (i32.const 16) (i32.const 20)) (then (unreachable)))
               (call $tell_load_configured_with (i32.load (i32.const 20))) (i32.const 1))
           (func (export "proxy_on_request_headers") (param i32 i32) (result i32)
               (i32.store (i32.const 20) (i32.const 7))
               (call $tell_missing (call $header (i32.const 0) (i32.const 0) (i32.const 6) (i32.const 16) (i32.const 20)))
               (call $tell_size (i32.load (i32.const 20)))
               (call $clear))"#,
    );
    let load = [["load started with 0"; 3], ["load configured with 5"; 3]].concat();
    Case {
        name: "old",
        filters: vec![(text, "", "{\"a\"}")],
        requests: 1,
        load,
        said: vec!["missing 0", "size 0"],
        ..Case::default()
    }
}

/// WASI-9: what set C answers.
fn files() -> Case {
    let functions = [
        ("clock_res_get", "i32 i32", "(i32.const 0) (i32.const 16)"),
        ("fd_advise", "i32 i64 i64 i32", "(i32.const 1) (i64.const 0) (i64.const 0) (i32.const 0)"),
        ("fd_allocate", "i32 i64 i64", "(i32.const 3) (i64.const 0) (i64.const 0)"),
        ("fd_datasync", "i32", "(i32.const 1)"),
        ("fd_fdstat_set_rights", "i32 i64 i64", "(i32.const 1) (i64.const 0) (i64.const 0)"),
        ("fd_filestat_get", "i32 i32", "(i32.const 1) (i32.const 16)"),
        ("fd_filestat_set_size", "i32 i64", "(i32.const 1) (i64.const 0)"),
        ("fd_filestat_set_times", "i32 i64 i64 i32", "(i32.const 1) (i64.const 0) (i64.const 0) (i32.const 0)"),
        ("fd_pread", "i32 i32 i32 i64 i32", "(i32.const 0) (i32.const 32) (i32.const 0) (i64.const 0) (i32.const 16)"),
        ("fd_pwrite", "i32 i32 i32 i64 i32", "(i32.const 1) (i32.const 32) (i32.const 0) (i64.const 0) (i32.const 16)"),
        (
            "fd_readdir",
            "i32 i32 i32 i64 i32",
            "(i32.const 1) (i32.const 32) (i32.const 0) (i64.const 0) (i32.const 16)",
        ),
        ("fd_renumber", "i32 i32", "(i32.const 1) (i32.const 2)"),
        ("fd_sync", "i32", "(i32.const 2)"),
        ("fd_tell", "i32 i32", "(i32.const 1) (i32.const 16)"),
        ("path_create_directory", "i32 i32 i32", "(i32.const 3) (i32.const 0) (i32.const 1)"),
        (
            "path_filestat_get",
            "i32 i32 i32 i32 i32",
            "(i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)",
        ),
        ("sock_shutdown", "i32 i32", "(i32.const 3) (i32.const 0)"),
        ("sock_accept", "i32 i32 i32", "(i32.const 3) (i32.const 0) (i32.const 16)"),
    ];
    let imports = functions.map(|(name, parameters, _)| {
        format!(r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {parameters}) (result i32)))"#)
    });
    let calls = functions.map(|(name, _, arguments)| format!("(call $tell_{name} (call ${name} {arguments}))"));
    let parts = format!(
        "{}\n(func (export \"proxy_on_request_headers\") (param i32 i32 i32) (result i32) {} (i32.const 0))",
        imports.join("\n"),
        calls.join("\n")
    );
    let words = functions.map(|(name, ..)| name);
    Case {
        name: "files",
        filters: vec![(guest(&words, &parts), "", "")],
        requests: 1,
        said: vec![
            "clock res get 0",
            "fd advise 0",
            "fd allocate 8",
            "fd datasync 0",
            "fd fdstat set rights 0",
            "fd filestat get 8",
            "fd filestat set size 0",
            "fd filestat set times 0",
            "fd pread 52",
            "fd pwrite 0",
            "fd readdir 20",
            "fd renumber 58",
            "fd sync 0",
            "fd tell 0",
            "path create directory 58",
            "path filestat get 58",
            "sock shutdown 58",
            "sock accept 58",
        ],
        ..Case::default()
    }
}

/// CFG-5: the root id is a property, and chooses nothing.
fn root_ids() -> Case {
    let text = guest(
        &["size"],
        r#"(import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
           (data (i32.const 0) "plugin_root_id")
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               (if (call $property (i32.const 0) (i32.const 14) (i32.const 16) (i32.const 20)) (then (unreachable)))
               (call $tell_size (i32.load (i32.const 20))) (i32.const 0))"#,
    );
    let filters = vec![(text.clone(), "a-root", ""), (text, "", "")];
    Case { name: "roots", filters, requests: 1, said: vec!["size 6", "size 0"], ..Case::default() }
}

/// LIFE-12: the effective context is forgotten when the call ends: the next callback reads its own stream again.
fn effective_context() -> Case {
    let text = guest(
        &["own", "other", "again"],
        r#"(import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
           (import "env" "proxy_get_header_map_size" (func $header_size (param i32 i32) (result i32)))
           (func $status (result i32) (call $header_size (i32.const 2) (i32.const 16)))
           (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
               (call $tell_own (call $status))
               (if (call $effective (i32.const 1)) (then (unreachable)))
               (call $tell_other (call $status)) (i32.const 0))
           (func (export "proxy_on_log") (param i32)
               (call $tell_again (call $header_size (i32.const 3) (i32.const 16))))"#,
    );
    Case {
        name: "effective",
        filters: vec![(text, "", "")],
        requests: 1,
        said: vec!["own 0", "other 2", "again 2"],
        ..Case::default()
    }
}

/// LIFE-10, FAIL-4: a VM that has died is told nothing more, not even the end of its streams. FAIL-3, FAIL-8: that stream and
/// the next get a 503.
fn a_dead_vm() -> Case {
    let text = tracer("a", "(i32.const 0)").replace("(call $say_a_response)", "(call $say_a_response) (unreachable)");
    Case {
        name: "dead",
        filters: vec![(text, "", "")],
        requests: 2,
        said: vec!["a create 2", "a request", "a response"],
        answers: vec!["503", "503"],
        ..Case::default()
    }
}
