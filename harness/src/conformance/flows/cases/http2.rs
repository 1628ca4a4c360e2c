//! Clients that speak HTTP/2: flows of other groups again, trailers both ways, and streams that share a connection. They run
//! rules HDR-1, HDR-8, HDR-10, HDR-12, LR-1, LR-4, LR-10, LIFE-9 and FAIL-3 there.

use super::replies::whole;
use super::{Builder, Framing, Group, Message, Wire};

/// Groups whose flows are run over HTTP/2 too, beside those of clients that go.
const AGAIN: [&str; 10] = [
    "trailers-request",
    "trailers-response",
    "reply",
    "reply-grpc",
    "pause-request-body-1-each",
    "pause-response-body-1-each",
    "pause-request-trailers",
    "pause-response-trailers",
    "limit-request",
    "limit-response",
];

pub(super) fn groups(all: &[Group]) -> Vec<Group> {
    let is_again = |group: &&Group| AGAIN.contains(&group.name.as_str()) || group.name.starts_with("abort-");
    let again = all.iter().filter(is_again).map(over_http2);
    again.chain([shapes(), shared()]).collect()
}

fn over_http2(group: &Group) -> Group {
    let mut group = group.clone();
    group.name = format!("h2-{}", group.name);
    group.wire = Wire::Http2;
    for flow in &mut group.flows {
        flow.name = format!("h2-{}", flow.name);
    }
    group
}

/// What a filter sees of every shape of message, both ways.
fn shapes() -> Group {
    let mut group = Builder::new("h2-shapes").http2();
    for (request, framing, sizes) in super::SHAPES {
        for (response, other, other_sizes) in super::SHAPES {
            for late in [false, true] {
                let message = |framing, sizes| Message { late_end: late, ..Message::sized(framing, sizes) };
                let name = format!("{request}-{response}{}", if late { "-late" } else { "" });
                group.flow(&name, |flow| {
                    flow.exchange((message(framing, sizes), message(other, other_sizes)));
                    flow.line("request_headers,request_body,request_trailers proxy_get_header_map_pairs 0 @data");
                    flow.line("response_headers proxy_get_header_map_pairs 2 @data");
                    flow.line("response_trailers proxy_get_header_map_pairs 3 @data");
                    flow.line("log proxy_get_property \"request\\x00protocol\" @data");
                });
            }
        }
    }
    group.build()
}

/// Two streams of one connection, one of which meets something.
fn shared() -> Group {
    let mut group = Builder::new("h2-shared").http2();
    let events: [(&str, &str); 7] = [
        ("passes", "proxy_get_header_map_size 0 @u32"),
        ("pauses", "return 1"),
        ("keeps", "return 2"),
        ("drops", "return 3"),
        ("closes", "proxy_close_stream 0"),
        ("answers", "proxy_send_local_response 403 \"no\" \"denied\" \"\" -1"),
        ("adds", "proxy_add_header_map_value 2 \"x-new\" \"1\""),
    ];
    let message = || Message::sized(Framing::Trailers, &[5, 7, 9]);
    for phase in [
        "request_headers",
        "request_body@1",
        "request_body@2",
        "request_trailers",
        "response_headers",
        "response_body@1",
    ] {
        for (name, call) in events {
            for first in [true, false] {
                let which = if first { "first" } else { "second" };
                group.flow(&format!("{}-{name}-{which}", phase.replace('@', "-")), |flow| {
                    flow.interleaved();
                    for odd in [first, !first] {
                        flow.exchange((message(), message()));
                        if odd {
                            flow.line(&format!("{phase} {call}"));
                        }
                    }
                });
            }
        }
    }
    // One resumes the other, or its client goes while the other one goes on.
    for phase in ["request_headers", "request_body@1", "request_trailers", "response_headers"] {
        let stream = u32::from(phase.starts_with("response"));
        for aborted in [false, true] {
            let name = if aborted { "aborted" } else { "resumed" };
            group.flow(&format!("{}-{name}", phase.replace('@', "-")), |flow| {
                flow.exchange(whole()).together();
                if aborted {
                    flow.aborted();
                }
                flow.line(&format!("{phase} keep 1"));
                flow.line(&format!("{phase} return 1"));
                flow.exchange(whole());
                if !aborted {
                    flow.line("response_headers proxy_set_effective_context $1");
                    flow.line(&format!("response_headers proxy_continue_stream {stream}"));
                }
            });
        }
    }
    group.build()
}
