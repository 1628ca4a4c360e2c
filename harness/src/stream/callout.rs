//! Requests that a filter makes of its own.

use std::time::Duration;

use super::WireMessage;
use crate::context::HeaderMap;

/// Names a callout that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalloutId {
    pub(super) thread: usize,
    pub(super) vm: usize,
    pub(super) token: u32,
}

/// An HTTP callout on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callout {
    /// Its name, for [`Proxy::answer`](super::Proxy::answer).
    pub id: CalloutId,
    /// The cluster that it goes to.
    pub cluster: String,
    /// The request. Its trailers are never sent (rule `HC-2`).
    pub request: WireMessage,
    /// How long the filter waits; none means for ever (rule `HC-1`).
    pub timeout: Option<Duration>,
}

/// What comes back for a callout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalloutAnswer {
    /// A response.
    Response(WireMessage),
    /// No connection: the router's 503 (rule `HC-5`).
    Unreachable,
    /// The connection broke after the headers, or the response was too long: no headers at all (rule `HC-6`).
    Reset,
}

/// What the router says when an upstream does not answer in time, or not at all (rule `HC-5`).
pub(super) fn router_reply(status: &str, text: &str) -> WireMessage {
    let headers: HeaderMap = [
        (":status", status.to_owned()),
        ("content-length", text.len().to_string()),
        ("content-type", "text/plain".to_owned()),
    ]
    .into_iter()
    .collect();
    WireMessage::new(headers, text.into())
}
