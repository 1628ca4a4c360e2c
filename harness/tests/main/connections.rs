//! Connections through network filters, in the harness and in a real Envoy: what filters are told, and what either end gets.

mod cases;
mod real;

use std::sync::Arc;
use std::time::Duration;

use tamis_harness::context::{Attributes, Plugin, Process};
use tamis_harness::envoy::find_or_skip;
use tamis_harness::stream::{ConnectionKey, End, FailurePolicy, FilterSpec, LoadedModule, Moved, Options, Proxy};

/// The guest that all filters here are.
const GUEST: &str = include_str!("../guests/connections.wat");

/// Filters, what both ends do, and what must be seen.
pub struct Case {
    pub name: &'static str,
    /// How many filters there are.
    pub filters: usize,
    /// The filters' configuration: with one, new connections pause.
    pub configuration: &'static str,
    pub policy: FailurePolicy,
    pub steps: &'static [Step],
    /// What filters log of connections; the number in front is the filter's.
    pub said: &'static [&'static str],
    /// What the upstream and the client of the last connection get; a dot is the end.
    pub got: [&'static str; 2],
}

/// What an end does, or nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Says(End, &'static str),
    Ends(End),
    Breaks(End),
    /// A tenth of a second goes by.
    Wait,
    /// Another connection takes the place of this one.
    Again,
}

/// What has been seen so far: lines, and what both ends got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    said: Vec<String>,
    got: [String; 2],
}

#[test]
fn tcp_1_connections_go_the_same_way_in_the_harness_and_in_envoy() {
    let cases = cases::ALL;
    let ours = cases.iter().map(harness).collect::<Vec<_>>();
    let last = |all: &[Vec<Seen>]| all.iter().map(|seen| seen.last().cloned().unwrap()).collect::<Vec<_>>();
    let mut engines = vec![("harness".to_owned(), last(&ours))];
    if let Some(binary) = find_or_skip("connections through a real Envoy") {
        engines.push((format!("Envoy {}", binary.version()), real::run(&binary, cases, &ours)));
    }
    let mut differ = String::new();
    for (engine, all) in engines {
        for (case, seen) in cases.iter().zip(all) {
            let said = case.said.iter().map(|line| (*line).to_owned()).collect();
            let wanted = Seen { said, got: case.got.map(str::to_owned) };
            if seen != wanted {
                differ += &format!("{}, {engine}\n  is  {seen:?}\n  not {wanted:?}\n", case.name);
            }
        }
    }
    assert!(differ.is_empty(), "{differ}");
}

#[test]
fn filters_that_resume_each_other_without_end_come_to_one() {
    // The second filter pauses, and lets the first go on: which shows the second the same bytes again.
    let text = r#"(module
        (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
        (import "env" "proxy_set_effective_context" (func $about (param i32) (result i32)))
        (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
        (func (export "proxy_on_downstream_data") (param $id i32) (param i32 i32) (result i32)
            (if (i32.eq (local.get $id) (i32.const 3)) (then (return (i32.const 0))))
            (drop (call $log (i32.const 2) (i32.const 0) (i32.const 1)))
            (drop (call $about (i32.const 3)))
            (drop (call $continue (i32.const 2)))
            (i32.const 1)))"#;
    let process = Arc::new(Process::deterministic(1));
    let module = LoadedModule::new(&wat::parse_str(text).unwrap()).unwrap();
    let filter = |name: &str| FilterSpec {
        module: module.clone(),
        plugin: Plugin { name: name.to_owned(), ..Plugin::default() },
        failure_policy: FailurePolicy::Closed,
    };
    // Two plugins in one VM: contexts 1 and 2 are theirs, 3 and 4 the connection's.
    let mut proxy = Proxy::load(&[filter("a"), filter("b")], process.clone()).unwrap();
    let connection = proxy.connect(0, Attributes::default());
    proxy.send_bytes(connection, End::Client, b"a", false);
    let calls = process.log_lines().len();
    assert!((2..1000).contains(&calls), "{calls}");
    assert_eq!(proxy.take_bytes(connection), [Moved::Connected]);
}

/// What is seen after the connection has begun, and after each step.
fn harness(case: &Case) -> Vec<Seen> {
    let process = Arc::new(Process::deterministic(1));
    let module = LoadedModule::new(&wat::parse_str(GUEST).unwrap()).unwrap();
    let filters = (0..case.filters).map(|index| FilterSpec {
        module: module.clone(),
        plugin: Plugin {
            name: "p".to_owned(),
            vm_id: format!("{}-{index}", case.name),
            configuration: case.configuration.as_bytes().to_vec(),
            ..Plugin::default()
        },
        failure_policy: case.policy,
    });
    let mut proxy = Proxy::load_with(&filters.collect::<Vec<_>>(), process.clone(), Options::default()).unwrap();
    let mut connection = proxy.connect(0, Attributes::default());
    let mut got = <[String; 2]>::default();
    let look = |proxy: &mut Proxy, connection: ConnectionKey, got: &mut [String; 2]| {
        for moved in proxy.take_bytes(connection) {
            match moved {
                Moved::Connected => {}
                Moved::Bytes(end, bytes, last) => {
                    let got = &mut got[usize::from(end == End::Client)];
                    *got += &String::from_utf8(bytes).unwrap();
                    *got += if last { "." } else { "" };
                }
                Moved::Closed => got.iter_mut().filter(|got| !got.ends_with('.')).for_each(|got| *got += "."),
            }
        }
        let lines = process.log_lines().into_iter().filter(|line| !line.message.starts_with("Function: "));
        let said = lines.map(|line| format!("{} {}", line.from.rsplit('-').next().unwrap(), line.message));
        Seen { said: said.collect(), got: got.clone() }
    };
    let mut seen = vec![look(&mut proxy, connection, &mut got)];
    for step in case.steps {
        match *step {
            Step::Says(end, bytes) => proxy.send_bytes(connection, end, bytes.as_bytes(), false),
            Step::Ends(end) => proxy.send_bytes(connection, end, b"", true),
            Step::Breaks(end) => proxy.break_off(connection, end),
            Step::Wait => proxy.advance(Duration::from_millis(100)),
            Step::Again => {
                proxy.forget(connection);
                (connection, got) = (proxy.connect(0, Attributes::default()), Default::default());
            }
        }
        seen.push(look(&mut proxy, connection, &mut got));
    }
    seen
}
