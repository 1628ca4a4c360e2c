//! Modules that leave a message which nobody may send, or none at all.

use tamis_harness::context::LogLevel;
use tamis_harness::gateway::{ClientError, Limits, send_blocking};
use tamis_harness::scenario::model::Request;
use tamis_harness::stream::LoadedModule;

use super::{Setting, connect, filter, get, post, raw, read_all};

/// A module with one callback. Its memory holds names and values that the instructions point to.
fn guest(callback: &str, instructions: &str, result: u32) -> Setting {
    let text = format!(
        r#"(module
            (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
            (import "env" "proxy_replace_header_map_value" (func $set (param i32 i32 i32 i32 i32) (result i32)))
            (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "content-length")
            (data (i32.const 16) "999")
            (data (i32.const 32) ":status")
            (data (i32.const 48) "x-a")
            (data (i32.const 64) "secret\r\nx-b: 1")
            (data (i32.const 80) "x a")
            (data (i32.const 96) ":path")
            (data (i32.const 112) "/a b")
            (data (i32.const 128) "204")
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
            (func (export "{callback}") (param i32 i32 i32) (result i32)
                {instructions}
                (i32.const {result})))"#
    );
    let module = LoadedModule::new(&wat::parse_str(text).unwrap()).unwrap();
    Setting::with(&[filter("guest", module, "")], Limits::default())
}

const REQUEST: &str = "proxy_on_request_headers";
const RESPONSE: &str = "proxy_on_response_headers";

#[test]
fn hdr_16_without_a_length_the_body_is_chunked() {
    let setting = guest(REQUEST, "(drop (call $remove (i32.const 0) (i32.const 0) (i32.const 14)))", 0);
    assert_eq!(send_blocking(setting.address(), &post("abc")).unwrap().get(":status").unwrap(), b"200");
    let upstream = setting.echo.last().unwrap();
    assert_eq!(upstream.body, b"abc");
    assert_eq!(upstream.get("content-length"), None);
    assert_eq!(upstream.get("transfer-encoding").unwrap(), b"chunked");
    // Nothing is shorter than any chunk.
    send_blocking(setting.address(), &post("")).unwrap();
    assert_eq!(setting.echo.last().unwrap().get("content-length").unwrap(), b"0");

    let setting = guest(RESPONSE, "(drop (call $remove (i32.const 2) (i32.const 0) (i32.const 14)))", 0);
    let answer = send_blocking(setting.address(), &get("/")).unwrap();
    assert!(answer.body.starts_with(b"GET / HTTP/1.1\n"));
    assert_eq!(answer.get("transfer-encoding").unwrap(), b"chunked");
}

#[test]
fn hdr_16_a_length_that_is_wrong_is_not_sent() {
    let set = "(i32.const 0) (i32.const 14) (i32.const 16) (i32.const 3)";
    let setting = guest(REQUEST, &format!("(drop (call $set (i32.const 0) {set}))"), 0);
    for request in [get("/"), post("abc"), post(&"b".repeat(1000))] {
        let answer = send_blocking(setting.address(), &request).unwrap();
        assert_eq!(answer.get(":status").unwrap(), b"502");
        assert!(String::from_utf8(answer.body).unwrap().contains("HDR-16"));
        assert_eq!(setting.echo.take_last(), None);
    }
    assert_logged(&setting, "HDR-16");
}

#[test]
fn hdr_16_an_answer_whose_length_is_wrong_is_broken_off() {
    let set = "(i32.const 0) (i32.const 14) (i32.const 16) (i32.const 3)";
    let setting = guest(RESPONSE, &format!("(drop (call $set (i32.const 2) {set}))"), 0);
    // Its head may be on its way before anybody knows how long the body is.
    for body in [String::new(), "b".repeat(1000)] {
        let error = send_blocking(setting.address(), &post(&body)).unwrap_err();
        assert!(matches!(error, ClientError::Broken { .. }), "{error}");
    }
    assert_logged(&setting, "HDR-16");
    // The answer to a HEAD has no body that it could be wrong about.
    let head = Request { method: "HEAD".to_owned(), ..get("/") };
    assert_eq!(send_blocking(setting.address(), &head).unwrap().get("content-length").unwrap(), b"999");
}

