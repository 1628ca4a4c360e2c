//! Layer 3: the filter manager. In which order filters see a message, what pausing holds back, local replies; and the threads
//! on which all this happens.
//!
//! A [`Proxy`] is a chain of filters, loaded as Envoy loads them: tried out in a canary VM, then started on the main thread
//! and on each worker, each with its own VMs (rules `LIFE-3`, `LIFE-4`). Everything runs on one thread of the machine, one
//! step after the other, and time stands still until it is [moved](Proxy::advance): the same input always gives the same
//! output.
//!
//! There are two ways to send something through:
//!
//! * [`Proxy::open`] gives a [`Stream`] for whole messages: request in, response in, what came of each.
//! * [`Proxy::open_on`] gives a [`StreamKey`], and any number of streams can be under way: frames go in by
//!   [`Proxy::send`], what comes out is fetched by [`Proxy::take_out`], callouts wait in [`Proxy::take_callouts`] for an
//!   [answer](Proxy::answer).
//!
//! Bytes without HTTP go through the same chain as a connection: [`Proxy::connect`] begins one, [`Proxy::send_bytes`] is
//! what either end says, [`Proxy::take_bytes`] what the other end gets.
//!
//! Workers of a proxy are threads, and what filters share can be touched by all of them: [`Proxy::run_together`] and
//! [`explore`] run workers interleaved at every host call, in an order that can be repeated.

mod bytes;
mod callout;
mod canary;
mod connection;
mod filter;
mod interleave;
mod iterate;
mod proxy;
mod reply;
mod run;
mod side;
mod state;
mod thread;
mod vms;
mod whole;

pub(crate) use callout::router_reply;
pub use callout::{Callout, CalloutAnswer, CalloutId, GrpcAnswer, GrpcEvent, GrpcId};
pub use connection::{ConnectionKey, End, Moved};
pub(crate) use interleave::Baton;
pub use interleave::{Done, Schedule, Work, explore};
pub use proxy::{FailurePolicy, FilterSpec, LoadError, LoadedModule, Options, Proxy, StreamKey};
pub(crate) use reply::percent_encoded;
pub use side::Direction;
pub use state::Out;
pub(crate) use whole::Whole;
pub use whole::{Passed, Stream};

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

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Its headers.
    Headers(HeaderMap),
    /// A piece of its body.
    Data(Vec<u8>),
    /// Its trailers.
    Trailers(HeaderMap),
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

    /// Its frames, each with whether it ends the message.
    pub(crate) fn into_frames(self) -> impl Iterator<Item = (Frame, bool)> {
        let mut frames = vec![Frame::Headers(self.headers)];
        frames.extend(self.chunks.into_iter().map(Frame::Data));
        frames.extend(self.trailers.map(Frame::Trailers));
        let last = frames.len();
        frames.into_iter().enumerate().map(move |(i, frame)| (frame, i + 1 == last))
    }
}
