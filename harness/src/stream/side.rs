//! Where a message stands: in one filter, and in the whole chain.

/// One direction of one filter.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub at: Iteration,
    /// The headers have gone on from here.
    pub headers_gone: bool,
    /// The message's end has been shown to this filter.
    pub ended: bool,
    /// A resumption goes through this filter again: it has not seen what it held back (rule `BODY-2`).
    pub again: bool,
    /// Its last body callback asked to keep the body: the next one sees all of it (rule `BODY-4`).
    pub keeps: bool,
}

/// What a filter has made of the message so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Iteration {
    /// It goes on.
    #[default]
    Continue,
    /// It stays; what comes is still shown to this filter.
    Stop,
    /// It stays, and nothing is shown; too much of it is an error.
    StopAll,
    /// It stays, and nothing is shown; too much of it pushes back.
    StopAllWatermark,
}

impl Iteration {
    pub(super) const fn is_all(self) -> bool {
        matches!(self, Self::StopAll | Self::StopAllWatermark)
    }
}

/// One direction of the whole chain.
#[derive(Debug)]
pub(super) struct Lane {
    /// The message's end has come in.
    pub ended: bool,
    /// Too much in the buffer pushes back; else it is an error (rule `BODY-6`).
    pub streaming: bool,
    /// The buffer is above its limit, and that has been told.
    pub above: bool,
    /// How many callbacks of filters are running.
    pub calling: usize,
    /// A callback has answered: the message goes no further.
    pub aborted: bool,
    /// The message has left the chain to its end.
    pub complete: bool,
}

impl Default for Lane {
    fn default() -> Self {
        Self { ended: false, streaming: true, above: false, calling: 0, aborted: false, complete: false }
    }
}

/// The direction of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the upstream.
    Request,
    /// From the upstream to the client.
    Response,
}
