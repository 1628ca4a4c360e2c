//! Whatever comes back: no panic, and no byte is lost.

use proptest::prelude::*;
use tamis_harness::context::HeaderMap;
use tamis_harness::stream::{CalloutAnswer, Frame, GrpcAnswer, Out, WireMessage};

use crate::life::{ask, proxy};

/// Names and values of any bytes.
fn any_headers() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let name = prop_oneof![Just(b"x-why".to_vec()), Just(b":status".to_vec()), any::<Vec<u8>>()];
    proptest::collection::vec((name, any::<Vec<u8>>()), 0..6)
}

fn map(pairs: &[(Vec<u8>, Vec<u8>)]) -> HeaderMap {
    let mut map = HeaderMap::default();
    for (name, value) in pairs {
        map.add(name, value);
    }
    map
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_panics(headers in any_headers(), body in any::<Vec<u8>>(), trailers in any_headers(), reset: bool) {
        let (mut proxy, process) = proxy(&["a"]);
        for path in ["/ask/a/1000", "/copy/a", "/refuse/a", "/long/a"] {
            let stream = ask(&mut proxy, path);
            let callout = proxy.take_callouts().pop().unwrap();
            let response =
                WireMessage { headers: map(&headers), chunks: vec![body.clone()], trailers: Some(map(&trailers)) };
            proxy.answer(callout.id, if reset { CalloutAnswer::Reset } else { CalloutAnswer::Response(response) });
            prop_assert!(!proxy.take_out(stream).is_empty(), "{path} still waits");
        }
        let lines = process.log_lines();
        prop_assert!(!lines.iter().any(|line| line.message.contains("panic")), "{lines:#?}");
    }

    #[test]
    fn no_byte_of_a_body_is_lost(body in any::<Vec<u8>>()) {
        let (mut proxy, _) = proxy(&["a"]);
        let stream = ask(&mut proxy, "/refuse/a");
        let callout = proxy.take_callouts().pop().unwrap();
        let headers = [(":status", "200")].into_iter().collect();
        proxy.answer(callout.id, CalloutAnswer::Response(WireMessage::new(headers, body.clone())));
        let data = |out: Out| if let Out::Response(Frame::Data(data), _) = out { data } else { Vec::new() };
        let out = proxy.take_out(stream).into_iter().flat_map(data).collect::<Vec<_>>();
        prop_assert_eq!(out, body);
    }

    #[test]
    fn no_byte_of_a_header_is_lost(value in any::<Vec<u8>>().prop_filter(
        "what can stand in a message",
        |value| !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
    )) {
        let (mut proxy, _) = proxy(&["a"]);
        let stream = ask(&mut proxy, "/copy/a");
        let callout = proxy.take_callouts().pop().unwrap();
        let mut headers: HeaderMap = [(":status", "200")].into_iter().collect();
        headers.add(b"x-why", &value);
        proxy.answer(callout.id, CalloutAnswer::Response(WireMessage::new(headers, Vec::new())));
        let sent = proxy.take_out(stream).into_iter().find_map(|out| match out {
            Out::Request(Frame::Headers(headers), _) => headers.get(b"x-why").map(<[u8]>::to_vec),
            _ => None,
        });
        prop_assert_eq!(sent, Some(value));
    }

    #[test]
    fn no_grpc_answer_panics(
        message in any::<Vec<u8>>(),
        metadata in any_headers(),
        status: u32,
        text in any::<String>(),
        order in proptest::collection::vec(0..4_usize, 1..6),
    ) {
        let (mut proxy, process) = proxy(&["a"]);
        for path in ["/grpc/a/1000", "/stream/1", "/stream-unread"] {
            let _ = ask(&mut proxy, path);
            let id = proxy.take_grpc()[0].id;
            for what in &order {
                let answer = match what {
                    0 => GrpcAnswer::InitialMetadata(map(&metadata)),
                    1 => GrpcAnswer::Message(message.clone()),
                    2 => GrpcAnswer::TrailingMetadata(map(&metadata)),
                    _ => GrpcAnswer::Close { status, message: text.clone() },
                };
                proxy.answer_grpc(id, answer);
            }
        }
        let lines = process.log_lines();
        prop_assert!(!lines.iter().any(|line| line.message.contains("panic")), "{lines:#?}");
    }
}
