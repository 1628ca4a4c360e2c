//! What a phase can decide.

use crate::callouts::HttpError;
use crate::grpc::GrpcError;
use crate::sys::{self, LogLevel};
use crate::{BodyError, HostError, Response, StreamError};

/// A phase's decision, in a request and at the headers of a response. The SDK performs it; the phase itself calls nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the phase returns it"]
pub enum Outcome {
    /// Go on to the next filter.
    Continue,
    /// Stop here until a handle lets the message go on: see [`RequestHeaders::pause`](crate::RequestHeaders::pause).
    Pause(Paused),
    /// Answer the request here; it goes no further. From a response's headers, the answer takes the response's place and
    /// passes the other filters by (rule `LR-7`).
    Respond(Response),
    /// Reset the stream. The client sees a closed connection (HTTP/1) or a reset stream (HTTP/2), rule `LR-10`.
    Close,
}

/// A decision in the body of a response, whose headers may have left.
///
/// There is no answer to give then: the proxy would reset the stream (rule `LR-7`). While the headers are held there is:
/// [`ResponseBody::respond`](crate::ResponseBody::respond) makes a [`LateOutcome::Respond`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the phase returns it"]
pub enum LateOutcome {
    /// Go on to the next filter.
    Continue,
    /// Stop here until a handle lets the message go on.
    Pause(Paused),
    /// Send another response in the place of this one, whose headers are held.
    Respond(Replacement),
    /// Reset the stream; the client sees that the response was cut short.
    Close,
}

/// A decision at the trailers of a response, where everything else has left. Resetting the stream there would end the
/// whole proxy (rule `LR-12`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the phase returns it"]
pub enum LastOutcome {
    /// Let the message end.
    Continue,
    /// Stop here until a handle lets the message end.
    Pause(Paused),
}

/// The mark of a message that was paused: whoever has it has a handle too, so that somebody can let the message go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused(pub(crate) ());

/// A response that can still take the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement(pub(crate) Response);

/// Makes decisions of the results of host calls and of bodies.
macro_rules! decisions {
    ($($error:ty),*) => {$(
        /// A result as a decision: go on, or answer 500 when what was asked could not be had.
        ///
        /// The client sees no reason; the proxy's log has the error and response code details say `tamis_host_error`.
        impl From<Result<(), $error>> for Outcome {
            fn from(result: Result<(), $error>) -> Self {
                match result {
                    Ok(()) => Self::Continue,
                    Err(error) => {
                        crate::log::parts(LogLevel::ERROR, &[&error.text(), "; answering 500"]);
                        Self::Respond(Response::new(500).details("tamis_host_error"))
                    }
                }
            }
        }

        /// A result as a decision: go on, or reset the stream when what was asked could not be had.
        impl From<Result<(), $error>> for LateOutcome {
            fn from(result: Result<(), $error>) -> Self {
                match result {
                    Ok(()) => Self::Continue,
                    Err(error) => {
                        crate::log::parts(LogLevel::ERROR, &[&error.text(), "; closing the stream"]);
                        Self::Close
                    }
                }
            }
        }

        /// A result as a decision: go on, and say in the log what could not be had.
        impl From<Result<(), $error>> for LastOutcome {
            fn from(result: Result<(), $error>) -> Self {
                if let Err(error) = result {
                    sys::log(LogLevel::ERROR, &error.text());
                }
                Self::Continue
            }
        }
    )*};
}

decisions!(HostError, BodyError, StreamError, HttpError, GrpcError);

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        Self::Respond(response)
    }
}

impl From<Paused> for Outcome {
    fn from(paused: Paused) -> Self {
        Self::Pause(paused)
    }
}

impl From<Paused> for LateOutcome {
    fn from(paused: Paused) -> Self {
        Self::Pause(paused)
    }
}

impl From<Paused> for LastOutcome {
    fn from(paused: Paused) -> Self {
        Self::Pause(paused)
    }
}
