//! gRPC calls and streams of a guest's own.

use tamis_harness::context::GrpcWhat;
use tamis_harness::stream::GrpcAnswer;

use super::*;

/// The callbacks of gRPC, each saying its name; a close also checks that its status word is 7.
const CALLBACKS: &str = r#"
    (func (export "proxy_on_grpc_receive_initial_metadata") (param i32 i32 i32)
        (call $check (call $header (i32.const 4) (i32.const 8) (i32.const 1) (i32.const 16) (i32.const 20)) (i32.const 0))
        (call $say_initial))
    (func (export "proxy_on_grpc_receive") (param i32 i32) (param $size i32)
        (call $check (call $bytes (i32.const 5) (i32.const 0) (i32.const 99) (i32.const 16) (i32.const 20)) (i32.const 0))
        (call $check (i32.load (i32.const 20)) (local.get $size))
        (call $say_message))
    (func (export "proxy_on_grpc_receive_trailing_metadata") (param i32 i32 i32) (call $say_trailing))
    (func (export "proxy_on_grpc_close") (param i32 i32) (param $status i32)
        (call $check (local.get $status) (i32.const 7))
        (call $check (call $status (i32.const 16) (i32.const 20) (i32.const 24)) (i32.const 0))
        (call $check (i32.load (i32.const 16)) (i32.const 7))
        (call $say_close))"#;

const WORDS: [&str; 5] = ["initial", "message", "trailing", "close", "end"];

/// A guest that does this for every request; `up` is at 0, `a` at 8.
fn guest(body: &str) -> Proxy {
    let parts = format!(
        r#"(data (i32.const 0) "up") (data (i32.const 4) "no") (data (i32.const 8) "a")
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {body} (call $say_end) (i32.const 0))
           {CALLBACKS}"#
    );
    load(&module(&WORDS, &parts), 1)
}

/// A call to the cluster at `target`, with the message `a`.
fn call(target: u32, timeout: u32, status: u32) -> String {
    format!(
        "(call $check
            (call $grpc_call (i32.const {target}) (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 8) (i32.const 1)
                (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 1) (i32.const {timeout}) (i32.const 2048))
            (i32.const {status}))"
    )
}

fn stream(status: u32) -> String {
    format!(
        "(call $check
            (call $grpc_stream (i32.const 0) (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 8) (i32.const 1)
                (i32.const 0) (i32.const 0) (i32.const 2048))
            (i32.const {status}))"
    )
}

#[test]
fn grpc_2_a_call_ends_with_its_message_or_with_a_close() {
    let mut proxy = guest(&call(0, 0, 0));
    let mut mark = 0;
    get(&mut proxy);
    let event = proxy.take_grpc().remove(0);
    let GrpcWhat::Call { to, message, timeout } = &event.what else { panic!("{event:?}") };
    assert_eq!(
        (to.cluster.as_str(), to.service.as_str(), message.as_slice(), timeout),
        ("up", "a", b"a".as_slice(), &None)
    );
    assert!(proxy.answer_grpc(event.id, GrpcAnswer::Message(b"yes".to_vec())));
    assert_eq!(said(&proxy, &mut mark), "end message");
    assert!(!proxy.answer_grpc(event.id, GrpcAnswer::Close { status: 7, message: String::new() }), "it is over");

    get(&mut proxy);
    let event = proxy.take_grpc().remove(0);
    assert!(proxy.answer_grpc(event.id, GrpcAnswer::Close { status: 7, message: "denied".to_owned() }));
    assert_eq!(said(&proxy, &mut mark), "end close");
}

