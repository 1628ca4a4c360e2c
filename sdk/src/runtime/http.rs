//! The phases of HTTP: what the exports call.

use super::exports::Runtime;
use super::streams::Bodies;
use super::{Plugin, perform};
use crate::body::{BodyState, Decision, Told, begin};
use crate::{
    BodyMode, Direction, Filter, Headers, LastOutcome, LateOutcome, Log, Outcome, RequestBody, RequestHeaders,
    RequestTrailers, ResponseBody, ResponseHeaders, ResponseTrailers,
};

use perform::{CONTINUE, DATA_PAUSE, DATA_STOP, HEADERS_HOLD, HEADERS_STOP, Place, TRAILERS_STOP};

const REQUEST_BODY: Place = Place { direction: Direction::Request, trailers: false };
const REQUEST_TRAILERS: Place = Place { direction: Direction::Request, trailers: true };
const RESPONSE_BODY: Place = Place { direction: Direction::Response, trailers: false };
const RESPONSE_TRAILERS: Place = Place { direction: Direction::Response, trailers: true };

/// What a stream's phase sees besides its state.
type Slot = Option<Box<Bodies>>;

impl<F: Filter + Plugin<State = <F as Filter>::Stream>> Runtime<F> {
    /// `proxy_on_request_headers`
    pub fn request_headers(&self, id: u32, end_of_stream: u32) -> u32 {
        self.phase(id, HEADERS_STOP, |filter, stream, bodies| {
            let mut request = RequestHeaders::new(id, end_of_stream != 0);
            let outcome = filter.request_headers(stream, &mut request);
            if F::HTTP.response_body
                && let Ok(headers) = request.headers.iter()
                && Told::by(Direction::Request, headers).tunnel
            {
                bodies.get_or_insert_default().tunnel = true;
            }
            let RequestHeaders { mut headers, mode, .. } = request;
            let result = headers_done(Direction::Request, outcome);
            match mode {
                Some(mode) if F::HTTP.request_body && end_of_stream == 0 => {
                    begin_body(Direction::Request, filter, result, mode, &mut headers, bodies)
                }
                _ => result,
            }
        })
    }

    /// `proxy_on_response_headers`
    pub fn response_headers(&self, id: u32, end_of_stream: u32) -> u32 {
        self.phase(id, HEADERS_STOP, |filter, stream, bodies| {
            let mut response = ResponseHeaders::new(id, end_of_stream != 0);
            let outcome = filter.response_headers(stream, &mut response);
            let ResponseHeaders { mut headers, mode, .. } = response;
            let result = headers_done(Direction::Response, outcome);
            match mode {
                Some(mode) if F::HTTP.response_body && end_of_stream == 0 => {
                    begin_body(Direction::Response, filter, result, mode, &mut headers, bodies)
                }
                _ => result,
            }
        })
    }

    /// `proxy_on_request_body`
    pub fn request_body(&self, id: u32, size: u32, end_of_stream: u32) -> u32 {
        self.phase(id, DATA_STOP, |filter, stream, bodies| {
            let Some(state) = state(bodies, Direction::Request) else { return CONTINUE };
            let held = state.headers_held;
            let memory = self.memory(filter.max_total_bytes());
            let step = state.data(size as usize, end_of_stream != 0, memory, &mut |body| {
                let outcome = filter.request_body(stream, &mut RequestBody::new(id, body, held));
                decide(REQUEST_BODY, outcome)
            });
            perform::data(step, REQUEST_BODY, state)
        })
    }

    /// `proxy_on_response_body`
    pub fn response_body(&self, id: u32, size: u32, end_of_stream: u32) -> u32 {
        self.phase(id, DATA_STOP, |filter, stream, bodies| {
            let Some(state) = state(bodies, Direction::Response) else { return CONTINUE };
            let held = state.headers_held;
            let memory = self.memory(filter.max_total_bytes());
            let step = state.data(size as usize, end_of_stream != 0, memory, &mut |body| {
                decide_late(RESPONSE_BODY, filter.response_body(stream, &mut ResponseBody::new(id, body, held)))
            });
            perform::data(step, RESPONSE_BODY, state)
        })
    }

