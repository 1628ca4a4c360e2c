//! Why a call or a stream has failed.

use std::fmt;

use crate::sys::{self, HostError, Status};
use crate::{GrpcStatus, text};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrpcError {
    /// It ended with a status that is not `OK`: the service's, or the proxy's where there was no service.
    #[error("{0}")]
    Status(GrpcFailure),
    /// As many are under way as may be: [`Filter::max_callouts`](crate::Filter::max_callouts).
    #[error("as many callouts are under way as may be")]
    TooMany,
    /// A value of the metadata has CR, LF or NUL.
    #[error("a gRPC callout's metadata cannot stand in a message")]
    Malformed,
    /// The proxy does not know the cluster, or does not understand the target (rule `GRPC-1`).
    #[error("the proxy does not know the gRPC callout's cluster")]
    UnknownCluster,
    /// The cluster has nobody to ask at the moment; or the proxy does not let this filter ask (rules `GRPC-2`, `CAP-1`). Of
    /// some names, and of targets that are messages, the proxy does not say otherwise that it does not know them (`GRPC-1`).
    #[error("the gRPC callout's cluster has nobody to ask")]
    Unavailable,
    /// A message is longer than the request takes ([`GrpcRequest::max_message`](super::GrpcRequest::max_message)), or a stream
    /// has more unread than it may ([`GrpcRequest::max_unread`](super::GrpcRequest::max_unread)).
    #[error("the gRPC callout's answer is longer than it may be")]
    TooLong,
    /// A message was to be sent on a stream that is over, or whose own side is closed.
    #[error("the gRPC stream is over")]
    Over,
    /// The answer is no message of the type that was asked for.
    #[error("the gRPC callout's answer is another message")]
    Decode,
    /// It was made where no answer can come to: outside of the phases of a filter whose attribute says `callouts`.
    #[error("the filter's attribute does not say `callouts`")]
    Undeclared,
    /// The proxy refused a call.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// A status that is not `OK`, with what was said of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrpcFailure {
    /// The status.
    pub status: GrpcStatus,
    /// The message: bytes of whoever was asked, and behind them in braces what Envoy says of it, such as `{via_upstream}` (rule
    /// `GRPC-4`); at most 1 KiB in all.
    pub message: Vec<u8>,
}

impl GrpcFailure {
    /// The most bytes of a message that are kept.
    const MAX_MESSAGE: usize = 1 << 10;

    /// Takes what the host says of the end that it tells of; nothing for an end that is none.
    pub(super) fn take(word: u32) -> Option<Self> {
        if word == 0 {
            return None;
        }
        let mut message = sys::call_status().map(|(_, message)| message).unwrap_or_default();
        message.truncate(Self::MAX_MESSAGE);
        message.shrink_to_fit();
        Some(Self { status: GrpcStatus::from_word(word), message })
    }
}

/// Without the message, which may be secret.
impl fmt::Display for GrpcFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the gRPC callout ended with status ")?;
        f.write_str(&text::decimal(u64::from(self.status.number())))
    }
}

impl fmt::Debug for GrpcFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcFailure").field("status", &self.status).finish_non_exhaustive()
    }
}

impl GrpcError {
    /// Why the host did not begin it.
    pub(super) fn refused(error: HostError) -> Self {
        match error.status() {
            Status::PARSE_FAILURE | Status::BAD_ARGUMENT => Self::UnknownCluster,
            Status::INTERNAL_FAILURE => Self::Unavailable,
            _ => Self::Host(error),
        }
    }

    /// What it says, for logs.
    pub(crate) fn text(&self) -> String {
        self.to_string()
    }
}