#[test]
fn grpc_3_a_stream_has_metadata_messages_and_a_close() {
    let send = "(call $check (call $grpc_send (i32.const 6) (i32.const 8) (i32.const 1) (i32.const 0)) (i32.const 0))
                (call $check (call $grpc_close (i32.const 6)) (i32.const 0))";
    let mut proxy = guest(&(stream(0) + send));
    get(&mut proxy);
    let events = proxy.take_grpc();
    assert!(matches!(&events[0].what, GrpcWhat::Stream { to } if to.method == "a"));
    assert_eq!(events[1].what, GrpcWhat::Send { message: b"a".to_vec(), end: false });
    assert_eq!(events[2].what, GrpcWhat::Close);
    let id = events[0].id;
    let metadata: HeaderMap = [("a", "1")].into_iter().collect();
    proxy.answer_grpc(id, GrpcAnswer::InitialMetadata(metadata.clone()));
    proxy.answer_grpc(id, GrpcAnswer::Message(b"one".to_vec()));
    proxy.answer_grpc(id, GrpcAnswer::Message(b"two".to_vec()));
    proxy.answer_grpc(id, GrpcAnswer::TrailingMetadata(metadata));
    proxy.answer_grpc(id, GrpcAnswer::Close { status: 7, message: String::new() });
    assert_eq!(said(&proxy, &mut 0), "end initial message message trailing close");
}

#[test]
fn grpc_3_tokens_of_the_wrong_kind_and_unknown_ones_are_told_apart() {
    let check = |call: &str, status: u32| format!("(call $check {call} (i32.const {status}))");
    let body = [
        stream(0),
        check("(call $grpc_send (i32.const 5) (i32.const 8) (i32.const 1) (i32.const 0))", 2),
        check("(call $grpc_send (i32.const 10) (i32.const 8) (i32.const 1) (i32.const 0))", 1),
        check("(call $grpc_close (i32.const 4))", 2),
        check("(call $grpc_close (i32.const 5))", 1),
        check("(call $grpc_cancel (i32.const 6))", 0),
        check("(call $grpc_cancel (i32.const 6))", 1),
    ];
    let mut proxy = guest(&body.concat());
    get(&mut proxy);
    assert_eq!(said(&proxy, &mut 0), "end");
    let id = proxy.take_grpc().remove(0).id;
    assert!(!proxy.answer_grpc(id, GrpcAnswer::Message(Vec::new())), "nothing comes after a cancel");
}

#[test]
fn grpc_1_an_unknown_cluster_and_one_that_refuses() {
    let mut proxy = guest(&(call(8, 0, 4) + &call(4, 0, 10)));
    get(&mut proxy);
    assert_eq!(said(&proxy, &mut 0), "end");
    assert_eq!(proxy.take_grpc(), []);
}

#[test]
fn grpc_4_a_call_whose_time_is_up_is_closed() {
    let parts = CALLBACKS.replace("(i32.const 7)", "(i32.const 14)");
    let body = call(0, 50, 0);
    let parts = format!(
        r#"(data (i32.const 0) "up") (data (i32.const 8) "a")
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {body} (call $say_end) (i32.const 0))
           {parts}"#
    );
    let mut proxy = load(&module(&WORDS, &parts), 1);
    get(&mut proxy);
    proxy.advance(49 * MILLISECOND);
    assert_eq!(said(&proxy, &mut 0), "end");
    proxy.advance(MILLISECOND);
    assert_eq!(said(&proxy, &mut 0), "end close");
}

#[test]
fn grpc_5_what_a_root_context_has_open_is_reset_when_it_goes() {
    let parts = format!(
        r#"(data (i32.const 0) "up") (data (i32.const 8) "a")
           (func (export "proxy_on_configure") (param i32 i32) (result i32) {} {} (i32.const 1))
           {CALLBACKS}"#,
        call(0, 0, 0),
        stream(0)
    );
    let module = module(&WORDS, &parts);
    let mut proxy = load(&module, 1);
    // The canary's are gone with it; the main thread's and the worker's are here.
    let open = proxy.take_grpc().into_iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(open.len(), 4);
    proxy.reload(&[spec(&module, named("other"))]).unwrap();
    let events = proxy.take_grpc();
    let reset = events.iter().filter(|event| event.what == GrpcWhat::Cancel).map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(reset, open);
    for id in open {
        assert!(!proxy.answer_grpc(id, GrpcAnswer::Message(Vec::new())));
    }
}
