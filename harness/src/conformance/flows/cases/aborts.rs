//! Clients that go, in each phase: while a message is under way, while a filter waits, with a timer or a callout that comes
//! later. They run rules LIFE-9, LIFE-13, HC-7, LR-11 and BODY-7.

use super::build::FlowBuilder;
use super::pause::callout;
use super::{Builder, Group, Message};
use crate::conformance::flows::Framing;

pub(super) fn groups() -> Vec<Group> {
    places().iter().map(group).collect()
}

/// Where a stream stands when its client goes.
struct Place {
    name: &'static str,
    /// The phase that comes last.
    at: &'static str,
    request: Message,
    response: Message,
    /// How many parts of either are sent; none for all.
    parts: (Option<usize>, Option<usize>),
}

fn places() -> Vec<Place> {
    let all = || Message::sized(Framing::Trailers, &[5, 7]);
    let chunked = || Message::sized(Framing::Chunked, &[5, 7]);
    let head = || Message::sized(Framing::Chunked, &[]).with_late_end();
    let place = |name, at, request, response, parts| Place { name, at, request, response, parts };
    vec![
        place("headers", "request_headers", head(), chunked(), (Some(1), None)),
        place("body", "request_body", chunked(), chunked(), (Some(1), None)),
        place("end", "request_body@end", chunked(), chunked(), (None, Some(0))),
        place("trailers", "request_trailers", all(), chunked(), (None, Some(0))),
        place("response-headers", "response_headers", chunked(), head(), (None, Some(1))),
        place("response-body", "response_body", chunked(), chunked(), (None, Some(1))),
        place("response-end", "response_body@end", chunked(), chunked(), (None, None)),
        place("response-trailers", "response_trailers", chunked(), all(), (None, None)),
    ]
}

fn group(place: &Place) -> Group {
    let mut group = Builder::new(&format!("abort-{}", place.name));
    let at = place.at;
    let stream = u32::from(at.starts_with("response"));
    // The response is over there unless it is paused.
    let passes = place.parts != (None, None);
    let mut flow = |name: &str, make: &dyn Fn(&mut FlowBuilder<'_>)| {
        group.flow(name, |flow| {
            flow.exchange((place.request.clone(), place.response.clone())).aborted();
            if let Some(parts) = place.parts.0 {
                flow.held(parts);
            }
            if let Some(parts) = place.parts.1 {
                flow.stalled(parts);
            }
            make(flow);
        });
    };
    if passes {
        flow("passes", &|_| {});
    }
    for word in [1, 2, 3, 4] {
        if word == 1 || !at.contains("trailers") && (word < 4 || at.contains("headers")) {
            flow(&format!("pauses-{word}"), &|flow| {
                flow.line(&format!("{at} return {word}"));
            });
        }
    }
    for (name, call) in [
        ("continue", format!("proxy_continue_stream {stream}")),
        ("close", format!("proxy_close_stream {stream}")),
        ("reply", "proxy_send_local_response 403 \"no\" \"denied\" \"\" -1".to_owned()),
        ("look", "proxy_get_header_map_value 0 \":path\" @data".to_owned()),
    ] {
        flow(&format!("tick-{name}"), &|flow| {
            flow.line(&format!("{at} keep 1"));
            flow.line(&format!("{at} proxy_set_tick_period_milliseconds 200"));
            flow.line(&format!("{at} return 1"));
            flow.line("tick proxy_set_tick_period_milliseconds 0");
            flow.line("tick proxy_set_effective_context $1");
            flow.line(&format!("tick {call}"));
        });
        flow(&format!("callout-{name}"), &|flow| {
            flow.line(&format!("{at} keep 1"));
            flow.line(&format!("{at} {}", callout("callout", "/callout/after", 2000)));
            flow.line(&format!("{at} return 1"));
            flow.line("http_call_response proxy_set_effective_context $1");
            flow.line(&format!("http_call_response {call}"));
        });
    }
    // The stream's own end is a place to call from, too.
    for (phase, call) in
        [("log", "proxy_get_property \"response\\x00code_details\" @data"), ("done", "proxy_get_status @u32 @data")]
    {
        flow(&format!("{phase}-looks"), &|flow| {
            flow.line(&format!("{at} return 1"));
            flow.line(&format!("{phase} {call}"));
        });
    }
    group.build()
}
