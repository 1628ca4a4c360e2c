//! One stream: where each filter of the chain stands, and what has come out.

use std::sync::{Arc, Mutex};

use super::Frame;
use super::side::{Direction, Lane, Side};
use super::thread::Handle;
use crate::context::{Exchange, LocalReply, lock};
use crate::cost::Cost;

/// Something that left the chain; the flag says that the message ends with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// For the upstream.
    Request(Frame, bool),
    /// For the client.
    Response(Frame, bool),
    /// The stream was closed; nothing follows.
    Reset,
}

/// A stream on its thread.
#[derive(Debug)]
pub(super) struct StreamState {
    pub exchange: Arc<Mutex<Exchange>>,
    pub filters: Vec<FilterState>,
    pub cost_before: Cost,
    pub out: Vec<Out>,
    pub lanes: [Lane; 2],
    /// An answer that waits until the callback has returned that asked for it.
    pub prepared: Option<LocalReply>,
    /// The response's headers have been given to the chain: a reply now bypasses it (rule `LR-7`).
    pub response_begun: bool,
    /// Response headers have left the chain: they cannot be taken back.
    pub response_sent: bool,
    /// The proxy has answered itself.
    pub replied: bool,
    /// Nothing that comes in is looked at any more.
    pub over: bool,
    /// The filters have been told of its end.
    pub told: bool,
}

/// One filter of the chain, for this stream.
#[derive(Debug)]
pub(super) struct FilterState {
    pub handle: Handle,
    /// The context's id.
    pub id: u32,
    /// The VM knows the stream (rule `LIFE-8`).
    pub created: bool,
    /// It has answered.
    pub replied: bool,
    pub request: Side,
    pub response: Side,
}

impl StreamState {
    pub(super) fn side(&mut self, direction: Direction, index: usize) -> Option<&mut Side> {
        let filter = self.filters.get_mut(index)?;
        Some(match direction {
            Direction::Request => &mut filter.request,
            Direction::Response => &mut filter.response,
        })
    }

    pub(super) fn lane(&mut self, direction: Direction) -> &mut Lane {
        let [request, response] = &mut self.lanes;
        match direction {
            Direction::Request => request,
            Direction::Response => response,
        }
    }

    /// The stream ends because its client goes (rule `LIFE-9`).
    pub(super) fn client_has_gone(&mut self) {
        let attributes = &mut lock(&self.exchange).attributes;
        let details =
            if attributes.protocol == "HTTP/2" { "http2.remote_reset" } else { "downstream_remote_disconnect" };
        attributes.response_code_details = Some(details.into());
    }

    /// How many bytes of a body the filters hold back.
    pub(super) fn held(&self, direction: Direction) -> usize {
        let exchange = lock(&self.exchange);
        let message = match direction {
            Direction::Request => &exchange.request,
            Direction::Response => &exchange.response,
        };
        message.held.as_ref().map_or(0, Vec::len)
    }

    /// The filter at a place in a direction's order: responses meet the last filter first.
    pub(super) fn index(&self, direction: Direction, place: usize) -> Option<usize> {
        match direction {
            Direction::Request => (place < self.filters.len()).then_some(place),
            Direction::Response => self.filters.len().checked_sub(place + 1),
        }
    }

    /// The place of a filter in a direction's order.
    pub(super) fn place(&self, direction: Direction, index: usize) -> usize {
        match direction {
            Direction::Request => index,
            Direction::Response => self.filters.len().saturating_sub(index + 1),
        }
    }
}