    /// `proxy_on_request_trailers`
    pub fn request_trailers(&self, id: u32) -> u32 {
        self.phase(id, TRAILERS_STOP, |filter, stream, bodies| {
            let mut paused = false;
            if let Some(state) = state(bodies, Direction::Request) {
                let held = state.headers_held;
                let memory = self.memory(filter.max_total_bytes());
                let step = state.trailers(memory, &mut |body| {
                    let outcome = filter.request_body(stream, &mut RequestBody::new(id, body, held));
                    decide(REQUEST_TRAILERS, outcome)
                });
                match perform::data(step, REQUEST_TRAILERS, state) {
                    CONTINUE => {}
                    DATA_PAUSE => paused = true,
                    _ => return TRAILERS_STOP,
                }
            }
            let decision = decide(REQUEST_TRAILERS, filter.request_trailers(stream, &mut RequestTrailers::new(id)));
            if paused || decision != Decision::Continue { TRAILERS_STOP } else { CONTINUE }
        })
    }

    /// `proxy_on_response_trailers`
    pub fn response_trailers(&self, id: u32) -> u32 {
        self.phase(id, TRAILERS_STOP, |filter, stream, bodies| {
            let mut paused = false;
            if let Some(state) = state(bodies, Direction::Response) {
                let held = state.headers_held;
                let memory = self.memory(filter.max_total_bytes());
                let step = state.trailers(memory, &mut |body| {
                    decide_late(RESPONSE_TRAILERS, filter.response_body(stream, &mut ResponseBody::new(id, body, held)))
                });
                match perform::data(step, RESPONSE_TRAILERS, state) {
                    CONTINUE => {}
                    DATA_PAUSE => paused = true,
                    _ => return TRAILERS_STOP,
                }
            }
            match filter.response_trailers(stream, &mut ResponseTrailers::new(id)) {
                LastOutcome::Continue if !paused => CONTINUE,
                LastOutcome::Continue | LastOutcome::Pause(_) => TRAILERS_STOP,
            }
        })
    }

    /// `proxy_on_log`
    pub fn log(&self, id: u32) {
        self.enter(id, |filter, stream, _| filter.log(stream, &Log::new()));
    }
}

/// Performs what a phase of headers has decided.
#[inline]
fn headers_done(direction: Direction, outcome: Outcome) -> u32 {
    // A filter that always goes on has none of the rest in its module.
    if let Outcome::Continue = outcome { CONTINUE } else { stopped(direction, outcome) }
}

fn stopped(direction: Direction, outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Continue | Outcome::Pause(_) => {}
        Outcome::Respond(response) => perform::respond(&response),
        Outcome::Close => perform::close(Place { direction, trailers: false }),
    }
    HEADERS_STOP
}

/// Begins the body that a filter wants, when the headers' phase has come to `result`. A message that was paused goes on with
/// its headers; one that was ended has no body.
fn begin_body<F: Filter>(
    direction: Direction,
    filter: &F,
    result: u32,
    mode: BodyMode,
    headers: &mut Headers,
    bodies: &mut Slot,
) -> u32 {
    let tunnel = bodies.as_ref().is_some_and(|bodies| bodies.tunnel);
    let hold = result == CONTINUE && filter.held_headers();
    match begin(direction, mode, headers, tunnel, hold) {
        Ok(None) => result,
        Ok(Some(state)) => {
            let held = state.headers_held;
            *bodies.get_or_insert_default().of(direction) = Some(state);
            if held { HEADERS_HOLD } else { result }
        }
        Err(error) => {
            perform::fail(error);
            HEADERS_STOP
        }
    }
}

fn state(bodies: &mut Slot, direction: Direction) -> Option<&mut BodyState> {
    bodies.as_mut()?.of(direction).as_mut()
}

fn decide(place: Place, outcome: Outcome) -> Decision {
    match outcome {
        Outcome::Continue => return Decision::Continue,
        Outcome::Pause(_) => return Decision::Pause,
        Outcome::Respond(response) => perform::respond(&response),
        Outcome::Close => perform::close(place),
    }
    Decision::Ended
}

fn decide_late(place: Place, outcome: LateOutcome) -> Decision {
    match outcome {
        LateOutcome::Continue => return Decision::Continue,
        LateOutcome::Pause(_) => return Decision::Pause,
        LateOutcome::Respond(replacement) => perform::respond(&replacement.0),
        LateOutcome::Close => perform::close(place),
    }
    Decision::Ended
}
