//! Cases about threads: plugins and their keys, timers, the clock.

use super::Case;
use super::guest::guest;

pub fn all() -> [Case; 3] {
    [keys(), ticks(), clock()]
}

/// LIFE-1: root id and configuration tell plugins apart; the same one twice is one. LIFE-5: and it is started once.
fn keys() -> Case {
    let text = guest(
        &["load_create", "load_start"],
        r#"(func (export "proxy_on_context_create") (param $id i32) (param $parent i32)
               (if (i32.eqz (local.get $parent)) (then (call $tell_load_create (local.get $id)))))
           (func (export "proxy_on_vm_start") (param $id i32) (param i32) (result i32)
               (call $tell_load_start (local.get $id)) (i32.const 1))"#,
    );
    let plugin = |root_id, configuration| (text.clone(), root_id, configuration);
    let started = |id| [format!("load create {id}"), format!("load start {id}")];
    // The canary, the main thread, the worker.
    let load = [1, 1, 1, 2, 2, 1, 3, 3, 1].into_iter().flat_map(started).map(|line| &*line.leak());
    Case {
        name: "keys",
        filters: vec![plugin("one", "1"), plugin("one", "1"), plugin("two", "1"), plugin("one", "2")],
        load: load.collect(),
        ..Case::default()
    }
}

/// TICK-2: the main thread's timer runs as the worker's does; the canary's is gone.
fn ticks() -> Case {
    let text = guest(
        &["load_set", "load_tick"],
        r#"(import "env" "proxy_set_tick_period_milliseconds" (func $period (param i32) (result i32)))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
               (call $tell_load_set (call $period (i32.const 50))) (i32.const 1))
           (func (export "proxy_on_tick") (param i32)
               (drop (call $period (i32.const 0))) (call $say_load_tick))"#,
    );
    let load = vec!["load set 0", "load set 0", "load set 0", "load tick", "load tick"];
    Case { name: "ticks", filters: vec![(text, "", "")], load, ..Case::default() }
}

/// TIME-1: the clock is the wall clock, and goes on while a callback runs.
fn clock() -> Case {
    let text = guest(
        &["known", "moved"],
        r#"(import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               (local $left i32)
               (local.set $left (i32.const 1000000))
               (drop (call $time (i32.const 8)))
               ;; After 2020 and before 2100.
               (call $tell_known (i32.and
                   (i64.gt_u (i64.load (i32.const 8)) (i64.const 1577836800000000000))
                   (i64.lt_u (i64.load (i32.const 8)) (i64.const 4102444800000000000))))
               (loop $again
                   (drop (call $time (i32.const 16)))
                   (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                   (br_if $again (i32.and
                       (i64.eq (i64.load (i32.const 8)) (i64.load (i32.const 16))) (i32.ne (local.get $left) (i32.const 0)))))
               (call $tell_moved (i64.gt_u (i64.load (i32.const 16)) (i64.load (i32.const 8))))
               (i32.const 0))"#,
    );
    let said = vec!["known 1", "moved 1"];
    Case { name: "clock", filters: vec![(text, "", "")], requests: 1, live: true, said, ..Case::default() }
}
