//! Bodies that are changed, and bodies around the buffer's limit. They run rules BUF-2, BUF-4, BODY-4 to BODY-6, BODY-12,
//! BODY-14 and HDR-16.

use super::pause::{Means, go_on};
use super::{Builder, REQUEST, RESPONSE, Way, exchange};
use crate::conformance::flows::{Framing, Group, Message};

pub(super) fn groups() -> Vec<Group> {
    [REQUEST, RESPONSE].into_iter().flat_map(|way| [edits(way), limits(way, false), limits(way, true)]).collect()
}

/// What is done to a body: start, length, bytes.
const EDITS: [(&str, &str); 6] = [
    ("replace", "0 -1 \"instead\""),
    ("prepend", "0 0 \"before \""),
    ("append", "999999 0 \" after\""),
    ("empty", "0 -1 \"\""),
    ("cut", "0 2 \"\""),
    ("inside", "1 1 \"no\""),
];

fn edits(way: Way) -> Group {
    let mut group = Builder::new(&format!("edit-{}", way.name));
    let shapes: [(&str, Framing, &[usize]); 4] = [
        ("one", Framing::Length, &[5]),
        ("two", Framing::Chunked, &[5, 7]),
        ("trailers", Framing::Trailers, &[5, 7]),
        ("empty", Framing::Chunked, &[]),
    ];
    let (body, trailers) = (way.body, way.trailers);
    for (shape, framing, sizes) in shapes {
        for (edit, arguments) in EDITS {
            let set = format!("proxy_set_buffer_bytes {} {arguments}", way.stream);
            for length in ["kept", "removed"] {
                if length == "removed" && framing != Framing::Length {
                    continue;
                }
                let mut flow = |when: &str, lines: &[String], means: Option<&str>| {
                    group.flow(&format!("{shape}-{edit}-{when}-{length}"), |flow| {
                        flow.exchange(exchange(way, Message::sized(framing, sizes)));
                        if length == "removed" {
                            let map = way.stream * 2;
                            flow.line(&format!(
                                "{} proxy_remove_header_map_value {map} \"content-length\"",
                                way.headers
                            ));
                        }
                        if let Some(at) = means {
                            flow.line(&format!("{at} keep 1"));
                            flow.line(&format!("{at} proxy_set_tick_period_milliseconds 40"));
                            flow.line("tick proxy_set_tick_period_milliseconds 0");
                            flow.line("tick proxy_set_effective_context $1");
                        }
                        for line in lines {
                            flow.line(line);
                        }
                    });
                };
                flow("each", &[format!("{body} {set}")], None);
                flow("end", &[format!("{body}@end {set}"), format!("{body}@more return 1")], None);
                let go_on = format!("tick proxy_continue_stream {}", way.stream);
                flow(
                    "paused",
                    &[format!("tick {set}"), go_on, format!("{body},{trailers} return 1")],
                    Some(if framing == Framing::Trailers { trailers } else { way.at_end }),
                );
                if framing == Framing::Trailers {
                    flow("trailers", &[format!("{trailers} {set}"), format!("{body} return 1")], None);
                }
            }
        }
    }
    group.build()
}

/// The limit that bodies are measured by.
const LIMIT: u32 = 1024;

/// Bodies of about the limit, where a filter pauses at the body or, when they are held, at the headers.
fn limits(way: Way, held: bool) -> Group {
    let name = if held { "held" } else { "limit" };
    let mut group = Builder::new(&format!("{name}-{}", way.name)).limit(LIMIT);
    if held {
        group = group.held();
    }
    let sizes: [(&str, &[usize]); 6] = [
        ("below", &[1023]),
        ("at", &[1024]),
        ("above", &[1025]),
        ("twice", &[2048]),
        ("sum-at", &[512, 512]),
        ("sum-above", &[600, 600]),
    ];
    for (size, sizes) in sizes {
        for (framing_name, framing) in [("length", Framing::Length), ("trailers", Framing::Trailers)] {
            let mut flow = |name: &str, at: &str, word: u32, means: Means| {
                group.flow(&format!("{size}-{framing_name}-{name}"), |flow| {
                    flow.exchange(exchange(way, Message::sized(framing, sizes)));
                    go_on(flow, way, at, means);
                    if held {
                        flow.line(&format!("{} return 1", way.headers));
                    }
                    flow.line(&format!("{at} return {word}"));
                });
            };
            let more = format!("{}@more", way.body);
            flow("buffer", &more, 1, Means::Never);
            flow("watermark", &format!("{}@1", way.body), 2, Means::Tick);
            flow("drop", &more, 3, Means::Never);
            if !held {
                flow("all", way.headers, 3, Means::Tick);
                flow("all-watermark", way.headers, 4, Means::Tick);
            }
        }
    }
    group.build()
}
