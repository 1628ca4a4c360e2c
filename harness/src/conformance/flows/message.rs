//! What is sent: on the wire, and as a filter sees it.

use std::time::Duration;

use super::Wire;
use crate::context::HeaderMap;

/// Between two pieces, so that they are read one by one.
const PAUSE: Duration = Duration::from_millis(10);
/// Between two pieces, so that more happens in between: more than timers and callouts take.
const SLOW: Duration = Duration::from_millis(110);
/// Between two pieces, so that a configuration changes in between.
const LATE: Duration = Duration::from_millis(700);

/// How a message says where its body ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// By its length.
    Length,
    /// In chunks.
    Chunked,
    /// In chunks, with trailers behind them.
    Trailers,
}

/// A request or a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The pieces of its body; each is sent by itself, after a pause.
    pub pieces: Vec<Vec<u8>>,
    /// Where it ends.
    pub framing: Framing,
    /// Headers besides the usual ones.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The response's status; none means 200.
    pub status: Option<u16>,
    /// The end is sent by itself, too.
    pub late_end: bool,
    /// How much time passes between two pieces.
    pub pace: Pace,
}

/// How much time passes between two pieces of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pace {
    /// Enough that they are read one by one.
    #[default]
    Quick,
    /// Enough for a timer and a callout.
    Slow,
    /// Enough for a new configuration.
    Late,
}

/// A part of a message over HTTP/2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The headers, with whether they are all.
    Head(bool),
    /// Bytes of the body, with whether they are the last.
    Data(Vec<u8>, bool),
    /// Trailers.
    Trailers,
}

impl Message {
    /// One without a body.
    #[must_use]
    pub fn bare() -> Self {
        Self::default()
    }

    /// One whose body comes in pieces of these sizes: the first of letters `a`, the second of `b`, and so on.
    #[must_use]
    pub fn sized(framing: Framing, sizes: &[usize]) -> Self {
        let pieces = sizes.iter().zip(b'a'..=b'z').map(|(size, letter)| vec![letter; *size]).collect();
        Self { pieces, framing, ..Self::default() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same, with time between its pieces.
    #[must_use]
    pub fn slowly(mut self) -> Self {
        self.pace = Pace::Slow;
        self
    }

    /// The same, with time for a new configuration between its pieces.
    #[must_use]
    pub fn late(mut self) -> Self {
        self.pace = Pace::Late;
        self
    }

    /// The same, with its end by itself.
    #[must_use]
    pub fn with_late_end(mut self) -> Self {
        self.late_end = true;
        self
    }

    /// How long it waits between two pieces.
    pub(super) const fn pause(&self) -> Duration {
        match self.pace {
            Pace::Quick => PAUSE,
            Pace::Slow => SLOW,
            Pace::Late => LATE,
        }
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    /// The request as bytes, in the parts in which it is sent.
    pub(super) fn request(&self, path: &str) -> Vec<Vec<u8>> {
        let method = self.method();
        self.parts(format!("{method} {path} HTTP/1.1\r\nhost: example.com\r\nuser-agent: probe\r\nx-a: 1\r\n"))
    }

    /// The response as bytes, in the parts in which it is sent.
    pub(super) fn response(&self) -> Vec<Vec<u8>> {
        let status = self.status.unwrap_or(200);
        let mut head = format!("HTTP/1.1 {status} OK\r\ncontent-type: text/plain\r\nx-r: 1\r\nconnection: close\r\n");
        if self.framing == Framing::None {
            head.push_str("content-length: 0\r\n");
        }
        self.parts(head)
    }

    /// The same over HTTP/2: what is sent at a time.
    pub(super) fn frames(&self) -> Vec<Vec<Part>> {
        let mut steps = vec![vec![Part::Head(self.framing == Framing::None)]];
        for (index, piece) in self.pieces.iter().enumerate() {
            let is_last = index + 1 == self.pieces.len() && !self.late_end && self.framing != Framing::Trailers;
            let part = Part::Data(piece.clone(), is_last);
            match steps.last_mut() {
                Some(head) if index == 0 => head.push(part),
                _ => steps.push(vec![part]),
            }
        }
        let end = match self.framing {
            Framing::None => None,
            Framing::Trailers => Some(Part::Trailers),
            Framing::Length | Framing::Chunked if !self.late_end && !self.pieces.is_empty() => None,
            Framing::Length | Framing::Chunked => Some(Part::Data(Vec::new(), true)),
        };
        match (end, steps.last_mut()) {
            (Some(end), Some(last)) if !self.late_end => last.push(end),
            (Some(end), _) => steps.push(vec![end]),
            (None, _) => {}
        }
        steps
    }

    /// The method that asks for it.
    pub(super) fn method(&self) -> &'static str {
        if self.framing == Framing::None { "GET" } else { "POST" }
    }

    /// The request's headers as Envoy's first filter sees them.
    pub(super) fn request_headers(&self, path: &str, wire: Wire) -> HeaderMap {
        let pseudo = match wire {
            Wire::Http1 => {
                [(":authority", "example.com"), (":path", path), (":method", self.method()), (":scheme", "http")]
            }
            Wire::Http2 => {
                [(":method", self.method()), (":scheme", "http"), (":authority", "example.com"), (":path", path)]
            }
        };
        let own = [("user-agent", "probe"), ("x-a", "1")];
        let mut headers = pseudo.into_iter().chain(own).collect::<HeaderMap>();
        self.own_headers(&mut headers);
        if self.framing == Framing::Length {
            headers.add(b"content-length", self.body().len().to_string().as_bytes());
        }
        headers.add(b"x-forwarded-proto", b"http");
        headers
    }

    /// The response's headers as Envoy's last filter sees them.
    pub(super) fn response_headers(&self) -> HeaderMap {
        let status = self.status.unwrap_or(200).to_string();
        let mut headers =
            [(":status", status.as_str()), ("content-type", "text/plain"), ("x-r", "1"), ("connection", "close")]
                .into_iter()
                .collect::<HeaderMap>();
        if self.framing == Framing::None {
            headers.add(b"content-length", b"0");
        }
        self.own_headers(&mut headers);
        match self.framing {
            Framing::None => {}
            Framing::Length => headers.add(b"content-length", self.body().len().to_string().as_bytes()),
            Framing::Chunked | Framing::Trailers => headers.add(b"transfer-encoding", b"chunked"),
        }
        headers
    }

    /// The trailers, where there are some.
    pub(super) fn trailers(&self) -> Option<HeaderMap> {
        (self.framing == Framing::Trailers).then(|| [("x-t", "1")].into_iter().collect())
    }

    fn own_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.add(name.as_bytes(), value.as_bytes());
        }
    }

