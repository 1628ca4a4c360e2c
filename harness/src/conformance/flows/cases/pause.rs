//! Pauses: each result of each phase, in both directions, and every way to go on. They run rules BODY-1 to BODY-10,
//! BODY-17, HDR-1, HDR-2, BUF-6 and LR-10.

use super::build::FlowBuilder;
use super::{Builder, REQUEST, RESPONSE, SHAPES, Way, exchange};
use crate::conformance::cases::pairs;
use crate::conformance::flows::{Framing, Group, Message};

/// A place to pause: the phase with its condition, the result, and which shapes get there.
struct Place {
    name: String,
    at: String,
    word: u32,
    shapes: fn(Framing, &[usize]) -> bool,
}

pub(super) fn groups() -> Vec<Group> {
    let mut groups = Vec::new();
    for way in [REQUEST, RESPONSE] {
        groups.push(slow(way));
        for place in places(way) {
            let mut group = Builder::new(&format!("pause-{}-{}", way.name, place.name));
            for (shape, framing, sizes) in SHAPES {
                if (place.shapes)(framing, sizes) {
                    for means in MEANS {
                        flow(&mut group, way, &place, (shape, framing, sizes), means);
                    }
                }
            }
            groups.push(group.build());
        }
        groups.push(held(way));
    }
    groups
}

fn places(way: Way) -> Vec<Place> {
    let mut places = Vec::new();
    for word in [1, 3, 4] {
        let name = format!("headers-{word}");
        places.push(Place { name, at: way.headers.to_owned(), word, shapes: |_, _| true });
    }
    for word in [1, 2, 3] {
        for (when, suffix) in [("first", "@1"), ("end", "@end"), ("each", "")] {
            places.push(Place {
                name: format!("body-{word}-{when}"),
                at: format!("{}{suffix}", way.body),
                word,
                shapes: match when {
                    "first" => |framing, _| framing != Framing::None,
                    "end" => |framing, _| matches!(framing, Framing::Length | Framing::Chunked),
                    _ => |framing, sizes| framing != Framing::None && sizes.len() > 1,
                },
            });
        }
    }
    let shapes = |framing, _: &[usize]| framing == Framing::Trailers;
    places.push(Place { name: "trailers".to_owned(), at: way.trailers.to_owned(), word: 1, shapes });
    places
}

/// How a stream goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// Not at all.
    Never,
    /// By the callback that pauses it.
    Itself,
    /// By the plugin's timer.
    Tick,
    /// By the answer to a callout.
    Callout,
    /// By the timer, which asks for the other direction. A response that is not there would end Envoy (rule LR-12).
    Other,
    /// By the timer, twice in one call.
    Twice,
    /// By the timer, which closes it.
    Close,
    /// By the timer, with a local reply.
    Reply,
}

pub(super) const MEANS: [(&str, Means); 8] = [
    ("never", Means::Never),
    ("itself", Means::Itself),
    ("tick", Means::Tick),
    ("callout", Means::Callout),
    ("other", Means::Other),
    ("twice", Means::Twice),
    ("close", Means::Close),
    ("reply", Means::Reply),
];

fn flow(
    group: &mut Builder,
    way: Way,
    place: &Place,
    (shape, framing, sizes): (&str, Framing, &[usize]),
    (means_name, means): (&str, Means),
) {
    if means == Means::Other && way.stream == 0 {
        return;
    }
    group.flow(&format!("{shape}-{means_name}"), |flow| {
        flow.exchange(exchange(way, Message::sized(framing, sizes)));
        go_on(flow, way, &place.at, means);
        if means == Means::Callout && (place.word == 1 || !place.at.contains("body")) {
            flow.line(&format!("http_call_response proxy_get_buffer_bytes {} 0 -1 @data", way.stream));
        }
        flow.line(&format!("{} return {}", place.at, place.word));
    });
}

