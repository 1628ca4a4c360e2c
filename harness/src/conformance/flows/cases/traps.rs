//! Traps in each phase under each policy, and the request after. They run rules FAIL-1, FAIL-3 to FAIL-8, FAIL-10, HC-9 and
//! LIFE-10.

use super::pause::callout;
use super::replies::{PHASES, whole};
use super::{Builder, Group};
use crate::stream::FailurePolicy;

pub(super) fn groups() -> Vec<Group> {
    let policies =
        [("closed", FailurePolicy::Closed), ("open", FailurePolicy::Open), ("reload", FailurePolicy::Reload)];
    let phases = PHASES.into_iter().chain(["create_stream", "log", "done", "delete", "tick", "http_call_response"]);
    let phases = phases.collect::<Vec<_>>();
    let groups = policies.into_iter().flat_map(|policy| phases.iter().map(move |phase| group(policy, phase)));
    // Loaded anew only after a while.
    groups.chain([group(("backoff", FailurePolicy::Reload), "request_headers")]).collect()
}

fn group((name, policy): (&str, FailurePolicy), phase: &str) -> Group {
    let mut group = Builder::new(&format!("trap-{name}-{}", phase.replace('@', "-"))).policy(policy);
    group = if name == "backoff" { group.patient() } else { group };
    group.flow("trap", |flow| {
        flow.exchange(whole());
        match phase {
            "tick" => {
                flow.line("request_headers proxy_set_tick_period_milliseconds 40");
                flow.line("request_headers return 1");
            }
            "http_call_response" => {
                flow.line(&format!("request_headers {}", callout("callout", "/callout/later", 1000)));
                flow.line("request_headers return 1");
            }
            _ => {}
        }
        // A stream has no number while it is created: there, every one traps. What was asked for before is not done any more (rule FAIL-10).
        flow.line(&format!("{phase} proxy_add_header_map_value 0 \"x-trap\" \"1\""));
        flow.line(&format!("{phase} trap"));
    });
    group.flow("after", |flow| {
        flow.exchange(whole());
        if name == "reload" {
            flow.later();
        }
    });
    group.build()
}
