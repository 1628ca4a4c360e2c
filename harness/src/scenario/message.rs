//! Messages of a scenario as the stream layer has them, and back.

use super::check::Seen;
use super::model::{Answer, Fields, Request};
use super::split::pieces;
use crate::context::HeaderMap;
use crate::stream::WireMessage;

/// What the client sends, cut into pieces.
pub(super) fn request(request: &Request, cuts: &[usize]) -> WireMessage {
    let pseudo = [
        (":authority", request.authority.as_str()),
        (":path", &request.path),
        (":method", &request.method),
        (":scheme", "http"),
    ];
    let body = pieces(request.body.as_bytes(), cuts);
    let framed = request.method != "GET" || !body.is_empty();
    message(&pseudo, &request.headers, body, &request.trailers, framed)
}

/// What an upstream answers, cut into pieces.
pub(super) fn answer(answer: &Answer, cuts: &[usize]) -> WireMessage {
    let body = pieces(answer.body.as_bytes(), cuts);
    message(&[(":status", &answer.status.to_string())], &answer.headers, body, &answer.trailers, true)
}

fn message(
    pseudo: &[(&str, &str)],
    fields: &Fields,
    chunks: Vec<Vec<u8>>,
    trailers: &Fields,
    framed: bool,
) -> WireMessage {
    let mut headers = pseudo.iter().copied().collect::<HeaderMap>();
    add(&mut headers, fields);
    let trailers = (!trailers.0.is_empty()).then(|| {
        let mut map = HeaderMap::default();
        add(&mut map, trailers);
        map
    });
    // What an HTTP/1.1 peer that knows its whole body says; before trailers it cannot.
    if framed && trailers.is_none() && headers.get(b"content-length").is_none() {
        let length = chunks.iter().map(Vec::len).sum::<usize>();
        headers.add(b"content-length", length.to_string().as_bytes());
    }
    WireMessage { headers, chunks, trailers }
}

/// Adds fields as they are on the wire.
pub(super) fn add(map: &mut HeaderMap, fields: &Fields) {
    for (name, value) in &fields.0 {
        // Blanks around a value are not part of it on any wire.
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
        let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
        map.add(name.as_bytes(), value.get(start..end).unwrap_or_default());
    }
}

/// A message as it came out.
pub(super) fn seen(message: &WireMessage) -> Seen {
    let fields = |map: &HeaderMap| {
        map.iter().map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec())).collect()
    };
    Seen {
        headers: fields(&message.headers),
        body: message.body(),
        trailers: message.trailers.as_ref().map(fields).unwrap_or_default(),
    }
}
