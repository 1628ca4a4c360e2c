//! Layer 3: the filter manager. In which order filters see a message, what pausing holds back, local replies.
//!
//! A [`Proxy`] is a chain of filters, loaded as Envoy loads them: tried out in a canary VM, then started on the main thread
//! and on each worker (rules `LIFE-3`, `LIFE-4`). A [`Stream`] takes one request through the chain, and its response back.

mod chain;
mod proxy;
mod reply;
mod side;

pub use chain::{Passed, Stream};
pub use proxy::{FailurePolicy, FilterSpec, LoadError, LoadedModule, Proxy};

use crate::context::HeaderMap;

/// A message on its way: headers, the pieces in which its body comes, trailers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WireMessage {
    /// Its headers, pseudo headers among them.
    pub headers: HeaderMap,
    /// Its body, in the pieces in which a filter sees it.
    pub chunks: Vec<Vec<u8>>,
    /// Its trailers.
    pub trailers: Option<HeaderMap>,
}

impl WireMessage {
    /// A message whose body, if there is one, comes in one piece.
    #[must_use]
    pub fn new(headers: HeaderMap, body: Vec<u8>) -> Self {
        let chunks = if body.is_empty() { Vec::new() } else { vec![body] };
        Self { headers, chunks, trailers: None }
    }

    /// The whole body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }
}