    fn parts(&self, mut head: String) -> Vec<Vec<u8>> {
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&match self.framing {
            Framing::None => "\r\n".to_owned(),
            Framing::Length => format!("content-length: {}\r\n\r\n", self.body().len()),
            Framing::Chunked | Framing::Trailers => "transfer-encoding: chunked\r\n\r\n".to_owned(),
        });
        let mut parts = vec![head.into_bytes()];
        for (index, piece) in self.pieces.iter().enumerate() {
            let wire = match self.framing {
                Framing::None | Framing::Length => piece.clone(),
                Framing::Chunked | Framing::Trailers => {
                    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
                }
            };
            match parts.last_mut() {
                // The first piece comes with the head.
                Some(head) if index == 0 => head.extend(wire),
                _ => parts.push(wire),
            }
        }
        let end: &[u8] = match self.framing {
            Framing::None | Framing::Length => b"",
            Framing::Chunked => b"0\r\n\r\n",
            Framing::Trailers => b"0\r\nx-t: 1\r\n\r\n",
        };
        match parts.last_mut() {
            Some(last) if !self.late_end => last.extend(end),
            _ => parts.push(end.to_vec()),
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_sent_in_its_pieces() {
        let message = Message::sized(Framing::Trailers, &[2, 1]);
        let parts = message.response();
        assert_eq!(parts.len(), 2);
        assert!(parts[0].ends_with(b"chunked\r\n\r\n2\r\naa\r\n"), "{parts:?}");
        assert_eq!(parts[1], b"1\r\nb\r\n0\r\nx-t: 1\r\n\r\n");
        assert_eq!(Message::bare().request("/a/1").len(), 1);
    }

    #[test]
    fn the_same_parts_are_sent_over_http_2() {
        let data = |bytes: &[u8], end| Part::Data(bytes.to_vec(), end);
        let frames = |framing, sizes: &[usize]| Message::sized(framing, sizes).frames();
        assert_eq!(frames(Framing::None, &[]), [[Part::Head(true)]]);
        assert_eq!(frames(Framing::Chunked, &[]), [[Part::Head(false), data(b"", true)]]);
        let two = frames(Framing::Chunked, &[2, 1]);
        assert_eq!(two, [vec![Part::Head(false), data(b"aa", false)], vec![data(b"b", true)]]);
        let trailers = Message::sized(Framing::Trailers, &[2]).with_late_end().frames();
        assert_eq!(trailers, [vec![Part::Head(false), data(b"aa", false)], vec![Part::Trailers]]);
        let late = Message::sized(Framing::Chunked, &[]).with_late_end();
        assert_eq!(late.frames(), [[Part::Head(false)], [data(b"", true)]]);
        assert_eq!(late.request("/").len(), 2);
    }
}
