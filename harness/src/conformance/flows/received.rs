//! What came out at either end, in a form that both the harness and the wire have.

use super::Wire;
use super::http2::Response;
use crate::context::HeaderMap;
use crate::envoy::is_proxy_own;
use crate::stream::Frame;

/// Where headers came a second time.
const AGAIN: &str = " and again";

/// A message as its receiver got it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// Method and path, or status.
    pub start: String,
    /// Names and values, without what a proxy writes for itself.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    /// Its end came.
    pub ended: bool,
}

impl Received {
    /// From what was read of a connection; nothing when no whole head came.
    pub(super) fn parse(wire: &[u8]) -> Option<Self> {
        let end = wire.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(wire.get(..end)?).into_owned();
        let rest = wire.get(end + 4..)?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let first = words.next()?;
        let second = words.next()?;
        let start = if first.starts_with("HTTP/") { second.to_owned() } else { format!("{first} {second}") };
        let pairs = lines.filter_map(pair).collect::<Vec<_>>();
        let is_chunked = pairs.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let mut received = Self { start, ..Self::default() };
        if is_chunked {
            (received.body, received.trailers, received.ended) = unchunked(rest);
        } else {
            received.body = rest.to_vec();
            received.ended = rest.len() >= length(&pairs).unwrap_or(0);
        }
        received.headers = compared(pairs);
        Some(received)
    }

    /// From what was read of several connections: the one with the most counts, and that there were others.
    pub(super) fn of_all(wires: &[Vec<u8>]) -> Option<Self> {
        let all = wires.iter().filter_map(|wire| Self::parse(wire));
        let mut received = all.max_by_key(|received| (received.body.len(), received.ended))?;
        received.start.push_str(&AGAIN.repeat(wires.len().saturating_sub(1)));
        Some(received)
    }

    /// A response over HTTP/2, so far; nothing when no headers have come.
    pub(super) fn of_http2(response: &Response) -> Option<Self> {
        let pairs = |pairs: &[(String, String)]| pairs.to_vec();
        let start = response.status.map(|status| status.to_string())?;
        let (headers, trailers) = (compared(pairs(&response.headers)), pairs(&response.trailers));
        let mut received = Self { start, headers, body: response.body.clone(), trailers, ended: response.ended };
        received.sort();
        Some(received)
    }

    /// From what left the harness; nothing when no headers did. Over HTTP/1.1 a length says where a body ends.
    pub(super) fn collect<'a>(frames: impl IntoIterator<Item = &'a (Frame, bool)>, wire: Wire) -> Option<Self> {
        let mut received: Option<Self> = None;
        let mut expected = None;
        for (frame, end) in frames {
            match (frame, &mut received) {
                (Frame::Headers(headers), None) => {
                    let value = |name: &str| headers.get(name.as_bytes()).map(text).unwrap_or_default();
                    let start = match headers.get(b":status") {
                        Some(status) => text(status),
                        None => format!("{} {}", value(":method"), value(":path")),
                    };
                    let pairs = all(headers);
                    expected = length(&pairs);
                    received = Some(Self { start, headers: compared(pairs), ..Self::default() });
                }
                (Frame::Data(data), Some(received)) => received.body.extend_from_slice(data),
                (Frame::Trailers(trailers), Some(received)) => received.trailers = all(trailers),
                // A client cannot make sense of two heads; an upstream gets two requests.
                (Frame::Headers(headers), Some(received)) if headers.get(b":status").is_some() => {
                    (received.body, received.ended) = (Vec::new(), false);
                    return Some(received.clone());
                }
                (Frame::Headers(_), Some(received)) => {
                    received.start.push_str(AGAIN);
                    received.body.clear();
                }
                (_, None) => {}
            }
            if let Some(received) = &mut received {
                received.ended |= end;
            }
        }
        match (&mut received, wire) {
            // On the wire a body with a length ends when that has come.
            (Some(received), Wire::Http1) => {
                if let Some(expected) = expected {
                    received.ended = received.body.len() >= expected;
                    received.trailers.clear();
                }
            }
            // The end is a flag; a client takes none where something is missing.
            (Some(received), Wire::Http2) => {
                received.ended &= expected.is_none_or(|expected| received.body.len() == expected);
                received.sort();
            }
            (None, _) => {}
        }
        received
    }

    /// The client's library keeps the values of a name together.
    fn sort(&mut self) {
        self.headers.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.trailers.sort_by(|(a, _), (b, _)| a.cmp(b));
    }

    /// Whether this can be the first part of another message.
    pub(super) fn begins(&self, other: &Self) -> bool {
        self.start == other.start && self.headers == other.headers && other.body.starts_with(&self.body)
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn all(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn pair(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.to_ascii_lowercase(), value.trim().to_owned()))
}

