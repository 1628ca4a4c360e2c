//! What earlier releases did otherwise: from source and from reports, not run.

use tamis_module::gate::EnvoyVersion;

use super::*;

/// What a body that a filter keeps looks like from inside, and what it becomes.
fn kept(envoy: EnvoyVersion) -> (String, Vec<Out>) {
    let module = module(
        &["e", "s1", "s2", "s4"],
        r#"(data (i32.const 0) "!")
           (func (export "proxy_on_request_body") (param i32) (param $size i32) (param $end i32) (result i32)
               (if (i32.eq (local.get $size) (i32.const 1)) (then (call $say_s1)))
               (if (i32.eq (local.get $size) (i32.const 2)) (then (call $say_s2)))
               (if (i32.eq (local.get $size) (i32.const 4)) (then (call $say_s4)))
               (if (local.get $end) (then
                   (call $say_e)
                   ;; In place of all that can be seen.
                   (drop (call $write (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 1)))))
               (i32.eqz (local.get $end)))"#,
    );
    let options = Options { envoy, ..Options::default() };
    let mut proxy = Proxy::load_with(&[spec(&module, named("{}"))], process(), options).unwrap();
    let stream = open(&mut proxy);
    proxy.send(stream, Direction::Request, Frame::Headers(headers()), false);
    for (piece, end) in [("1", false), ("2", false), ("34", true)] {
        proxy.send(stream, Direction::Request, Frame::Data(piece.into()), end);
    }
    let out = proxy.take_out(stream).split_off(1);
    (said(&proxy, &mut 0), out)
}

#[test]
fn body_4_before_1_32_a_filter_sees_what_it_keeps_one_piece_late() {
    let body = |text: &str| vec![Out::Request(Frame::Data(text.into()), true)];
    assert_eq!(kept(EnvoyVersion::minor(32)), ("s1 s2 s4 e".to_owned(), body("!")));
    // From source, not run: the last piece is behind what the filter can see and change.
    assert_eq!(kept(EnvoyVersion::minor(31)), ("s1 s1 s2 e".to_owned(), body("!34")));
}

#[test]
fn lr_3_before_1_32_no_status_of_grpc_was_one() {
    let module = module(
        &[],
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
               (call $check (call $reply (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                   (i32.const 0) (i32.const 0) (i32.const -1)) (i32.const 0))
               (i32.const 0))"#,
    );
    // From source and from reports, not run: 1.31.
    for (minor, status) in [(31, "4294967295"), (32, "7")] {
        let options = Options { envoy: EnvoyVersion::minor(minor), ..Options::default() };
        let mut proxy = Proxy::load_with(&[spec(&module, named("{}"))], process(), options).unwrap();
        let stream = open(&mut proxy);
        let headers = headers().iter().chain([(b"content-type".as_slice(), b"application/grpc".as_slice())]).collect();
        proxy.send(stream, Direction::Request, Frame::Headers(headers), true);
        let out = proxy.take_out(stream);
        let [Out::Response(Frame::Headers(headers), true)] = &out[..] else { panic!("{out:?}") };
        assert_eq!(headers.get(b"grpc-status"), Some(status.as_bytes()), "1.{minor}");
    }
}

#[test]
fn fail_4_before_1_35_the_stream_that_meets_a_trap_hangs() {
    let module = module(
        &[],
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (unreachable))
           (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#,
    );
    // From source and from reports (envoyproxy/envoy 38801 and 40166), not run: 1.34.
    for (minor, first) in [(34, 0), (35, 1)] {
        let options = Options { envoy: EnvoyVersion::minor(minor), ..Options::default() };
        let mut proxy = Proxy::load_with(&[spec(&module, named("{}"))], process(), options).unwrap();
        let (stream, next) = (get(&mut proxy), get(&mut proxy));
        assert_eq!(proxy.take_out(stream).len(), first, "1.{minor}");
        // Streams that begin after the trap never got into the VM.
        assert_eq!(proxy.take_out(next).len(), 1, "1.{minor}");
    }
}