#[test]
fn hdr_17_bytes_that_would_split_a_message_are_not_sent() {
    for (callback, map) in [(REQUEST, 0), (RESPONSE, 2)] {
        for (set, said) in [
            ("(i32.const 48) (i32.const 3) (i32.const 64) (i32.const 14)", "the header x-a has a value"),
            ("(i32.const 80) (i32.const 3) (i32.const 16) (i32.const 3)", "the header name \"x a\" is not a token"),
        ] {
            let setting = guest(callback, &format!("(drop (call $set (i32.const {map}) {set}))"), 0);
            let answer = send_blocking(setting.address(), &get("/")).unwrap();
            assert_eq!(answer.get(":status").unwrap(), b"502");
            let text = String::from_utf8(answer.body).unwrap();
            assert!(text.contains(said) && !text.contains("secret"), "{text}");
            assert_logged(&setting, said);
        }
    }
}

#[test]
fn hdr_14_a_message_without_what_it_needs_is_not_sent() {
    for (callback, instructions) in [
        (REQUEST, "(drop (call $remove (i32.const 0) (i32.const 96) (i32.const 5)))"),
        (REQUEST, "(drop (call $set (i32.const 0) (i32.const 96) (i32.const 5) (i32.const 112) (i32.const 4)))"),
        (RESPONSE, "(drop (call $remove (i32.const 2) (i32.const 32) (i32.const 7)))"),
        (RESPONSE, "(drop (call $set (i32.const 2) (i32.const 32) (i32.const 7) (i32.const 48) (i32.const 3)))"),
    ] {
        let setting = guest(callback, instructions, 0);
        let answer = send_blocking(setting.address(), &get("/")).unwrap();
        assert_eq!(answer.get(":status").unwrap(), b"502", "{instructions}");
        assert_logged(&setting, "HDR-14");
    }
}

#[test]
fn a_status_without_a_body_takes_the_body_away() {
    let set = "(i32.const 2) (i32.const 32) (i32.const 7) (i32.const 128) (i32.const 3)";
    let setting = guest(RESPONSE, &format!("(drop (call $set {set}))"), 0);
    let answer = raw(setting.address(), b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert!(!answer.contains("content-length"), "{answer}");
}

#[test]
fn body_7_what_is_paused_for_good_gets_a_504() {
    for callback in [REQUEST, RESPONSE] {
        let setting = guest(callback, "", 1);
        let answer = send_blocking(setting.address(), &get("/")).unwrap();
        assert_eq!(answer.get(":status").unwrap(), b"504");
        assert!(String::from_utf8(answer.body).unwrap().contains("BODY-7"));
        assert_logged(&setting, "BODY-7");
    }
}

#[test]
fn a_stream_that_a_filter_closes_has_no_answer() {
    for callback in [REQUEST, RESPONSE] {
        let setting = guest(callback, "(drop (call $close (i32.const 0)))", 1);
        let mut connection = connect(setting.address());
        std::io::Write::write_all(&mut connection, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        assert_eq!(read_all(&mut connection), "");
    }
}

#[test]
fn fail_1_a_trap_gives_a_503_and_the_gateway_goes_on() {
    // Envoy would wait for the second for good (MEM-8); here it runs out of fuel.
    for instructions in ["(unreachable)", "(loop $again (br $again))"] {
        let setting = guest(REQUEST, instructions, 0);
        for _ in 0..2 {
            assert_eq!(send_blocking(setting.address(), &get("/")).unwrap().get(":status").unwrap(), b"503");
        }
        assert_eq!(setting.echo.last(), None);
    }
}

fn assert_logged(setting: &Setting, what: &str) {
    let lines = setting.process.log_lines();
    let ours = lines.iter().filter(|line| line.from == " gateway" && line.level >= LogLevel::Warn);
    let ours = ours.map(|line| line.message.as_str()).collect::<Vec<_>>();
    assert!(ours.iter().any(|line| line.contains(what)), "{ours:?}");
}
