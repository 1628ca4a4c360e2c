//! Streams that wait.

use std::cell::Cell;

use crate::sys::{self, HostError, Status};
use crate::{Direction, Headers, Response};

/// A request that waits. A filter keeps it, in the plugin or wherever its answer comes from, and uses it later: from a
/// timer, a callout's answer, another stream.
///
/// The stream may be gone by then, because the client has left or the proxy has timed it out: that is [`StreamError::Gone`],
/// and no harm. A handle that is dropped leaves the request waiting.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the request waits until somebody resumes it"]
pub struct RequestHandle(Waiting);

/// A response that waits: see [`RequestHandle`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the response waits until somebody resumes it"]
pub struct ResponseHandle {
    waiting: Waiting,
    headers_held: bool,
}

/// Why something could not be done with a stream that was paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The stream is over.
    #[error("the stream is gone")]
    Gone,
    /// This is one of the stream's own phases, which decides by its outcome.
    #[error("a stream cannot be resumed from its own phase: return an outcome")]
    OwnPhase,
    /// There is no answer to give any more, because the response's headers have left.
    #[error("the response's headers have left")]
    HeadersGone,
    /// The proxy refused a call.
    #[error(transparent)]
    Host(HostError),
}

impl StreamError {
    /// What it says, for logs.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Host(error) => error.text(),
            other => other.to_string(),
        }
    }
}

impl RequestHandle {
    pub(crate) const fn new(stream: u32) -> Self {
        Self(Waiting { stream, direction: Direction::Request })
    }

    pub(crate) const fn stream(&self) -> u32 {
        self.0.stream
    }

    /// Reads or changes the request's headers, where it waits at them (rule `HDR-1`).
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when the stream is over.
    pub fn headers<T>(&self, use_them: impl FnOnce(&mut Headers) -> T) -> Result<T, StreamError> {
        self.0.within(|| use_them(&mut Headers::new(Direction::Request.headers())))
    }

    /// Lets the request go on.
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when the stream is over.
    pub fn resume(self) -> Result<(), StreamError> {
        self.0.resume()
    }

    /// Answers the request.
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when the stream is over.
    pub fn respond(self, response: &Response) -> Result<(), StreamError> {
        self.0.within(|| response.send())?.map_err(StreamError::Host)
    }

    /// Resets the stream.
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when it is over.
    pub fn close(self) -> Result<(), StreamError> {
        self.0.close()
    }
}

impl ResponseHandle {
    pub(crate) const fn new(stream: u32, headers_held: bool) -> Self {
        Self { waiting: Waiting { stream, direction: Direction::Response }, headers_held }
    }

    pub(crate) const fn stream(&self) -> u32 {
        self.waiting.stream
    }

    /// Reads or changes the response's headers, where it waits at them (rule `HDR-1`).
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when the stream is over, [`StreamError::HeadersGone`] when they have left.
    pub fn headers<T>(&self, use_them: impl FnOnce(&mut Headers) -> T) -> Result<T, StreamError> {
        self.held()?;
        self.waiting.within(|| use_them(&mut Headers::new(Direction::Response.headers())))
    }

    /// Lets the response go on.
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when the stream is over.
    pub fn resume(self) -> Result<(), StreamError> {
        self.waiting.resume()
    }

    /// Sends another response in its place.
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when the stream is over, [`StreamError::HeadersGone`] when its headers have left.
    pub fn respond(self, response: &Response) -> Result<(), StreamError> {
        self.held()?;
        self.waiting.within(|| response.send())?.map_err(StreamError::Host)
    }

    /// Resets the stream.
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when it is over.
    pub fn close(self) -> Result<(), StreamError> {
        self.waiting.close()
    }

    fn held(&self) -> Result<(), StreamError> {
        if self.headers_held { Ok(()) } else { Err(StreamError::HeadersGone) }
    }
}

/// One direction of a stream that waits.
#[derive(Debug, PartialEq, Eq)]
struct Waiting {
    stream: u32,
    direction: Direction,
}

impl Waiting {
    fn resume(&self) -> Result<(), StreamError> {
        self.within(|| sys::continue_stream(self.direction.stream()))?.map_err(StreamError::Host)
    }

    fn close(&self) -> Result<(), StreamError> {
        self.within(|| sys::close_stream(self.direction.stream()))?.map_err(StreamError::Host)
    }

    /// Makes calls about this stream.
    ///
    /// Not from the stream's own phase: continuing a response there can end the whole proxy (rule `LR-12`).
    fn within<T>(&self, act: impl FnOnce() -> T) -> Result<T, StreamError> {
        if in_phase_of(self.stream) { Err(StreamError::OwnPhase) } else { about(self.stream, act) }
    }
}

thread_local! {
    /// The context that the host has entered the VM for.
    static ENTERED: Cell<u32> = const { Cell::new(0) };
    /// The context that calls are about.
    static EFFECTIVE: Cell<u32> = const { Cell::new(0) };
}

/// Notes for whom the VM is entered.
#[inline]
pub(crate) fn entered(context: u32) {
    ENTERED.set(context);
    EFFECTIVE.set(context);
}

/// Whether the host has entered the VM for this context.
pub(crate) fn in_phase_of(context: u32) -> bool {
    ENTERED.get() == context
}

/// Makes calls about a context, and then again about the one that they were about before.
pub(crate) fn about<T>(context: u32, act: impl FnOnce() -> T) -> Result<T, StreamError> {
    let before = EFFECTIVE.get();
    if before == context {
        return Ok(act());
    }
    sys::set_effective_context(context).map_err(|error| match error.status() {
        Status::BAD_ARGUMENT => StreamError::Gone,
        _ => StreamError::Host(error),
    })?;
    EFFECTIVE.set(context);
    let result = act();
    EFFECTIVE.set(before);
    sys::set_effective_context(before).map_err(StreamError::Host)?;
    Ok(result)
}
