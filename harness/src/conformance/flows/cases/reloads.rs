//! A plugin's configuration changes (extension discovery, or a changed listener) while a stream is paused, its body is under
//! way, or a callout is open; which configuration each stream has, and what becomes of the old plugin. They run rules LIFE-1,
//! LIFE-3, LIFE-5, LIFE-6, LIFE-11, LIFE-15 and LIFE-16.

use super::build::FlowBuilder;
use super::pause::callout;
use super::replies::whole;
use super::{Builder, Group, Message, Reload};
use crate::conformance::flows::Framing;

pub(super) fn groups() -> Vec<Group> {
    let same = Reload::default();
    let kinds: [(&str, &[usize], Reload); 4] = [
        ("reload", &[0], same),
        ("reload-vm", &[0], Reload { new_vm: true, ..same }),
        ("reload-rejected", &[0], Reload { rejected: true, ..same }),
        ("reload-chain", &[0, 1], same),
    ];
    let mut groups = Vec::new();
    for (name, vms, reload) in kinds {
        let changing = |topic: &str| Changing { group: Builder::new(&format!("{name}-{topic}")).chain(vms), reload };
        groups.push(moving(changing("moving")));
        groups.push(leaving(changing("leaving")));
        groups.extend(PHASES.into_iter().map(|at| {
            let phase = at.replace("@1", "").replace('_', "-");
            waiting(changing(&phase), at)
        }));
    }
    groups.extend(listeners());
    groups
}

/// The same by a listener that is changed, whose old chain drains.
fn listeners() -> Vec<Group> {
    let same = Reload::default();
    let kinds: [(&str, &[usize], Reload); 4] = [
        ("listener", &[0], same),
        ("listener-vm", &[0], Reload { new_vm: true, ..same }),
        ("listener-rejected", &[0], Reload { rejected: true, ..same }),
        ("listener-chain", &[0, 1], same),
    ];
    let groups = kinds.into_iter().flat_map(|(name, vms, reload)| {
        let changing =
            |topic: &str| Changing { group: Builder::new(&format!("{name}-{topic}")).chain(vms).listener(), reload };
        [
            moving(changing("moving")),
            leaving(changing("leaving")),
            waiting(changing("request-headers"), "request_headers"),
            waiting(changing("response-body"), "response_body@1"),
        ]
    });
    groups.collect()
}

/// A group in whose flows the configuration changes.
struct Changing {
    group: Builder,
    reload: Reload,
}

impl Changing {
    /// The first exchange is under way when the configuration changes; two more come after it.
    fn flow(&mut self, name: &str, first: (Message, Message), make: impl Fn(&mut FlowBuilder<'_>)) {
        let reload = self.reload;
        self.group.flow(name, |flow| {
            flow.exchange(first).together().reload(reload);
            make(flow);
            flow.exchange(whole());
            flow.exchange(whole());
        });
    }
}

/// What the first stream does when the configuration changes.
const PHASES: [&str; 4] = ["request_headers", "request_body@1", "response_headers", "response_body@1"];

/// Nothing is under way, or bytes are.
fn moving(mut group: Changing) -> Group {
    let chunked = || Message::sized(Framing::Chunked, &[5, 7]);
    let trailers = || Message::sized(Framing::Trailers, &[5, 7]);
    group.flow("idle", whole(), |_| {});
    for (shape, message) in [("chunked", chunked()), ("trailers", trailers())] {
        group.flow(&format!("body-{shape}"), (message.clone(), chunked()), |flow| {
            flow.held(1);
        });
        group.flow(&format!("response-{shape}"), (chunked(), message.clone().late()), |_| {});
        group.flow(&format!("body-{shape}-kept"), (message, chunked()), |flow| {
            flow.held(1);
            flow.line("request_body@more return 1");
        });
    }
    group.group.build()
}

/// The first stream waits in this phase.
fn waiting(mut group: Changing, at: &str) -> Group {
    let stream = u32::from(at.starts_with("response"));
    group.flow("callout", whole(), |flow| {
        flow.line(&format!("{at} keep 1"));
        flow.line(&format!("{at} {}", callout("callout", "/callout/held", 3000)));
        flow.line(&format!("{at} return 1"));
        flow.line("http_call_response proxy_set_effective_context $1");
        flow.line(&format!("http_call_response proxy_continue_stream {stream}"));
    });
    group.flow("tick", whole(), |flow| {
        flow.line(&format!("{at} keep 1"));
        flow.line(&format!("{at} proxy_set_tick_period_milliseconds 700"));
        flow.line(&format!("{at} return 1"));
        flow.line("tick proxy_set_tick_period_milliseconds 0");
        flow.line("tick proxy_set_effective_context $1");
        flow.line(&format!("tick proxy_continue_stream {stream}"));
    });
    group.flow("never", whole(), |flow| {
        flow.line(&format!("{at} return 1"));
    });
    group.flow("aborted", whole(), |flow| {
        flow.aborted();
        flow.line(&format!("{at} return 1"));
    });
    group.group.build()
}

/// The old plugin has something left to do.
fn leaving(mut group: Changing) -> Group {
    // The callout's answer finds its plugin after the last stream has gone, or not any more.
    group.flow("callout-left", whole(), |flow| {
        flow.line(&format!("log {}", callout("callout", "/callout/held", 3000)));
    });
    // It wants to finish something first (rule LIFE-11).
    group.flow("waits-for-done", whole(), |flow| {
        flow.line("request_headers proxy_set_tick_period_milliseconds 700");
        flow.line("done return 0");
        flow.line("tick proxy_set_tick_period_milliseconds 0");
        flow.line("tick proxy_done");
    });
    group.group.build()
}
