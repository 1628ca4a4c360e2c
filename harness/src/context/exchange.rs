//! A request and its response, and what of it a filter can reach.

use std::collections::BTreeMap;

use super::HeaderMap;

/// A request with its response. All filters of a chain see the same.
#[derive(Debug, Default)]
pub struct Exchange {
    /// The request.
    pub request: Message,
    /// The response.
    pub response: Message,
    /// What `proxy_set_property` stored, by its whole key (rule `PROP-6`).
    pub filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the proxy knows besides.
    pub attributes: Attributes,
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

/// What the proxy knows of a stream besides its messages.
#[derive(Debug, Clone, Default)]
pub struct Attributes {
    /// Client's address, `ip:port`.
    pub source: String,
    /// The listener's address, `ip:port`.
    pub destination: String,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: String,
    /// When the request came, in nanoseconds since 1970.
    pub start_nanoseconds: u64,
    /// Bytes of the request's body that have come.
    pub request_bytes: u64,
    /// The response's status, once it is known (rule `PROP-5`).
    pub response_code: Option<u64>,
    /// Response code details.
    pub response_code_details: String,
    /// Any other property, by its path with NUL bytes between the segments, in the bytes that a guest gets (rule `PROP-2`).
    pub more: BTreeMap<Vec<u8>, Vec<u8>>,
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
    /// The log phase: maps can be read, nothing written (rule `HDR-4`).
    pub log: bool,
}
