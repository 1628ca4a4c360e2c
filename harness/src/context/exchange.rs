//! A request and its response, and what of it a filter can reach.

use std::collections::BTreeMap;

use super::attributes::{Attributes, Progress};
use super::{Clock, HeaderMap};

/// A request with its response. All filters of a chain see the same.
#[derive(Debug, Default)]
pub struct Exchange {
    /// The request.
    pub request: Message,
    /// The response.
    pub response: Message,
    /// It is a connection: there are no messages, and no routes.
    pub is_connection: bool,
    /// Of a connection: what has come from the client and has not left the chain.
    pub downstream: Vec<u8>,
    /// The same of the upstream.
    pub upstream: Vec<u8>,
    /// What `proxy_set_property` stored, by its whole key (rule `PROP-6`).
    pub filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the proxy knows besides.
    pub attributes: Attributes,
    /// How far it has come.
    pub progress: Progress,
}

impl Exchange {
    /// The response's headers leave the filters: the connection manager gives them their last form, which only the log sees
    /// (rule `HDR-4`).
    pub(crate) fn response_leaves(&mut self, clock: Clock) {
        let Some(headers) = &mut self.response.headers else { return };
        headers.remove_all(&["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);
        if headers.get(b"date").is_none() {
            headers.add(b"date", clock.http_date().as_bytes());
        }
        // An HTTP/1 connection on which a request has not ended cannot be used again.
        if !self.progress.request_ended && self.attributes.protocol.starts_with("HTTP/1") {
            headers.add(b"connection", b"close");
        }
    }
}

/// A message, as far as it has come.
#[derive(Debug, Default)]
pub struct Message {
    /// Its headers; none before they came.
    pub headers: Option<HeaderMap>,
    /// The piece of its body that has just come.
    pub body: Vec<u8>,
    /// What is held back of its body, by whichever filter; none before anything was.
    pub held: Option<Vec<u8>>,
    /// Its trailers; none when there are none.
    pub trailers: Option<HeaderMap>,
}

/// Which maps and buffers a stream's callbacks can reach now (rules `HDR-1`, `BUF-6`): each is there from its callback on,
/// until that callback has let the message go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Visible {
    /// The request's headers.
    pub request_headers: bool,
    /// The request's body.
    pub request_body: bool,
    /// Its body is what is held back, not the piece that has just come (rule `BUF-6`).
    pub request_held: bool,
    /// The request's trailers.
    pub request_trailers: bool,
    /// The response's headers.
    pub response_headers: bool,
    /// The response's body.
    pub response_body: bool,
    /// Its body is what is held back.
    pub response_held: bool,
    /// The response's trailers.
    pub response_trailers: bool,
    /// A callback for the end of the request's body runs, and no trailers came: it can make some (rule `HDR-12`).
    pub request_end: bool,
    /// The same of the response.
    pub response_end: bool,
    /// A connection's bytes from the client (rule `BUF-7`).
    pub downstream: bool,
    /// A connection's bytes from the upstream.
    pub upstream: bool,
    /// The log phase: maps can be read, nothing written (rule `HDR-4`).
    pub log: bool,
}
