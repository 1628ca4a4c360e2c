//! Callouts that are answered, fail, take too long, or are answered when nobody waits any more; and streams that others
//! resume. They run rules HC-1, HC-3 to HC-8, LIFE-13, BODY-8 and LR-11.

use super::pause::callout;
use super::replies::{PHASES, whole};
use super::{Builder, Group};

pub(super) fn groups() -> Vec<Group> {
    vec![paused(), passing(), several(), others()]
}

/// How a callout ends, by cluster and path, with its time limit.
const ENDS: [(&str, &str, &str, u32); 5] = [
    ("answered", "callout", "/callout/ok", 1000),
    ("refused", "refused", "/callout/ok", 1000),
    ("reset", "callout", "/callout/reset", 1000),
    ("slow", "callout", "/callout/slow", 50),
    ("unknown", "nobody", "/callout/ok", 1000),
];

/// The number of the stream that a phase belongs to.
fn stream_of(phase: &str) -> u32 {
    u32::from(phase.starts_with("response"))
}

/// The stream waits for the answer.
fn paused() -> Group {
    let mut group = Builder::new("callout-paused");
    for phase in PHASES {
        for (end, cluster, path, timeout) in ENDS {
            for (then, calls) in [
                ("continue", vec![format!("proxy_continue_stream {}", stream_of(phase))]),
                ("reply", vec!["proxy_send_local_response 403 \"no\" \"denied\" \"\" -1".to_owned()]),
            ] {
                // A reply to a response whose trailers have come ends Envoy (rule LR-12).
                if then == "reply" && (end == "unknown" || phase == "response_trailers") {
                    continue;
                }
                let name = format!("{}-{end}-{then}", phase.replace("@1", "").replace('_', "-"));
                group.flow(&name, |flow| {
                    let at = phase.replace("@1", "@end");
                    // The body's end comes by itself only without trailers.
                    flow.exchange(if at.contains("@end") { super::chunked() } else { whole() });
                    flow.line(&format!("{at} keep 1"));
                    flow.line(&format!("{at} {}", callout(cluster, path, timeout)));
                    flow.line("http_call_response proxy_get_status @u32 @data");
                    flow.line("http_call_response proxy_get_buffer_bytes 4 0 -1 @data");
                    flow.line("http_call_response proxy_set_effective_context $1");
                    for call in &calls {
                        flow.line(&format!("http_call_response {call}"));
                    }
                    if end != "unknown" {
                        flow.line(&format!("{at} return 1"));
                    }
                });
            }
        }
    }
    group.build()
}

/// The stream goes on; the answer comes after its end.
fn passing() -> Group {
    let mut group = Builder::new("callout-late");
    for phase in PHASES.into_iter().chain(["create_stream", "log", "done", "delete"]) {
        for (end, path, timeout) in [("answered", "/callout/later", 1000), ("slow", "/callout/slow", 50)] {
            // A stream has no number while it is created, so that would be about every stream.
            if phase == "create_stream" {
                continue;
            }
            group.flow(&format!("{}-{end}", phase.replace('@', "-")), |flow| {
                flow.exchange(super::chunked());
                flow.line(&format!("{phase} keep 1"));
                flow.line(&format!("{phase} {}", callout("callout", path, timeout)));
                flow.line("http_call_response proxy_set_effective_context $1");
                flow.line("http_call_response proxy_continue_stream 0");
                flow.line("http_call_response proxy_get_buffer_bytes 4 0 -1 @data");
            });
        }
    }
    group.build()
}

/// Two under way.
fn several() -> Group {
    let mut group = Builder::new("callout-two");
    for phase in ["request_headers", "response_headers", "request_trailers", "response_trailers"] {
        for (name, first, second) in [
            ("in-order", "/callout/ok", "/callout/later"),
            ("crossed", "/callout/later", "/callout/ok"),
            ("one-slow", "/callout/slow", "/callout/ok"),
        ] {
            group.flow(&format!("{}-{name}", phase.replace('_', "-")), |flow| {
                flow.exchange(whole());
                flow.line(&format!("{phase} keep 1"));
                flow.line(&format!("{phase} {}", callout("callout", first, 120)));
                flow.line(&format!("{phase} {}", callout("callout", second, 1000)));
                flow.line("http_call_response proxy_set_effective_context $1");
                flow.line(&format!("http_call_response proxy_continue_stream {}", stream_of(phase)));
                flow.line(&format!("{phase} return 1"));
            });
        }
    }
    group.build()
}

/// A stream that another one's callback resumes, answers or closes.
fn others() -> Group {
    let mut group = Builder::new("others");
    for at in ["request_headers", "request_body@end", "request_trailers", "response_headers", "response_body@end"] {
        let stream = stream_of(at);
        for (name, call) in [
            ("continue", format!("proxy_continue_stream {stream}")),
            ("close", format!("proxy_close_stream {stream}")),
            ("reply", "proxy_send_local_response 403 \"no\" \"denied\" \"\" -1".to_owned()),
        ] {
            for by in ["request_headers", "request_trailers", "response_headers", "log"] {
                // From the log Envoy is called again and again (rule LR-12).
                if by == "log" && name != "continue" {
                    continue;
                }
                group.flow(&format!("{}-{name}-by-{by}", at.replace('@', "-")), |flow| {
                    let first = if at.contains("@end") { super::chunked() } else { whole() };
                    flow.exchange(first).together();
                    flow.line(&format!("{at} keep 1"));
                    flow.line(&format!("{at} return 1"));
                    flow.exchange(whole());
                    flow.line(&format!("{by} proxy_set_effective_context $1"));
                    flow.line(&format!("{by} {call}"));
                });
            }
        }
    }
    group.build()
}
