//! What goes over the wire, and what a filter then sees of it.

use super::Exchange;
use crate::context::HeaderMap;
use crate::stream::WireMessage;

const REQUEST_BODY: &str = "request body";
const RESPONSE_BODY: &str = "response body";

impl Exchange {
    /// The request's path; the upstream answers by it.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Trailers => "/trailers?a=1&b=%20",
            Self::Body => "/body",
            Self::Bare => "/bare",
        }
    }

    /// Whose request this is, by what of its head the upstream got.
    pub(super) fn of_head(head: &str) -> Self {
        let asks = |exchange: &Self| head.contains(&format!(" {} ", exchange.path()));
        [Self::Body, Self::Bare].into_iter().find(asks).unwrap_or(Self::Trailers)
    }

    pub(super) fn request(self) -> String {
        let method = if self == Self::Bare { "GET" } else { "POST" };
        let head = format!(
            "{method} {} HTTP/1.1\r\nhost: example.com\r\nuser-agent: probe\r\nx-a: 1\r\nX-A: 2\r\nx-empty: \r\ncookie: a=1\r\n",
            self.path()
        );
        match self {
            Self::Trailers => format!("{head}transfer-encoding: chunked\r\n\r\n{}", chunked(REQUEST_BODY)),
            Self::Body => format!("{head}content-length: {}\r\n\r\n{REQUEST_BODY}", REQUEST_BODY.len()),
            Self::Bare => format!("{head}\r\n"),
        }
    }

    pub(super) fn response(self) -> String {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-r: 1\r\nx-r: 2\r\nset-cookie: a=1\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nconnection: close\r\n";
        match self {
            Self::Trailers => format!("{head}transfer-encoding: chunked\r\n\r\n{}", chunked(RESPONSE_BODY)),
            Self::Body => format!("{head}content-length: {}\r\n\r\n{RESPONSE_BODY}", RESPONSE_BODY.len()),
            Self::Bare => format!("{head}content-length: 0\r\n\r\n"),
        }
    }

    /// The request as Envoy's first filter sees it.
    pub(super) fn request_seen(self) -> WireMessage {
        let method = if self == Self::Bare { "GET" } else { "POST" };
        let mut headers = [
            (":authority", "example.com"),
            (":path", self.path()),
            (":method", method),
            (":scheme", "http"),
            ("user-agent", "probe"),
            ("x-a", "1"),
            ("x-a", "2"),
            ("x-empty", ""),
            ("cookie", "a=1"),
        ]
        .into_iter()
        .collect::<HeaderMap>();
        if self == Self::Body {
            headers.add(b"content-length", REQUEST_BODY.len().to_string().as_bytes());
        }
        headers.add(b"x-forwarded-proto", b"http");
        self.seen(headers, REQUEST_BODY)
    }

    /// The response as Envoy's last filter sees it.
    pub(super) fn response_seen(self) -> WireMessage {
        let mut headers = [
            (":status", "200"),
            ("content-type", "text/plain"),
            ("x-r", "1"),
            ("x-r", "2"),
            ("set-cookie", "a=1"),
            ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
            ("connection", "close"),
        ]
        .into_iter()
        .collect::<HeaderMap>();
        match self {
            Self::Trailers => headers.add(b"transfer-encoding", b"chunked"),
            Self::Body => headers.add(b"content-length", RESPONSE_BODY.len().to_string().as_bytes()),
            Self::Bare => headers.add(b"content-length", b"0"),
        }
        self.seen(headers, RESPONSE_BODY)
    }

    /// An HTTP/1 codec hands on the body as it came, and its end by itself.
    fn seen(self, headers: HeaderMap, body: &str) -> WireMessage {
        let (chunks, trailers) = match self {
            Self::Trailers => {
                (vec![body.into()], Some([("x-t", "1"), ("x-t", "2")].into_iter().collect::<HeaderMap>()))
            }
            Self::Body => (vec![body.into(), Vec::new()], None),
            Self::Bare => (Vec::new(), None),
        };
        WireMessage { headers, chunks, trailers }
    }
}

fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\nx-t: 1\r\nX-T: 2\r\n\r\n", body.len())
}
