//! Requests that a filter makes of its own.

use std::time::Duration;

use super::WireMessage;
use crate::context::{GrpcWhat, HeaderMap};

/// Names a callout that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalloutId {
    pub(super) thread: usize,
    pub(super) vm: usize,
    pub(super) token: u32,
}

impl CalloutId {
    /// What the guest knows it by.
    #[must_use]
    pub const fn token(self) -> u32 {
        self.token
    }
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

/// Something that a filter wants of gRPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcEvent {
    /// The call or stream, for [`Proxy::answer_grpc`](super::Proxy::answer_grpc).
    pub id: GrpcId,
    /// What the filter wants.
    pub what: GrpcWhat,
}

/// Names a gRPC call or stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrpcId {
    pub(super) thread: usize,
    pub(super) vm: usize,
    pub(super) root: u32,
    pub(super) token: u32,
}

/// What comes for a gRPC call or stream. A call ends with its message, or with a close that says why there is none; a
/// stream ends with its close (rules `GRPC-2`, `GRPC-3`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrpcAnswer {
    /// Metadata before the first message.
    InitialMetadata(HeaderMap),
    /// A message.
    Message(Vec<u8>),
    /// Metadata after the last message.
    TrailingMetadata(HeaderMap),
    /// The end.
    Close {
        /// The gRPC status.
        status: u32,
        /// Its message.
        message: String,
    },
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
pub(crate) fn router_reply(status: &str, text: &str) -> WireMessage {
    let headers: HeaderMap = [
        (":status", status.to_owned()),
        ("content-length", text.len().to_string()),
        ("content-type", "text/plain".to_owned()),
    ]
    .into_iter()
    .collect();
    WireMessage::new(headers, text.into())
}
