//! What the host is told: the results of callbacks, answers, ends.

use super::Kind;
use crate::body::{BodyState, Step, correct_length};
use crate::sys::{self, LogLevel};
use crate::{Direction, Headers, HostError, Response};

/// Go on.
pub(super) const CONTINUE: u32 = 0;
/// At headers: hold them, and let the body come to this filter; only with Envoy's flag (rule `BODY-1`).
pub(super) const HEADERS_HOLD: u32 = 1;
/// At headers: let nothing come, with or without the flag (rule `BODY-2`).
pub(super) const HEADERS_STOP: u32 = 4;
/// In the body: keep everything, and show it together.
const DATA_BUFFER: u32 = 1;
/// In the body: keep what there is, without a limit.
pub(super) const DATA_PAUSE: u32 = 2;
/// In the body: keep nothing.
pub(super) const DATA_STOP: u32 = 3;
/// At trailers: wait.
pub(super) const TRAILERS_STOP: u32 = 1;

/// Where something is done: which message, and whether at its trailers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub direction: Direction,
    pub trailers: bool,
}

/// Performs a step of a body.
pub(super) fn data(step: Step, place: Place, state: &BodyState) -> u32 {
    let direction = place.direction;
    match step {
        Step::Go { length: Some(length) } if state.headers_held => {
            match correct_length(&mut Headers::new(direction.headers()), length) {
                Ok(()) => CONTINUE,
                Err(error) => {
                    fail(error);
                    DATA_STOP
                }
            }
        }
        Step::Go { .. } => CONTINUE,
        Step::Pause => DATA_PAUSE,
        Step::Buffer => DATA_BUFFER,
        Step::Take | Step::Ended => DATA_STOP,
        Step::TooLong => {
            too_long(place, state);
            DATA_STOP
        }
        Step::Lost => {
            sys::log(
                LogLevel::ERROR,
                "trailers came unannounced, and a module cannot put the body that it keeps before them: expect_trailers",
            );
            end(place, state, "tamis_unexpected_trailers");
            DATA_STOP
        }
        Step::Failed(error) => {
            sys::log(LogLevel::ERROR, &error.text());
            end(place, state, "tamis_host_error");
            DATA_STOP
        }
    }
}

/// Ends a stream whose plugin is not known. Even this may be refused; the stream then waits for the proxy's own timeout.
#[cold]
pub(super) fn refuse(kind: Kind) {
    sys::log(LogLevel::ERROR, "a stream belongs to no plugin; refusing it");
    let _ = match kind {
        Kind::Http => sys::send_local_response(500, "tamis_unknown_plugin", [], &[], -1),
        Kind::Tcp => sys::close_stream(sys::StreamType::DOWNSTREAM),
    };
}

/// Answers the stream. When the host refuses even that, the stream stays paused until the proxy's own timeout: going on
/// would let pass what the filter wanted to stop.
pub(super) fn respond(response: &Response) {
    if let Err(error) = response.send() {
        crate::log::parts(LogLevel::CRITICAL, &[&error.text(), "; the stream stays paused"]);
    }
}

/// Resets the stream.
pub(super) fn close(place: Place) {
    if place.trailers && place.direction == Direction::Response {
        // Closing it here would end the whole proxy (rule LR-12). An answer that comes too late resets the stream (LR-7).
        return respond(&Response::new(500).details("tamis_closed"));
    }
    if let Err(error) = sys::close_stream(place.direction.stream()) {
        crate::log::parts(LogLevel::CRITICAL, &[&error.text(), "; the stream stays paused"]);
    }
}

/// Answers 500 at headers, because the host refused a call.
pub(super) fn fail(error: HostError) {
    crate::log::parts(LogLevel::ERROR, &[&error.text(), "; answering 500"]);
    respond(&Response::new(500).details("tamis_host_error"));
}

fn too_long(place: Place, state: &BodyState) {
    if place.direction == Direction::Response && !state.headers_held {
        close(place);
        return;
    }
    match (&state.mode().refusal, place.direction) {
        (Some(refusal), _) => respond(refusal),
        (None, Direction::Request) => {
            respond(&Response::new(413).details("tamis_request_too_long").body("the request is too long\n"));
        }
        (None, Direction::Response) => {
            respond(&Response::new(502).details("tamis_response_too_long").body("the response is too long\n"));
        }
    }
}

/// Ends a stream whose body cannot be completed: with an answer while there can be one.
fn end(place: Place, state: &BodyState, details: &'static str) {
    if place.direction == Direction::Response && !state.headers_held {
        close(place);
    } else {
        respond(&Response::new(500).details(details));
    }
}
