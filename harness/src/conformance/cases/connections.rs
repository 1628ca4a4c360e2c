//! The third set: the same calls by a network filter, in every callback of a connection. They run rules TCP-1, LR-10, LR-11,
//! BUF-1, BUF-5, BUF-7, HDR-3 and PROP-3 there.

use super::{Batch, buffers, calls, control, everywhere, headers, properties, state, system};
use crate::stream::End::{self, Client, Upstream};

/// The phases of a connection, with how often one is seen.
const PHASES: [&str; 9] = [
    "create_stream",
    "new_connection",
    "downstream_data@1",
    "upstream_data@1",
    "upstream_close",
    "downstream_close",
    "log",
    "done",
    "delete",
];

/// Both ways to come to an end.
const ENDS: [End; 2] = [Client, Upstream];

/// All batches, in a fixed order.
#[must_use]
pub fn connections() -> Vec<Batch> {
    let tables = [
        ("log", system::log()),
        ("basics", system::basics()),
        ("header-value", headers::header_value()),
        ("header-pairs", headers::header_pairs()),
        ("header-size", headers::header_size()),
        ("header-write", headers::header_write()),
        ("header-write-bad", headers::header_write_bad()),
        ("header-names", headers::header_names()),
        ("header-set-pairs", headers::header_set_pairs()),
        ("buffer-status", buffers::buffer_status()),
        ("buffer-bytes", buffers::buffer_bytes()),
        ("buffer-set", buffers::buffer_set()),
        ("buffer-set-bad", buffers::buffer_set_bad()),
        ("properties", properties::properties()),
        ("properties-bad", properties::properties_bad()),
        ("set-property", properties::set_property()),
        ("shared-data", state::shared_data()),
        ("queues", state::queues()),
        ("metrics", state::metrics()),
        ("http-call", calls::http_call()),
        ("grpc", calls::grpc()),
        ("foreign", calls::foreign()),
        ("context", system::context()),
        ("wasi", system::wasi()),
        ("control-bad", control::control_bad()),
    ];
    let mut all = tables.into_iter().map(|(name, calls)| everywhere(name, calls).over(&ENDS)).collect::<Vec<_>>();
    all.extend(pauses());
    all.extend(control());
    all
}

/// What can be reached and changed of bytes that are held back.
fn pauses() -> Vec<Batch> {
    let see = [
        "proxy_get_buffer_bytes 2 0 -1 @data",
        "proxy_get_buffer_bytes 3 0 -1 @data",
        "proxy_get_buffer_status 2 @u32 @u32",
        "proxy_get_buffer_status 3 @u32 @u32",
    ];
    let changes = [
        ("nothing", "proxy_get_status @u32 @data"),
        ("prepend", "proxy_set_buffer_bytes {} 0 0 \"<\""),
        ("append", "proxy_set_buffer_bytes {} 999 0 \">\""),
        ("replace", "proxy_set_buffer_bytes {} 0 -1 \"instead\""),
        ("empty", "proxy_set_buffer_bytes {} 0 -1 \"\""),
        ("cut", "proxy_set_buffer_bytes {} 0 2 \"\""),
        ("other", "proxy_set_buffer_bytes 0 0 0 \"no\""),
    ];
    let mut all = Vec::new();
    for (buffer, phase) in [(2, "downstream_data"), (3, "upstream_data")] {
        for (when, at) in [("never", None), ("first", Some("@1")), ("more", Some("@more")), ("each", Some(""))] {
            for (name, change) in changes {
                let mut batch =
                    everywhere(&format!("{phase}-{when}-{name}"), see.map(str::to_owned).to_vec()).over(&ENDS);
                batch.program.push(format!("* {phase} {}", change.replace("{}", &buffer.to_string())));
                batch.program.extend(at.map(|at| format!("* {phase}{at} return 1")));
                all.push(batch);
            }
        }
    }
    all
}

/// Calls that resume, close or answer: each in each phase, on a connection of its own.
fn control() -> Vec<Batch> {
    let calls: [(&str, &[&str]); 3] = [
        (
            "continue",
            &[
                "proxy_continue_stream 0",
                "proxy_continue_stream 1",
                "proxy_continue_stream 2",
                "proxy_continue_stream 3",
            ],
        ),
        ("close", &["proxy_close_stream 0", "proxy_close_stream 1", "proxy_close_stream 2", "proxy_close_stream 3"]),
        ("reply", &["proxy_send_local_response 403 \"why not\" \"no\" \"\" -1"]),
    ];
    let mut all = Vec::new();
    for (name, calls) in calls {
        for (index, call) in calls.iter().enumerate() {
            for phase in PHASES {
                let see = ["proxy_get_buffer_bytes 2 0 -1 @data", "proxy_get_buffer_bytes 3 0 -1 @data"];
                let mut batch =
                    everywhere(&format!("{name}-{index}-{phase}"), see.map(str::to_owned).to_vec()).over(&[Client]);
                batch.program.push(format!("1 {phase} {call}"));
                all.push(batch);
            }
        }
    }
    all
}