/// Has the stream go on that is paused at a place.
pub(super) fn go_on(flow: &mut FlowBuilder<'_>, way: Way, at: &str, means: Means) {
    let go_on = format!("proxy_continue_stream {}", way.stream);
    let mut after = |calls: &[&str]| {
        flow.line(&format!("{at} keep 1"));
        flow.line(&format!("{at} proxy_set_tick_period_milliseconds 40"));
        flow.line("tick proxy_set_tick_period_milliseconds 0");
        flow.line("tick proxy_set_effective_context $1");
        for call in calls {
            flow.line(&format!("tick {call}"));
        }
    };
    match means {
        Means::Never => {}
        Means::Itself => {
            flow.line(&format!("{at} {go_on}"));
        }
        Means::Tick => after(&[&go_on]),
        Means::Twice => after(&[&go_on, &go_on]),
        Means::Other => after(&[&format!("proxy_continue_stream {}", 1 - way.stream)]),
        Means::Close => after(&[&format!("proxy_close_stream {}", way.stream)]),
        Means::Reply => after(&["proxy_send_local_response 403 \"no\" \"denied\" \"\" -1"]),
        Means::Callout => {
            flow.line(&format!("{at} keep 1"));
            // Not so soon that it is a race with what comes after the pause.
            flow.line(&format!("{at} {}", callout("callout", "/callout/later", 1000)));
            flow.line("http_call_response proxy_set_effective_context $1");
            flow.line(&format!("http_call_response {go_on}"));
        }
    }
}

/// A callout to a cluster, of a path, with a time limit in milliseconds.
pub(super) fn callout(cluster: &str, path: &str, timeout: u32) -> String {
    let headers = pairs(&[(":method", "GET"), (":path", path), (":authority", "callout")]);
    format!("proxy_http_call \"{cluster}\" \"{headers}\" \"\" \"\" {timeout} @u32")
}

/// What still comes after the stream has gone on.
fn slow(way: Way) -> Group {
    let mut group = Builder::new(&format!("resumed-{}", way.name));
    for (shape, framing, sizes) in [("two", Framing::Chunked, [5, 7]), ("trailers", Framing::Trailers, [5, 7])] {
        for (at, phase) in [("headers", way.headers.to_owned()), ("body", format!("{}@1", way.body))] {
            for word in [1, 2, 3, 4] {
                for (name, means) in MEANS {
                    let other = means == Means::Other && way.stream == 0;
                    if !other && (at == "headers" || word < 4) {
                        group.flow(&format!("{shape}-{at}-{word}-{name}"), |flow| {
                            flow.exchange(exchange(way, Message::sized(framing, &sizes).slowly()));
                            go_on(flow, way, &phase, means);
                            flow.line(&format!("{phase} return {word}"));
                        });
                    }
                }
            }
        }
    }
    group.build()
}

/// Headers that are held while the body comes (rule BODY-3).
fn held(way: Way) -> Group {
    let mut group = Builder::new(&format!("pause-{}-held", way.name)).held();
    for (shape, framing, sizes) in SHAPES {
        for word in [0, 1, 2, 3] {
            for (name, at) in [("each", way.body.to_owned()), ("end", format!("{}@end", way.body))] {
                if word == 0 && name == "end" || framing == Framing::None && (word != 0) {
                    continue;
                }
                group.flow(&format!("{shape}-body-{word}-{name}"), |flow| {
                    flow.exchange(exchange(way, Message::sized(framing, sizes)));
                    flow.line(&format!("{} return 1", way.headers));
                    flow.line(&format!("{at} return {word}"));
                    // What would wait goes on in the end.
                    go_on(flow, way, if framing == Framing::Trailers { way.trailers } else { &at }, Means::Tick);
                });
            }
        }
        for (name, means) in MEANS {
            if means != Means::Other || way.stream == 1 {
                group.flow(&format!("{shape}-{name}"), |flow| {
                    flow.exchange(exchange(way, Message::sized(framing, sizes)));
                    flow.line(&format!("{} return 1", way.headers));
                    go_on(flow, way, way.headers, means);
                    flow.line(&format!("{},{} return 1", way.body, way.trailers));
                });
            }
        }
    }
    group.build()
}