fn length(pairs: &[(String, String)]) -> Option<usize> {
    pairs.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok())
}

/// Without pseudo headers, and what a proxy writes for itself; but lengths are of interest, where there is something.
fn compared(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let is_length = |name: &str, value: &str| name == "content-length" && value != "0";
    let mut pairs = pairs
        .into_iter()
        .filter(|(name, value)| {
            is_length(name, value) || !is_proxy_own(name) && name != "host" && !name.starts_with(':')
        })
        .collect::<Vec<_>>();
    // Where a codec writes it is its own business.
    pairs.sort_by_key(|(name, _)| name == "content-length");
    pairs
}

/// Body, trailers, and whether the end came.
fn unchunked(mut rest: &[u8]) -> (Vec<u8>, Vec<(String, String)>, bool) {
    let mut body = Vec::new();
    let line = |rest: &[u8]| {
        let at = rest.windows(2).position(|two| two == b"\r\n")?;
        Some((String::from_utf8_lossy(rest.get(..at)?).into_owned(), at + 2))
    };
    while let Some((size, used)) = line(rest) {
        rest = rest.get(used..).unwrap_or_default();
        let Ok(size) = usize::from_str_radix(&size, 16) else { break };
        if size == 0 {
            let mut trailers = Vec::new();
            while let Some((text, used)) = line(rest) {
                rest = rest.get(used..).unwrap_or_default();
                if text.is_empty() {
                    return (body, trailers, true);
                }
                trailers.extend(pair(&text));
            }
            break;
        }
        body.extend(rest.iter().take(size));
        rest = rest.get(size + 2..).unwrap_or_default();
    }
    (body, Vec::new(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_and_frames_tell_the_same() {
        let wire = b"HTTP/1.1 200 OK\r\nx-r: 1\r\ndate: now\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-t: 1\r\n\r\n";
        let headers: HeaderMap = [(":status", "200"), ("x-r", "1"), ("connection", "close")].into_iter().collect();
        let trailers: HeaderMap = [("x-t", "1")].into_iter().collect();
        let frames = [
            (Frame::Headers(headers), false),
            (Frame::Data(b"h".to_vec()), false),
            (Frame::Data(b"i".to_vec()), false),
            (Frame::Trailers(trailers), true),
        ];
        assert_eq!(Received::parse(wire), Received::collect(&frames, Wire::Http1));
        let cut = Received::parse(&wire[..wire.len() - 12]).unwrap();
        assert!(!cut.ended && cut.body == b"hi");
    }

    #[test]
    fn a_length_says_where_the_end_is() {
        let wire = b"POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nab";
        let headers: HeaderMap = [(":method", "POST"), (":path", "/a"), ("content-length", "3")].into_iter().collect();
        let frames = [(Frame::Headers(headers), false), (Frame::Data(b"ab".to_vec()), true)];
        assert_eq!(Received::parse(wire), Received::collect(&frames, Wire::Http1));
        assert!(!Received::parse(wire).unwrap().ended);
    }
}
