//! Cases about bodies: borders, one buffer for a chain, two resumptions.

use super::Case;
use super::guest::guest;

pub fn all() -> [Case; 3] {
    [borders(), one_buffer(), twice()]
}

/// BODY-11: chunks that come at once are one piece.
fn borders() -> Case {
    let text = guest(
        &["piece", "end"],
        r#"(func (export "proxy_on_request_body") (param i32) (param $size i32) (param $end i32) (result i32)
               (call $tell_piece (local.get $size)) (call $tell_end (local.get $end)) (i32.const 0))"#,
    );
    Case {
        name: "borders",
        filters: vec![(text, "", "")],
        requests: 1,
        body: &[(&["one", "two", "three"], 2), (&["four", "five"], 4)],
        said: vec!["piece 11", "end 0", "piece 8", "end 0", "piece 0", "end 1"],
        ..Case::default()
    }
}

/// BODY-15: a filter that keeps newer bytes gets to see those too that one behind it keeps.
fn one_buffer() -> Case {
    let text = |letter: &str, result: &str| {
        guest(
            &[&format!("{letter}_piece")],
            &format!(
                r#"(global $count (mut i32) (i32.const 0))
                   (func (export "proxy_on_request_body") (param i32) (param $size i32) (param $end i32) (result i32)
                       (call $tell_{letter}_piece (local.get $size))
                       (global.set $count (i32.add (global.get $count) (i32.const 1)))
                       {result})"#
            ),
        )
    };
    Case {
        name: "one-buffer",
        filters: vec![
            (text("a", "(i32.eq (global.get $count) (i32.const 2))"), "", ""),
            (text("b", "(i32.eqz (local.get $end))"), "", ""),
        ],
        requests: 1,
        body: &[(&["1"], 2), (&["22"], 3), (&["333"], 5)],
        said: vec!["a piece 1", "b piece 1", "a piece 2", "a piece 6", "b piece 6", "a piece 0", "b piece 6"],
        ..Case::default()
    }
}

/// BODY-16: two resumptions in one call show the filter what it held twice, while more is to come. The next one gets it once.
fn twice() -> Case {
    let pieces = r#"(func (export "proxy_on_request_body") (param i32) (param $size i32) (param $end i32) (result i32)
        (call $tell_piece (local.get $size)) (call $tell_end (local.get $end)) (i32.const 0))"#;
    let holds = guest(
        &["tick", "piece", "end"],
        &format!(
            r#"(import "env" "proxy_set_tick_period_milliseconds" (func $period (param i32) (result i32)))
               (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
               (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
               (global $stream (mut i32) (i32.const 0))
               (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
                   (global.set $stream (local.get $id))
                   (drop (call $period (i32.const 250))) (i32.const 4))
               (func (export "proxy_on_tick") (param i32)
                   (drop (call $period (i32.const 0))) (call $say_tick)
                   (drop (call $effective (global.get $stream)))
                   (drop (call $continue (i32.const 0))) (drop (call $continue (i32.const 0))))
               {pieces}"#
        ),
    );
    let next =
        guest(&["next"], &pieces.replace("$tell_piece", "$tell_next").replace("(call $tell_end (local.get $end))", ""));
    Case {
        name: "resumed-twice",
        filters: vec![(holds, "", ""), (next, "", "")],
        requests: 1,
        body: &[(&["12345"], 7)],
        said: vec!["tick", "piece 5", "end 0", "piece 5", "end 0", "next 5", "next 0", "piece 0", "end 1", "next 0"],
        ..Case::default()
    }
}
