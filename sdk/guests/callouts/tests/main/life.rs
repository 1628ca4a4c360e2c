//! What becomes of callouts when streams, plugins and configurations go.

use std::sync::Arc;
use std::time::Duration;

use callouts::Asks;
use tamis_harness::context::{Attributes, ClusterState, GrpcWhat, HeaderMap, Plugin, Process};
use tamis_harness::native::Native;
use tamis_harness::stream::{
    Callout, CalloutAnswer, Direction, FailurePolicy, FilterSpec, Frame, LoadedModule, Options, Proxy, StreamKey,
    WireMessage,
};

/// A proxy with the filter alone, and with these clusters.
pub fn proxy(clusters: &[&str]) -> (Proxy, Arc<Process>) {
    let process = Arc::new(Process::deterministic(1));
    for cluster in clusters {
        process.add_cluster(cluster, ClusterState::Up);
    }
    (Proxy::load_with(&[filter()], process.clone(), Options::default()).unwrap(), process)
}

fn filter() -> FilterSpec {
    FilterSpec {
        module: LoadedModule::native(Native::linked(tamis::native::of::<Asks>).unwrap()),
        plugin: Plugin { name: "callouts".to_owned(), ..Plugin::default() },
        failure_policy: FailurePolicy::Closed,
    }
}

/// Sends a request without a body.
pub fn ask(proxy: &mut Proxy, path: &str) -> StreamKey {
    let headers = [(":authority", "example.com"), (":path", path), (":method", "GET")];
    let stream = proxy.open_on(0, Attributes::default());
    proxy.send(stream, Direction::Request, Frame::Headers(headers.into_iter().collect::<HeaderMap>()), true);
    stream
}

pub fn answer(body: &[u8]) -> CalloutAnswer {
    CalloutAnswer::Response(WireMessage::new([(":status", "200")].into_iter().collect(), body.to_vec()))
}

/// The callouts that streams have made.
fn asked(proxy: &mut Proxy) -> Vec<Callout> {
    proxy.take_callouts().into_iter().filter(|callout| callout.cluster != "start").collect()
}

fn moved(proxy: &mut Proxy, stream: StreamKey) -> bool {
    !proxy.take_out(stream).is_empty()
}

fn said(process: &Process, text: &str) -> usize {
    process.log_lines().iter().filter(|line| line.message.contains(text)).count()
}

#[test]
fn a_plugin_asks_when_it_starts_on_every_thread() {
    let (mut proxy, process) = proxy(&["start"]);
    let started = proxy.take_callouts();
    assert_eq!(started.len(), 2, "the main thread and one worker; the trial VM is gone");
    for callout in started {
        assert_eq!(callout.request.headers.get(b":path"), Some(b"/started".as_slice()));
        assert!(proxy.answer(callout.id, answer(b"go")));
    }
    assert_eq!(said(&process, "start: 200 go"), 2);
}

#[test]
fn an_answer_for_a_stream_that_is_gone_is_passed_over() {
    let (mut proxy, process) = proxy(&["a"]);
    let (gone, stays) = (ask(&mut proxy, "/ask/a/1000"), ask(&mut proxy, "/ask/a/1000"));
    let callouts = asked(&mut proxy);
    assert_eq!(callouts.len(), 2);
    proxy.close(gone);
    for callout in callouts {
        assert!(proxy.answer(callout.id, answer(b"")), "the proxy cannot take a callout back");
    }
    assert!(moved(&mut proxy, stays));
    assert_eq!(said(&process, "panic"), 0);
}

#[test]
fn what_a_stream_had_under_way_does_not_count_for_others() {
    let (mut proxy, _) = proxy(&["a"]);
    for _ in 0..3 {
        let stream = ask(&mut proxy, "/join-all/4");
        assert_eq!(asked(&mut proxy).len(), 4);
        proxy.close(stream);
    }
}

#[test]
fn a_grpc_call_of_a_stream_that_is_gone_is_cancelled() {
    let (mut proxy, _) = proxy(&["a", "b"]);
    for path in ["/grpc/a/1000", "/stream/1"] {
        let stream = ask(&mut proxy, path);
        let begun = proxy.take_grpc();
        assert!(matches!(begun[0].what, GrpcWhat::Call { .. } | GrpcWhat::Stream { .. }), "{begun:?}");
        proxy.close(stream);
        let ended = proxy.take_grpc();
        assert_eq!(ended.iter().map(|event| &event.what).collect::<Vec<_>>(), [&GrpcWhat::Cancel], "{path}");
        assert_eq!(ended[0].id, begun[0].id);
    }
}

#[test]
fn what_waits_goes_on_with_the_plugin_that_it_began_with() {
    let (mut proxy, _) = proxy(&["a"]);
    let stream = ask(&mut proxy, "/ask/a/1000");
    let callouts = asked(&mut proxy);
    proxy.reload(&[filter()]).unwrap();
    assert!(proxy.answer(callouts[0].id, answer(b"told")));
    assert!(moved(&mut proxy, stream));
}

#[test]
fn what_sleeps_and_is_gone_leaves_no_timer() {
    let (mut proxy, _) = proxy(&["a"]);
    let (gone, stays) = (ask(&mut proxy, "/sleep/20"), ask(&mut proxy, "/sleep/50"));
    proxy.close(gone);
    proxy.advance(Duration::from_millis(49));
    assert!(!moved(&mut proxy, stays));
    proxy.advance(Duration::from_millis(1));
    assert!(moved(&mut proxy, stays));
    assert_eq!(proxy.due_in(), None, "nothing ticks when nothing sleeps");
}

#[test]
fn many_streams_wait_at_once() {
    let (mut proxy, _) = proxy(&["a"]);
    let streams = (0..300).map(|_| ask(&mut proxy, "/ask/a/1000")).collect::<Vec<_>>();
    let callouts = asked(&mut proxy);
    assert_eq!(callouts.len(), streams.len());
    for callout in callouts.iter().rev() {
        assert!(proxy.answer(callout.id, answer(b"")));
    }
    for stream in streams {
        assert!(moved(&mut proxy, stream));
    }
}
