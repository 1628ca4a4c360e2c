//! Bodies of any bytes, in any pieces: no panic, and no byte is lost.

use std::sync::Arc;

use bodies::Bodies;
use proptest::prelude::*;
use serde_json::json;
use tamis_harness::context::{Attributes, HeaderMap, Plugin, Process};
use tamis_harness::native::Native;
use tamis_harness::stream::{Direction, FailurePolicy, FilterSpec, Frame, LoadedModule, Options, Out, Proxy};

const MODES: [&str; 4] = ["stream", "host", "guest", "guest_or_pass"];
const EDITS: [&str; 3] = ["leave", "look", "lengthen"];

/// What the filter makes of a body.
fn edited(edit: &str, body: &[u8]) -> Vec<u8> {
    let lengthen = |byte: &u8| if *byte == b'a' { b"<a>".to_vec() } else { vec![*byte] };
    if edit == "lengthen" { body.iter().flat_map(lengthen).collect() } else { body.to_vec() }
}

fn proxy(mode: &str, edit: &str) -> (Proxy, Arc<Process>) {
    let wish = json!({ "mode": mode, "limit": 1 << 20, "edit": edit });
    let configuration = json!({ "request": wish, "response": wish }).to_string().into_bytes();
    let filter = FilterSpec {
        module: LoadedModule::native(Native::linked(tamis::native::of::<Bodies>).unwrap()),
        plugin: Plugin { name: "bodies".to_owned(), configuration, ..Plugin::default() },
        failure_policy: FailurePolicy::Closed,
    };
    let process = Arc::new(Process::deterministic(1));
    (Proxy::load_with(&[filter], process.clone(), Options::default()).unwrap(), process)
}

/// Sends a message in both directions of a stream, and takes the bodies that come out.
fn pass(proxy: &mut Proxy, chunks: &[Vec<u8>]) -> (Vec<u8>, Vec<u8>) {
    let stream = proxy.open_on(0, Attributes::default());
    let request = [(":authority", "example.com"), (":path", "/"), (":method", "POST")];
    for (direction, headers) in [(Direction::Request, request.as_slice()), (Direction::Response, &[(":status", "200")])]
    {
        let headers = headers.iter().copied().collect::<HeaderMap>();
        proxy.send(stream, direction, Frame::Headers(headers), false);
        for (i, chunk) in chunks.iter().enumerate() {
            proxy.send(stream, direction, Frame::Data(chunk.clone()), i + 1 == chunks.len());
        }
    }
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    for out in proxy.take_out(stream) {
        match out {
            Out::Request(Frame::Data(data), _) => sent.extend(data),
            Out::Response(Frame::Data(data), _) => answered.extend(data),
            _ => {}
        }
    }
    proxy.close(stream);
    (sent, answered)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_byte_of_a_body_is_lost(
        chunks in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(b'a')], 0..40),
            1..8,
        ),
    ) {
        let body = chunks.concat();
        for mode in MODES {
            for edit in EDITS {
                let (mut proxy, process) = proxy(mode, edit);
                let expected = edited(edit, &body);
                let (sent, answered) = pass(&mut proxy, &chunks);
                prop_assert_eq!(&sent, &expected, "request, {}, {}", mode, edit);
                prop_assert_eq!(&answered, &expected, "response, {}, {}", mode, edit);
                prop_assert!(!process.log_lines().iter().any(|line| line.message.contains("panic")));
            }
        }
    }
}
