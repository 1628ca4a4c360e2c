//! Requests that two servers could understand differently. Each is refused, or goes on in a form that has one meaning.

use super::{Setting, raw};

#[test]
fn what_is_malformed_gets_a_400_and_goes_no_further() {
    let setting = Setting::transformation();
    for (what, request) in [
        ("two lengths", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd"),
        ("two equal lengths", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc"),
        ("a list of lengths", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 3\r\n\r\nabc"),
        ("a length with a sign", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc"),
        ("a length that overflows", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551616\r\n\r\n"),
        ("a space before the colon", "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n"),
        ("a folded line", "GET / HTTP/1.1\r\nhost: a\r\nx-a: 1\r\n b\r\n\r\n"),
        ("a first line that is folded", "GET / HTTP/1.1\r\n host: a\r\n\r\n"),
        ("a bare CR in a value", "GET / HTTP/1.1\r\nhost: a\r\nx-a: 1\rb\r\n\r\n"),
        ("a NUL in a value", "GET / HTTP/1.1\r\nhost: a\r\nx-a: 1\0\r\n\r\n"),
        ("a pseudo header", "GET / HTTP/1.1\r\nhost: a\r\n:path: /admin\r\n\r\n"),
        ("another pseudo header", "GET / HTTP/1.1\r\nhost: a\r\n:authority: b\r\n\r\n"),
        (
            "an encoding that does not end in chunked",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, x\r\n\r\n",
        ),
        ("an unknown encoding", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n"),
        ("an encoding in HTTP/1.0", "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a chunk without a size", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"),
        ("no host", "GET / HTTP/1.1\r\n\r\n"),
        ("two hosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"),
        ("an empty host", "GET / HTTP/1.1\r\nhost:\r\n\r\n"),
        ("no HTTP at all", "\x16\x03\x01\x02\r\n\r\n"),
    ] {
        // What follows must never be taken for a request.
        let answer = raw(setting.address(), with_close(request).as_bytes());
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.0 400 ");
        assert!(refused, "{what}: {answer}");
        assert!(answer.matches("HTTP/1.").count() <= 1, "{what}: {answer}");
        assert_eq!(setting.echo.last(), None, "{what}");
    }
    setting.assert_works();
}

/// Says that the connection ends, so that a test need not wait for a request that is not going to come.
fn with_close(request: &str) -> String {
    let Some((line, rest)) = request.split_once("\r\n") else { return request.to_owned() };
    if rest.starts_with(' ') { request.to_owned() } else { format!("{line}\r\nconnection: close\r\n{rest}") }
}

/// WIRE-1: hyper would take the length away, and go on.
#[test]
fn wire_1_a_length_beside_an_encoding_is_refused_wherever_it_stands() {
    let setting = Setting::transformation();
    for framing in
        ["content-length: 4\r\ntransfer-encoding: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 4\r\n"]
    {
        for before in ["", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"] {
            let request = format!(
                "{before}POST /outer HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{framing}\r\n\
                 22\r\nGET /inner HTTP/1.1\r\nhost: a\r\nx: 1\r\n0\r\n\r\n"
            );
            let answer = raw(setting.address(), request.as_bytes());
            assert_eq!(answer.matches("HTTP/1.1 400 ").count(), 1, "{answer}");
            assert_eq!(answer.matches("HTTP/1.1 200 ").count(), usize::from(!before.is_empty()), "{answer}");
            let upstream = setting.echo.take_last().map(|seen| seen.body);
            assert_eq!(upstream, (!before.is_empty()).then(|| b"abc".to_vec()));
        }
    }
}

#[test]
fn a_bare_line_feed_ends_a_line_and_goes_on_as_crlf() {
    let setting = Setting::transformation();
    raw(setting.address(), b"GET /lf HTTP/1.1\nhost: a\nconnection: close\nx-a: 1\n\n");
    let upstream = setting.echo.last().unwrap();
    assert_eq!(upstream.get(":path").unwrap(), b"/lf");
    assert_eq!(upstream.get("x-a").unwrap(), b"1");
}

#[test]
fn what_follows_a_refused_request_is_not_a_request() {
    let setting = Setting::transformation();
    let request = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\
                   GET /smuggled HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = raw(setting.address(), request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.matches("HTTP/1.1 ").count() == 1, "{answer}");
    assert_eq!(setting.echo.last(), None);
}

#[test]
fn wire_3_connect_is_not_served() {
    let setting = Setting::transformation();
    let answer = raw(setting.address(), b"CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

#[test]
fn wire_3_a_change_of_the_protocol_is_refused_as_envoy_refuses_it() {
    let setting = Setting::transformation();
    let with = |upgrade: &str| {
        format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close, upgrade\r\nupgrade: {upgrade}\r\n\r\n")
    };
    assert!(raw(setting.address(), with("websocket").as_bytes()).starts_with("HTTP/1.1 403 "));
    assert_eq!(setting.echo.last(), None);
    // HTTP/2 is spoken here, but not in this way.
    assert!(raw(setting.address(), with("h2c").as_bytes()).starts_with("HTTP/1.1 200 "));
    assert_eq!(setting.echo.last().unwrap().get("upgrade"), None);
}

#[test]
fn wire_3_http_1_0_is_refused_as_envoy_refuses_it() {
    let setting = Setting::transformation();
    assert!(raw(setting.address(), b"GET / HTTP/1.0\r\nhost: a\r\n\r\n").starts_with("HTTP/1.0 426 "));
    assert_eq!(setting.echo.last(), None);
}
