//! Local replies and closed streams, from each phase. They run rules LR-1 to LR-8, LR-10, BODY-13 and LIFE-12.

use super::pause::{Means, go_on};
use super::{Builder, REQUEST, RESPONSE};
use crate::conformance::cases::pairs;
use crate::conformance::flows::{Framing, Group, Message};

/// The phases of a stream with body and trailers.
pub(super) const PHASES: [&str; 6] = [
    "request_headers",
    "request_body@1",
    "request_trailers",
    "response_headers",
    "response_body@1",
    "response_trailers",
];

pub(super) fn groups() -> Vec<Group> {
    vec![phases("reply", None), phases("reply-grpc", Some("application/grpc")), paused(), early()]
}

/// A request and a response with everything.
pub(super) fn whole() -> (Message, Message) {
    (Message::sized(Framing::Trailers, &[5, 7]), Message::sized(Framing::Trailers, &[4, 6]))
}

fn phases(name: &str, content_type: Option<&'static str>) -> Group {
    let mut group = Builder::new(name);
    let headers = pairs(&[("x-l", "1"), ("content-type", "text/x"), ("x-l", "2")]);
    let plain = "proxy_send_local_response 403 \"no\" \"denied\" \"\" -1".to_owned();
    let other = "proxy_send_local_response 404 \"later\" \"other\" \"\" -1".to_owned();
    let variants: [(&str, Vec<String>); 9] = [
        ("body", vec![plain.clone()]),
        ("empty", vec!["proxy_send_local_response 204 \"\" \"\" \"\" -1".to_owned()]),
        ("headers", vec![format!("proxy_send_local_response 418 \"a b\" \"tea\" \"{headers}\" -1")]),
        ("grpc", vec!["proxy_send_local_response 200 \"\" \"not %now\" \"\" 16".to_owned()]),
        ("twice", vec![plain.clone(), other]),
        ("and-pause", vec![plain.clone(), "return 1".to_owned()]),
        ("then-continue", vec![plain.clone(), "proxy_continue_stream 0".to_owned()]),
        ("then-close", vec![plain.clone(), "proxy_close_stream 0".to_owned()]),
        ("close", vec!["proxy_close_stream 0".to_owned()]),
    ];
    for phase in PHASES {
        for (variant, calls) in &variants {
            // These end Envoy (rule LR-12).
            let ends = matches!(*variant, "twice" | "then-close") && phase.starts_with("response")
                || *variant == "then-close" && content_type.is_some();
            if phase == "response_trailers" || ends {
                continue;
            }
            group.flow(&format!("{}-{variant}", phase.replace('@', "-")), |flow| {
                let (mut request, response) = whole();
                if let Some(value) = content_type {
                    request = request.with("content-type", value);
                }
                flow.exchange((request, response));
                for call in calls {
                    flow.line(&format!("{phase} {call}"));
                }
            });
        }
    }
    group.build()
}

/// A reply whose own way back is paused.
fn paused() -> Group {
    let mut group = Builder::new("reply-paused");
    for phase in ["request_headers", "request_body@1", "request_trailers"] {
        for (at, word) in [("response_headers", 1), ("response_body", 1), ("response_body", 2), ("response_body", 3)] {
            for (name, means) in [("never", Means::Never), ("itself", Means::Itself), ("tick", Means::Tick)] {
                group.flow(&format!("{}-{at}-{word}-{name}", phase.replace('@', "-")), |flow| {
                    flow.exchange(whole());
                    flow.line(&format!("{phase} proxy_send_local_response 403 \"no\" \"denied\" \"\" -1"));
                    go_on(flow, RESPONSE, at, means);
                    flow.line(&format!("{at} return {word}"));
                });
            }
        }
    }
    group.build()
}

/// A response that comes while the request is paused.
fn early() -> Group {
    let mut group = Builder::new("early");
    for (at, word) in [("request_body", 1), ("request_body", 2), ("request_body", 3), ("request_body@end", 1)] {
        for (name, means) in [("never", Means::Never), ("tick", Means::Tick)] {
            for (shape, framing) in [("chunked", Framing::Chunked), ("trailers", Framing::Trailers)] {
                group.flow(&format!("{}-{word}-{name}-{shape}", at.replace('@', "-")), |flow| {
                    let request = Message::sized(framing, &[5, 7]).slowly();
                    flow.exchange((request, Message::sized(Framing::Trailers, &[4, 6]))).early();
                    go_on(flow, REQUEST, at, means);
                    flow.line(&format!("{at} return {word}"));
                });
            }
        }
    }
    group.build()
}
