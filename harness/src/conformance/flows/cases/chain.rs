//! Two plugins, in one VM and in two. They run rules LIFE-8, LIFE-9, LIFE-15, BODY-2 to BODY-5, LR-6 and FAIL-1.

use super::build::FlowBuilder;
use super::replies::{PHASES, whole};
use super::{Builder, Group, REQUEST, RESPONSE, Way, exchange};
use crate::conformance::flows::{Framing, Message};

pub(super) fn groups() -> Vec<Group> {
    let mut groups = Vec::new();
    for (name, vms) in [("one-vm", [0, 0]), ("two-vms", [0, 1])] {
        for way in [REQUEST, RESPONSE] {
            groups.push(pauses(name, vms, way));
        }
        groups.push(replies(name, vms));
        groups.extend(PHASES.into_iter().flat_map(|phase| [0, 1].map(|plugin| trap(name, vms, plugin, phase))));
    }
    groups
}

/// Both pause, each somewhere.
fn pauses(name: &str, vms: [usize; 2], way: Way) -> Group {
    let mut group = Builder::new(&format!("chain-{name}-{}", way.name)).chain(&vms);
    let first = format!("{}@1", way.body);
    let places = [
        ("headers", way.headers, 1),
        ("first", first.as_str(), 1),
        ("keep", first.as_str(), 2),
        ("drop", first.as_str(), 3),
        ("end", way.at_end, 1),
        ("trailers", way.trailers, 1),
    ];
    for (one, one_at, one_word) in places {
        for (other, other_at, other_word) in places {
            for (shape, framing) in [("two", Framing::Chunked), ("trailers", Framing::Trailers)] {
                group.flow(&format!("{one}-{other}-{shape}"), |flow| {
                    flow.exchange(exchange(way, Message::sized(framing, &[5, 7])));
                    pause(flow, way, 0, one_at, one_word);
                    pause(flow, way, 1, other_at, other_word);
                });
            }
        }
    }
    group.build()
}

fn pause(flow: &mut FlowBuilder<'_>, way: Way, plugin: usize, at: &str, word: u32) {
    let register = plugin + 1;
    flow.line_of(plugin, &format!("{at} keep {register}"));
    // The two must not fire in one turn: one of them may end the stream.
    let period = 40 + 50 * plugin;
    flow.line_of(plugin, &format!("{at} proxy_set_tick_period_milliseconds {period}"));
    flow.line_of(plugin, &format!("{at} return {word}"));
    flow.line_of(plugin, "tick proxy_set_tick_period_milliseconds 0");
    flow.line_of(plugin, &format!("tick proxy_set_effective_context ${register}"));
    flow.line_of(plugin, &format!("tick proxy_continue_stream {}", way.stream));
}

/// One of them answers, or closes; who sees what?
fn replies(name: &str, vms: [usize; 2]) -> Group {
    let mut group = Builder::new(&format!("chain-{name}-reply")).chain(&vms);
    for phase in PHASES {
        for plugin in [0, 1] {
            for (what, call) in [
                ("reply", "proxy_send_local_response 403 \"no\" \"denied\" \"\" -1"),
                ("empty", "proxy_send_local_response 204 \"\" \"\" \"\" -1"),
                ("close", "proxy_close_stream 0"),
            ] {
                // These end Envoy (rule LR-12).
                if phase == "response_trailers" {
                    continue;
                }
                group.flow(&format!("{}-{plugin}-{what}", phase.replace('@', "-")), |flow| {
                    flow.exchange(whole());
                    flow.line_of(plugin, &format!("{phase} {call}"));
                });
            }
        }
    }
    // Both answer: the second one sees the first one's answer.
    for phase in ["response_headers", "response_body"] {
        group.flow(&format!("both-{phase}"), |flow| {
            flow.exchange(whole());
            flow.line_of(1, "request_headers proxy_send_local_response 403 \"no\" \"denied\" \"\" -1");
            flow.line_of(0, &format!("{phase} proxy_send_local_response 404 \"no\" \"other\" \"\" -1"));
        });
    }
    group.build()
}

/// One of them dies; in one VM that is the end of both.
fn trap(name: &str, vms: [usize; 2], plugin: usize, phase: &str) -> Group {
    let mut group = Builder::new(&format!("chain-{name}-trap-{plugin}-{}", phase.replace('@', "-"))).chain(&vms);
    group.flow("trap", |flow| {
        flow.exchange(whole());
        flow.line_of(plugin, &format!("{phase} trap"));
    });
    group.flow("after", |flow| {
        flow.exchange(whole());
    });
    group.build()
}
