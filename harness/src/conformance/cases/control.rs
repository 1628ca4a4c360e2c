//! Calls that resume (rules HDR-2, LR-11), close (LR-10) or answer (LR-1, LR-2, LR-4) a stream, and what can be reached after a
//! pause.

use super::{BAD_BYTES, each, everywhere, lines, pairs};
use crate::conformance::{Batch, Exchange};

/// The phases of a stream.
const STREAM_PHASES: [&str; 10] = [
    "create_stream",
    "request_headers",
    "request_body",
    "request_trailers",
    "response_headers",
    "response_body",
    "response_trailers",
    "log",
    "done",
    "delete",
];

/// How calls begin that end Envoy, and the phases in which they do.
const CRASHES: [(&str, &[&str]); 3] = [
    (
        "proxy_continue_stream 1",
        &["create_stream", "request_headers", "request_body", "request_trailers", "response_trailers"],
    ),
    ("proxy_close_stream", &["response_trailers", "done", "delete"]),
    ("proxy_send_local_response", &["done", "delete"]),
];

/// Calls that have Envoy call the same phase again, until the VM's stack is full: how deep that is says
/// nothing, so they are left out.
const ENDLESS: [(&str, &str); 2] = [("proxy_close_stream", "log"), ("proxy_send_local_response", "log")];

/// Stream types that are none, and local replies whose pointers are bad: nothing happens to the stream.
pub(super) fn control_bad() -> Vec<String> {
    let mut calls = each("proxy_continue_stream {}", &[3, 4, 99, -1]);
    calls.extend(each("proxy_close_stream {}", &[4, 99, -1]));
    calls.extend(each("proxy_send_local_response 403 {} \"\" \"\" -1", &BAD_BYTES));
    calls.extend(each("proxy_send_local_response 403 \"\" {} \"\" -1", &BAD_BYTES));
    calls.extend(each("proxy_send_local_response 403 \"\" \"\" {} -1", &BAD_BYTES));
    calls
}

/// What can be reached after a pause: the body is held at its first callback, and goes on with the trailers.
pub(super) fn paused() -> Vec<Batch> {
    let see = lines(&[
        "proxy_get_header_map_value 0 \":path\" @data",
        "proxy_get_header_map_size 0 @u32",
        "proxy_add_header_map_value 0 \"x-p\" \"1\"",
        "proxy_get_header_map_pairs 1 @data",
        "proxy_get_header_map_value 2 \":status\" @data",
        "proxy_add_header_map_value 2 \"x-p\" \"1\"",
        "proxy_get_header_map_pairs 3 @data",
        "proxy_get_buffer_bytes 0 0 -1 @data",
        "proxy_get_buffer_bytes 1 0 -1 @data",
        "proxy_set_buffer_bytes 0 0 0 \"0\"",
        "proxy_set_buffer_bytes 1 0 0 \"1\"",
        "proxy_get_property \"request\\x00path\" @data",
        "proxy_get_property \"response\\x00code\" @data",
    ]);
    let returns = [("buffer", 1), ("watermark", 2), ("drop", 3), ("beyond", 99)];
    returns
        .into_iter()
        .map(|(name, word)| {
            let mut batch = everywhere(&format!("paused-{name}"), see.clone());
            batch.program.push(format!("* request_body,response_body return {word}"));
            batch
        })
        .collect()
}

/// Calls that resume, close or answer: each in each phase, in a stream of its own.
pub(super) fn control() -> Vec<Batch> {
    let calls: [(&str, &[&str]); 6] = [
        ("continue", &["proxy_continue_stream 0", "proxy_continue_stream 1", "proxy_continue_stream 2"]),
        ("close", &["proxy_close_stream 0", "proxy_close_stream 1"]),
        ("close-tcp", &["proxy_close_stream 2", "proxy_close_stream 3"]),
        (
            "reply",
            &[
                "proxy_send_local_response 403 \"why not\" \"no\" \"\" -1",
                "proxy_send_local_response 200 \"\" \"\" \"\" 16",
            ],
        ),
        (
            "reply-headers",
            &[
                "proxy_send_local_response 418 \"a\" \"b\" \"{pairs}\" 3",
                "proxy_send_local_response 500 \"a\" \"b\" \"\\x01\" 17",
            ],
        ),
        (
            "reply-odd",
            &["proxy_send_local_response 0 \"\" \"\" \"\" -1", "proxy_send_local_response 99999 \"\" \"\" \"\" -1"],
        ),
    ];
    let headers = pairs(&[("x-l", "1"), ("content-type", "text/x"), ("X-L", "2")]);
    let mut batches = Vec::new();
    for (name, calls) in calls {
        let mut together = Vec::new();
        for call in calls.iter().map(|call| call.replace("{pairs}", &headers)) {
            for phase in STREAM_PHASES {
                let crashes = CRASHES.iter().any(|(other, phases)| call.starts_with(other) && phases.contains(&phase));
                if ENDLESS.iter().any(|(other, log)| call.starts_with(other) && phase == *log) {
                    continue;
                }
                if crashes {
                    let name = format!("{name}-{}-{phase}", batches.len());
                    batches.push(Batch { alone: true, ..controlled(&name, &[(phase, call.clone())]) });
                } else {
                    together.push((phase, call.clone()));
                }
            }
        }
        let mut batch = controlled(name, &together);
        // On the plugin itself, which has no stream.
        batch.program.extend(calls.iter().map(|call| format!("0 * {}", call.replace("{pairs}", &headers))));
        batches.push(batch);
    }
    batches
}

/// A stream for each of these calls.
fn controlled(name: &str, calls: &[(&str, String)]) -> Batch {
    let numbered = calls.iter().zip(1..);
    let mut program = numbered.map(|((phase, call), stream)| format!("{stream} {phase} {call}")).collect::<Vec<_>>();
    // What the filter sees of the answer, and what it can still reach.
    for call in [
        "proxy_get_header_map_pairs 2 @data",
        "proxy_get_header_map_value 0 \":path\" @data",
        "proxy_get_buffer_bytes 1 0 -1 @data",
        "proxy_get_property \"response\\x00code\" @data",
        "proxy_get_property \"response\\x00code_details\" @data",
    ] {
        program.push(format!("* request_headers,request_body,response_headers,response_body,log {call}"));
    }
    Batch {
        name: name.to_owned(),
        exchanges: vec![Exchange::Trailers; calls.len()],
        connections: Vec::new(),
        alone: false,
        program,
    }
}
