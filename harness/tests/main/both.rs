//! Guests whose log must be the same in the harness and in a real Envoy: what a rule says, line by line.
//!
//! Every case is a chain of filters written as text, one request or several, and what is logged. All cases run in one Envoy,
//! a listener each. Without an Envoy they run in the harness alone.

mod bodies;
mod cases;
pub mod guest;
mod real;
mod replies;
mod threads;

use std::sync::Arc;
use std::time::Duration;

use tamis_harness::context::{Attributes, HeaderMap, LogLine, Plugin, Process};
use tamis_harness::envoy::find_or_skip;
use tamis_harness::stream::{
    Direction, FailurePolicy, FilterSpec, Frame, LoadedModule, Options, Out, Proxy, StreamKey,
};
use tamis_module::gate::EnvoyVersion;

/// One chain, what goes through it, and what must be logged.
#[derive(Clone, Default)]
pub struct Case {
    /// Its name, which is also the id of its VMs.
    pub name: &'static str,
    /// The filters: text of the module, root id, configuration.
    pub filters: Vec<(String, &'static str, &'static str)>,
    /// How many requests are sent, one after the other.
    pub requests: usize,
    /// Each is sent when the one before has been said something about; no answer is waited for before the last one.
    pub together: bool,
    /// Headers that requests have besides those of a plain one.
    pub headers: &'static [(&'static str, &'static str)],
    /// What is written of each request's body at once, chunks by the piece, and how many lines must have been said before what
    /// follows; without any, a request has no body.
    pub body: &'static [(&'static [&'static str], usize)],
    /// The clock is the machine's, also in the harness.
    pub live: bool,
    /// What the upstream answers before its 200: whole heads, as `103 Early Hints`.
    pub before: &'static [&'static str],
    /// What is logged by lines that begin with `load `, in any order: main thread and worker start at the same time.
    pub load: Vec<&'static str>,
    /// What else is logged, in this order.
    pub said: Vec<&'static str>,
    /// The status that the client gets for each request, and the one of gRPC where there is one; `reset` when the connection
    /// ends without, `nothing` when it does not.
    pub answers: Vec<&'static str>,
}

/// How far the harness' clock is moved wherever a real Envoy is waited for.
const PAUSE: Duration = Duration::from_secs(1);

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
    let process = Arc::new(if case.live { Process::live() } else { Process::deterministic(1) });
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
    proxy.advance(PAUSE);
    let mut answers = Vec::new();
    if case.together {
        let streams = (0..case.requests).map(|_| send(&mut proxy, case)).collect::<Vec<_>>();
        answers.extend(streams.iter().map(|stream| take_answer(&mut proxy, case, *stream)));
        for stream in streams {
            proxy.close(stream);
        }
    } else {
        for _ in 0..case.requests {
            let stream = send(&mut proxy, case);
            answers.push(take_answer(&mut proxy, case, stream));
            proxy.close(stream);
        }
    }
    sorted(process.log_lines().iter().filter(|line| is_ours(line)).map(|line| line.message.clone()), answers)
}

/// Sends a request.
fn send(proxy: &mut Proxy, case: &Case) -> StreamKey {
    let plain = [(":authority", "a"), (":path", "/"), (":method", "GET"), (":scheme", "http")];
    let headers: HeaderMap = plain.iter().chain(case.headers).copied().collect();
    let stream = proxy.open_on(0, Attributes::default());
    proxy.send(stream, Direction::Request, Frame::Headers(headers), case.body.is_empty());
    for (piece, _) in case.body {
        // What comes at once is one piece, whatever its chunks were (rule BODY-11).
        proxy.send(stream, Direction::Request, Frame::Data(piece.concat().into_bytes()), false);
        proxy.advance(PAUSE);
    }
    if !case.body.is_empty() {
        proxy.send(stream, Direction::Request, Frame::Data(Vec::new()), true);
    }
    stream
}

/// Has the upstream answer what has left the chain whole; what the client gets.
fn take_answer(proxy: &mut Proxy, case: &Case, stream: StreamKey) -> String {
    let mut out = proxy.take_out(stream);
    if out.iter().any(|out| matches!(out, Out::Request(_, true))) {
        for head in case.before.iter().chain(&["200 OK"]) {
            let status = head.split(' ').next().unwrap();
            let headers = Frame::Headers([(":status", status)].into_iter().collect());
            proxy.send(stream, Direction::Response, headers, status == "200");
        }
    }
    out.extend(proxy.take_out(stream));
    answer(&out)
}

/// What a client sees.
fn answer(out: &[Out]) -> String {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = out.iter().find_map(|out| match out {
        Out::Response(Frame::Headers(headers), _) => Some(headers),
        _ => None,
    });
    let Some(headers) = headers else {
        return if out.contains(&Out::Reset) { "reset" } else { "nothing" }.to_owned();
    };
    let status = text(headers.get(b":status").unwrap());
    headers.get(b"grpc-status").map_or(status.clone(), |grpc| format!("{status} grpc {}", text(grpc)))
}

/// What the proxy says of a guest that died is worded by each engine.
fn is_ours(line: &LogLine) -> bool {
    !line.message.starts_with("Function: ")
}
