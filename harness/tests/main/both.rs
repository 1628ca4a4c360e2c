//! Guests whose log must be the same in the harness and in a real Envoy: what a rule says, line by line.
//!
//! Every case is a chain of filters written as text, one request or several, and what is logged. All cases run in one Envoy,
//! a listener each. Without an Envoy they run in the harness alone.

mod cases;
mod guest;
mod real;

use std::sync::Arc;

use tamis_harness::context::{Attributes, HeaderMap, LogLine, Plugin, Process};
use tamis_harness::envoy::find_or_skip;
use tamis_harness::stream::{Direction, FailurePolicy, FilterSpec, Frame, LoadedModule, Options, Out, Proxy};
use tamis_module::gate::EnvoyVersion;

/// One chain, what goes through it, and what must be logged.
#[derive(Clone, Default)]
pub struct Case {
    /// Its name, which is also the id of its VMs.
    pub name: &'static str,
    /// The filters: text of the module, root id, configuration.
    pub filters: Vec<(String, &'static str, &'static str)>,
    /// How many plain requests are sent, one after the other.
    pub requests: usize,
    /// What the upstream answers before its 200: whole heads, as `103 Early Hints`.
    pub before: &'static [&'static str],
    /// What is logged by lines that begin with `load `, in any order: main thread and worker start at the same time.
    pub load: Vec<&'static str>,
    /// What else is logged, in this order.
    pub said: Vec<&'static str>,
    /// The status that the client gets for each request; `reset` for none.
    pub answers: Vec<&'static str>,
}

#[test]
fn guests_say_the_same_in_the_harness_and_in_envoy() {
    let cases = cases::all();
    let mut engines = vec![("harness".to_owned(), cases.iter().map(harness).collect::<Vec<_>>())];
    if let Some(binary) = find_or_skip("guests that say the same in a real Envoy") {
        engines.push((format!("Envoy {}", binary.version()), real::run(&binary, &cases)));
    }
    let mut differ = String::new();
    for (engine, all) in engines {
        for (case, said) in cases.iter().zip(all).filter(|(case, said)| *said != expected(case)) {
            differ += &format!("{}, {engine}\n  says {said:?}\n  not  {:?}\n", case.name, expected(case));
        }
    }
    assert!(differ.is_empty(), "{differ}");
}

/// Lines of loading, sorted; the others; what the client got.
type Said = (Vec<String>, Vec<String>, Vec<String>);

fn expected(case: &Case) -> Said {
    let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let mut load = owned(&case.load);
    load.sort();
    (load, owned(&case.said), owned(&case.answers))
}

fn sorted(lines: impl Iterator<Item = String>, answers: Vec<String>) -> Said {
    let (mut load, said) = lines.partition::<Vec<_>, _>(|line| line.starts_with("load "));
    load.sort();
    (load, said, answers)
}

fn harness(case: &Case) -> Said {
    let process = Arc::new(Process::deterministic(1));
    let filters = case.filters.iter().map(|(text, root_id, configuration)| FilterSpec {
        module: LoadedModule::for_envoy(&wat::parse_str(text).unwrap(), EnvoyVersion::NEWEST).unwrap(),
        plugin: Plugin {
            name: "p".to_owned(),
            root_id: (*root_id).to_owned(),
            vm_id: case.name.to_owned(),
            configuration: configuration.as_bytes().to_vec(),
            ..Plugin::default()
        },
        failure_policy: FailurePolicy::Closed,
    });
    let mut proxy = Proxy::load_with(&filters.collect::<Vec<_>>(), process.clone(), Options::default()).unwrap();
    let mut answers = Vec::new();
    for _ in 0..case.requests {
        let headers: HeaderMap =
            [(":authority", "a"), (":path", "/"), (":method", "GET"), (":scheme", "http")].into_iter().collect();
        let stream = proxy.open_on(0, Attributes::default());
        proxy.send(stream, Direction::Request, Frame::Headers(headers), true);
        let mut out = proxy.take_out(stream);
        if matches!(out[..], [Out::Request(_, true)]) {
            for head in case.before.iter().chain(&["200 OK"]) {
                let status = head.split(' ').next().unwrap();
                let headers = Frame::Headers([(":status", status)].into_iter().collect());
                proxy.send(stream, Direction::Response, headers, status == "200");
            }
        }
        out.extend(proxy.take_out(stream));
        answers.push(answer(&out));
        proxy.close(stream);
    }
    sorted(process.log_lines().iter().filter(|line| is_ours(line)).map(|line| line.message.clone()), answers)
}

/// The status that a client sees.
fn answer(out: &[Out]) -> String {
    let status = out.iter().find_map(|out| match out {
        Out::Response(Frame::Headers(headers), _) => headers.get(b":status"),
        _ => None,
    });
    status.map_or("reset".to_owned(), |status| String::from_utf8_lossy(status).into_owned())
}

/// What the proxy says of a guest that died is worded by each engine.
fn is_ours(line: &LogLine) -> bool {
    !line.message.starts_with("Function: ")
}
