//! The bound, with workers at the same time: any two host calls of one may have another's between them.

use std::sync::Arc;

use tamis_harness::context::{HeaderMap, Plugin, Process};
use tamis_harness::stream::{
    Done, FailurePolicy, FilterSpec, LoadedModule, Options, Passed, Proxy, Schedule, WireMessage, Work, explore,
};

fn load(module: &LoadedModule, configuration: &str, workers: usize) -> Proxy {
    let plugin = Plugin { name: "limits".to_owned(), configuration: configuration.into(), ..Plugin::default() };
    let spec = FilterSpec { module: module.clone(), plugin, failure_policy: FailurePolicy::Closed };
    let options = Options { workers, ..Options::default() };
    Proxy::load_with(&[spec], Arc::new(Process::deterministic(1)), options).unwrap()
}

fn work(requests: usize) -> Work {
    let headers: HeaderMap = [(":method", "GET"), (":path", "/"), (":authority", "a")].into_iter().collect();
    let response: HeaderMap = [(":status", "204")].into_iter().collect();
    vec![(WireMessage::new(headers, Vec::new()), WireMessage::new(response, Vec::new())); requests]
}

fn admitted(done: &[Done]) -> usize {
    done.iter().flatten().filter(|(request, _)| matches!(request, Passed::On(_))).count()
}

/// In every order of two workers with two requests each, exactly the limit passes.
#[test]
fn in_every_order_of_two_workers_exactly_the_limit_passes() {
    let module = crate::module();
    let configurations = [
        (3, r#"{"rules": [{"name": "a", "limits": [{"requests": 3, "per": "hour"}]}]}"#),
        (2, r#"{"rules": [{"name": "a", "limits": [{"requests": 2, "per": "hour", "algorithm": "fixed_window"}]}]}"#),
    ];
    for (limit, configuration) in configurations {
        let fresh = || (load(&module, configuration, 2), vec![work(2), work(2)]);
        let runs = explore(100_000, fresh, |_, done, schedule| {
            assert_eq!(admitted(done), limit, "{schedule:?}");
        });
        assert!(runs.unwrap() > 50, "{runs:?}");
    }
}

/// Two rules, of which the second has room for one less: the first one's charge comes back in whatever order.
#[test]
fn across_rules_nothing_too_many_passes_in_any_order() {
    let module = crate::module();
    let configuration = r#"{"rules": [
        {"name": "a", "limits": [{"requests": 2, "per": "hour"}]},
        {"name": "b", "limits": [{"requests": 1, "per": "hour"}]}
    ]}"#;
    let fresh = || (load(&module, configuration, 2), vec![work(1), work(1)]);
    let runs = explore(200_000, fresh, |_, done, schedule| assert_eq!(admitted(done), 1, "{schedule:?}"));
    assert!(runs.unwrap() > 50, "{runs:?}");
}

/// What does not count is given back: nothing is left of it, and nobody else's is lost. Two workers with a refund each have some fifty
/// thousand orders, so these are by seed.
#[test]
fn what_is_given_back_leaves_nothing() {
    let module = crate::module();
    let configuration = r#"{"rules": [{"name": "a", "statuses": [401],
        "limits": [{"requests": 9, "per": "hour", "algorithm": "fixed_window"}]}]}"#;
    for seed in 0..300 {
        let mut proxy = load(&module, configuration, 3);
        let done = proxy.run_together(vec![work(2); 3], Schedule::Random(seed));
        assert_eq!(admitted(&done), 6, "seed {seed}");
        let value = proxy.process().shared_data("", b"tamis/limits/rule.a@5#0").unwrap();
        // One slot: a tag, and a window whose count is in the lowest three bytes.
        assert_eq!((value.len(), &value[8..11]), (16, &[0, 0, 0][..]), "seed {seed}");
    }
}

#[test]
fn eight_workers_pass_the_limit_by_nothing_and_with_leases_by_their_leases() {
    let module = crate::module();
    let exact = r#"{"rules": [{"name": "a", "limits": [{"requests": 20, "per": "hour"}]}]}"#;
    let leased = r#"{"rules": [{"name": "a", "limits": [{"requests": 20, "per": "hour"}], "lease": 3}]}"#;
    for seed in 0..40 {
        let run = |configuration| {
            let done = load(&module, configuration, 8).run_together(vec![work(5); 8], Schedule::Random(seed));
            admitted(&done)
        };
        assert_eq!(run(exact), 20, "seed {seed}");
        // What is leased and not used does not pass; what passes was taken.
        let passed = run(leased);
        assert!((20 - 8 * 2..=20).contains(&passed), "seed {seed}: {passed}");
    }
}
