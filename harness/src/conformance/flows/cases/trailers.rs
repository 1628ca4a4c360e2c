//! Trailers that are made, changed and taken away. They run rules HDR-1, HDR-8, HDR-12 and BODY-10.

use super::pause::{Means, go_on};
use super::{Builder, REQUEST, RESPONSE, SHAPES, Way, exchange};
use crate::conformance::flows::{Framing, Group, Message};

pub(super) fn groups() -> Vec<Group> {
    [REQUEST, RESPONSE].into_iter().map(group).collect()
}

fn group(way: Way) -> Group {
    let mut group = Builder::new(&format!("trailers-{}", way.name));
    let map = way.stream * 2 + 1;
    let add = format!("proxy_add_header_map_value {map} \"x-new\" \"1\"");
    let makers = [
        ("add", add.clone()),
        ("set", format!("proxy_replace_header_map_value {map} \"x-new\" \"1\"")),
        ("remove", format!("proxy_remove_header_map_value {map} \"x-t\"")),
        ("size", format!("proxy_get_header_map_size {map} @u32")),
        ("pairs", format!("proxy_set_header_map_pairs {map} \"\"")),
    ];
    for (shape, framing, sizes) in SHAPES {
        if framing == Framing::None {
            continue;
        }
        for (name, call) in &makers {
            let at = if framing == Framing::Trailers { way.trailers } else { way.at_end };
            group.flow(&format!("{shape}-{name}"), |flow| {
                flow.exchange(exchange(way, Message::sized(framing, sizes)));
                flow.line(&format!("{at} {call}"));
            });
            for word in [1, 2, 3] {
                if word == 1 || framing != Framing::Trailers && *name == "add" {
                    group.flow(&format!("{shape}-{name}-paused-{word}"), |flow| {
                        flow.exchange(exchange(way, Message::sized(framing, sizes)));
                        flow.line(&format!("{at} {call}"));
                        go_on(flow, way, at, Means::Tick);
                        flow.line(&format!("{at} return {word}"));
                    });
                }
            }
        }
        group.flow(&format!("{shape}-too-early"), |flow| {
            flow.exchange(exchange(way, Message::sized(framing, sizes)));
            flow.line(&format!("{},{}@more {add}", way.headers, way.body));
        });
        group.flow(&format!("{shape}-kept-and-add"), |flow| {
            flow.exchange(exchange(way, Message::sized(framing, sizes)));
            flow.line(&format!("{}@more return 1", way.body));
            flow.line(&format!("{},{} {add}", way.at_end, way.trailers));
        });
        group.flow(&format!("{shape}-headers-held-and-add"), |flow| {
            flow.exchange(exchange(way, Message::sized(framing, sizes)));
            go_on(flow, way, way.headers, Means::Tick);
            flow.line(&format!("{} return 1", way.headers));
            flow.line(&format!("{},{} {add}", way.at_end, way.trailers));
        });
    }
    group.build()
}
