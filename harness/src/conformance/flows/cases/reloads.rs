//! A plugin's configuration changes (extension discovery) while a stream is paused, its body is under way, or a callout is
//! open; which configuration each stream has, and what becomes of the old plugin. They run rules LIFE-1, LIFE-3, LIFE-5,
//! LIFE-6, LIFE-11 and LIFE-15.

use super::build::FlowBuilder;
use super::pause::callout;
use super::replies::whole;
use super::{Builder, Group, Message, Reload};
use crate::conformance::flows::Framing;

pub(super) fn groups() -> Vec<Group> {
    let same = Reload::default();
    vec![
        group("reload", &[0], same),
        group("reload-vm", &[0], Reload { new_vm: true, ..same }),
        group("reload-rejected", &[0], Reload { rejected: true, ..same }),
        group("reload-chain", &[0, 1], same),
    ]
}

/// What the first stream does when the configuration changes.
const PHASES: [&str; 4] = ["request_headers", "request_body@1", "response_headers", "response_body@1"];

fn group(name: &str, vms: &[usize], reload: Reload) -> Group {
    let mut group = Builder::new(name).chain(vms);
    let mut flow = |name: &str, first: (Message, Message), make: &dyn Fn(&mut FlowBuilder<'_>)| {
        group.flow(name, |flow| {
            flow.exchange(first).together().reload(reload);
            make(flow);
            flow.exchange(whole());
            flow.exchange(whole());
        });
    };
    let chunked = || Message::sized(Framing::Chunked, &[5, 7]);
    let trailers = || Message::sized(Framing::Trailers, &[5, 7]);
    // Nothing is under way.
    flow("idle", whole(), &|_| {});
    for (shape, message) in [("chunked", chunked()), ("trailers", trailers())] {
        flow(&format!("body-{shape}"), (message.clone(), chunked()), &|flow| {
            flow.held(1);
        });
        flow(&format!("response-{shape}"), (chunked(), message.clone().late()), &|_| {});
        flow(&format!("body-{shape}-kept"), (message, chunked()), &|flow| {
            flow.held(1);
            flow.line("request_body@more return 1");
        });
    }
    for at in PHASES {
        let stream = u32::from(at.starts_with("response"));
        let phase = at.replace("@1", "").replace('_', "-");
        flow(&format!("{phase}-callout"), whole(), &|flow| {
            flow.line(&format!("{at} keep 1"));
            flow.line(&format!("{at} {}", callout("callout", "/callout/held", 3000)));
            flow.line(&format!("{at} return 1"));
            flow.line("http_call_response proxy_set_effective_context $1");
            flow.line(&format!("http_call_response proxy_continue_stream {stream}"));
        });
        flow(&format!("{phase}-tick"), whole(), &|flow| {
            flow.line(&format!("{at} keep 1"));
            flow.line(&format!("{at} proxy_set_tick_period_milliseconds 700"));
            flow.line(&format!("{at} return 1"));
            flow.line("tick proxy_set_tick_period_milliseconds 0");
            flow.line("tick proxy_set_effective_context $1");
            flow.line(&format!("tick proxy_continue_stream {stream}"));
        });
        flow(&format!("{phase}-never"), whole(), &|flow| {
            flow.line(&format!("{at} return 1"));
        });
        flow(&format!("{phase}-aborted"), whole(), &|flow| {
            flow.aborted();
            flow.line(&format!("{at} return 1"));
        });
    }
    // The callout's answer finds its plugin after the last stream has gone, or not any more.
    flow("callout-left", whole(), &|flow| {
        flow.line(&format!("log {}", callout("callout", "/callout/held", 3000)));
    });
    // The old plugin wants to finish something first (rule LIFE-11).
    flow("waits-for-done", whole(), &|flow| {
        flow.line("request_headers proxy_set_tick_period_milliseconds 700");
        flow.line("done return 0");
        flow.line("tick proxy_set_tick_period_milliseconds 0");
        flow.line("tick proxy_done");
    });
    group.build()
}
