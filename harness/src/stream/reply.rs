//! The proxy's own responses.

use super::WireMessage;
use crate::context::{HeaderMap, LocalReply, grpc_status};

/// The response that a local reply becomes (rules `LR-4`, `LR-5`).
pub(super) fn response(reply: &LocalReply, request: Option<&HeaderMap>) -> WireMessage {
    if is_grpc(request) {
        return grpc(reply);
    }
    let mut headers = HeaderMap::default();
    // Sixteen bits are all that Envoy keeps of it (rule LR-1).
    headers.add(b":status", (reply.status & 0xffff).to_string().as_bytes());
    for (name, value) in &reply.headers {
        headers.add(name, value);
    }
    if reply.body.is_empty() {
        headers.remove(b"content-length");
        headers.remove(b"content-type");
    } else {
        headers.set(b"content-length", reply.body.len().to_string().as_bytes());
        if headers.get(b"content-type").is_none() {
            headers.add(b"content-type", b"text/plain");
        }
    }
    let is_head = request.and_then(|headers| headers.get(b":method")) == Some(b"HEAD");
    WireMessage::new(headers, if is_head { Vec::new() } else { reply.body.clone() })
}

fn is_grpc(request: Option<&HeaderMap>) -> bool {
    request.and_then(|headers| headers.get(b"content-type")).is_some_and(|value| {
        value.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
    })
}

/// Headers only: status 200, the gRPC status given or mapped, the body as the message.
fn grpc(reply: &LocalReply) -> WireMessage {
    let mut headers = HeaderMap::default();
    headers.add(b":status", b"200");
    // A type that was given loses its value, and keeps its place.
    let mut typed = false;
    for (name, value) in &reply.headers {
        if !name.eq_ignore_ascii_case(b"content-type") {
            headers.add(name, value);
        } else if !std::mem::replace(&mut typed, true) {
            headers.add(b"content-type", b"application/grpc");
        }
    }
    if !typed {
        headers.add(b"content-type", b"application/grpc");
    }
    let status = reply.grpc_status.unwrap_or_else(|| grpc_status(u64::from(reply.status)));
    headers.set(b"grpc-status", status.to_string().as_bytes());
    if !reply.body.is_empty() {
        headers.set(b"grpc-message", percent_encoded(&reply.body).as_bytes());
    }
    WireMessage::new(headers, Vec::new())
}

pub(crate) fn percent_encoded(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b' '..=b'~' if *byte != b'%' => char::from(*byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u32, body: &str) -> LocalReply {
        LocalReply {
            status,
            details: String::new(),
            headers: vec![(b"x-a".to_vec(), b"1".to_vec())],
            body: body.into(),
            grpc_status: None,
        }
    }

    fn pairs(message: &WireMessage) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        message.headers.iter().map(|(n, v)| format!("{}={};", text(n), text(v))).collect()
    }

    #[test]
    fn lr_4_a_body_brings_its_length_and_type() {
        let message = response(&reply(403, "no\n"), None);
        assert_eq!(pairs(&message), ":status=403;x-a=1;content-length=3;content-type=text/plain;");
        assert_eq!(message.body(), b"no\n");
        assert_eq!(pairs(&response(&reply(403, ""), None)), ":status=403;x-a=1;");
    }

    #[test]
    fn lr_5_grpc_and_head() {
        let request = [("content-type", "application/grpc+proto")].into_iter().collect();
        let message = response(&reply(403, "no €"), Some(&request));
        assert_eq!(
            pairs(&message),
            ":status=200;x-a=1;content-type=application/grpc;grpc-status=7;grpc-message=no %E2%82%AC;"
        );
        let head = [(":method", "HEAD")].into_iter().collect();
        assert_eq!(response(&reply(403, "no"), Some(&head)).body(), b"");
    }
}
