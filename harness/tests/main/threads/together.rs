//! Workers at the same time: what goes wrong between two host calls is found, in every order or by seed.

use tamis_harness::stream::{Done, Schedule, Work, explore};

use super::*;

/// Counts requests in shared data: reads a number, adds one, writes it back, with the version that it read or without.
/// Tries again, at most so many times, when somebody else was faster.
fn counter(versioned: bool, tries: u32) -> LoadedModule {
    let version = if versioned { "(i32.load (i32.const 24))" } else { "(i32.const 0)" };
    let text = format!(
        r#"(module
            (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "n")
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
            (func (export "proxy_on_configure") (param i32 i32) (result i32)
                (i32.store (i32.const 32) (i32.const 0))
                (if (call $get (i32.const 0) (i32.const 1) (i32.const 16) (i32.const 20) (i32.const 24))
                    (then (drop (call $set (i32.const 0) (i32.const 1) (i32.const 32) (i32.const 4) (i32.const 0)))))
                (i32.const 1))
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                (local $tries i32)
                (local.set $tries (i32.const {tries}))
                (loop $again
                    (drop (call $get (i32.const 0) (i32.const 1) (i32.const 16) (i32.const 20) (i32.const 24)))
                    (i32.store (i32.const 32) (i32.add (i32.load (i32.load (i32.const 16))) (i32.const 1)))
                    (local.set $tries (i32.sub (local.get $tries) (i32.const 1)))
                    (br_if $again (i32.and
                        (i32.ne (call $set (i32.const 0) (i32.const 1) (i32.const 32) (i32.const 4) {version}) (i32.const 0))
                        (i32.gt_s (local.get $tries) (i32.const 0)))))
                (i32.const 0)))"#
    );
    LoadedModule::new(&wat::parse_str(text).unwrap()).unwrap()
}

fn work(requests: usize) -> Work {
    let response: HeaderMap = [(":status", "204")].into_iter().collect();
    vec![(WireMessage::new(headers(), Vec::new()), WireMessage::new(response, Vec::new())); requests]
}

/// What was counted. The store has the number as four bytes.
fn count(proxy: &Proxy) -> u32 {
    u32::from_le_bytes(proxy.process().shared_data("", b"n").unwrap().try_into().unwrap())
}

#[test]
fn an_update_without_a_version_is_lost_in_some_order_and_never_with_one() {
    for (versioned, lost) in [(false, true), (true, false)] {
        let module = counter(versioned, 4);
        let mut counts = std::collections::BTreeMap::new();
        let fresh = || (load(&module, 2), vec![work(2), work(2)]);
        let runs = explore(100_000, fresh, |proxy, done: &[Done], _| {
            assert!(done.iter().all(|worker| worker.len() == 2));
            *counts.entry(count(proxy)).or_insert(0) += 1;
        });
        assert!(runs.unwrap() > 50, "{runs:?}");
        assert_eq!(counts.keys().any(|counted| *counted < 4), lost, "{counts:?}");
        assert!(counts.contains_key(&4), "{counts:?}");
    }
}

#[test]
fn a_schedule_can_be_repeated() {
    let module = counter(false, 1);
    let run = |seed| {
        let mut proxy = load(&module, 8);
        proxy.run_together(vec![work(5); 8], Schedule::Random(seed));
        count(&proxy)
    };
    assert_eq!(run(1), run(1));
    let counts = (0..50).map(run).collect::<std::collections::BTreeSet<_>>();
    assert!(counts.len() > 1 && counts.iter().all(|counted| *counted < 40), "{counts:?}");
}
