//! A call under way.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::{GrpcError, GrpcFailure, GrpcRequest};
use crate::GrpcStatus;
use crate::callouts::{CallId, Current, Event, Executor, Inbox, Slot, Ticket, milliseconds};
use crate::sys::{self, LogLevel, Status};

/// A call that is under way; `await` it for the answer. Dropped, it is cancelled.
#[must_use = "the answer comes to whoever awaits it"]
pub struct GrpcCall(State);

enum State {
    /// It was never on its way.
    Refused(Slot<Result<Vec<u8>, GrpcError>>),
    UnderWay {
        _grpc: Cancelling,
        inbox: Rc<CallInbox>,
    },
}

/// A ticket of gRPC: what may still come when it is dropped is cancelled.
pub(super) struct Cancelling(pub(super) Ticket);

impl Drop for Cancelling {
    fn drop(&mut self) {
        if self.0.forget() {
            cancel(self.0.token());
        }
    }
}

/// One that is over needs nothing.
pub(super) fn cancel(token: u32) {
    if let Err(error) = sys::grpc_cancel(token)
        && error.status() != Status::NOT_FOUND
    {
        crate::log::parts(LogLevel::WARN, &[&error.text(), "; a gRPC callout goes on for nobody"]);
    }
}

impl GrpcCall {
    pub(super) fn new(request: &GrpcRequest, message: &[u8]) -> Self {
        match under_way(request, message) {
            Ok(state) => Self(state),
            Err(error) => Self(State::Refused(Slot::with(Err(error)))),
        }
    }
}

fn under_way(request: &GrpcRequest, message: &[u8]) -> Result<State, GrpcError> {
    let current = Current::get().ok_or(GrpcError::Undeclared)?;
    let inbox = Rc::new(CallInbox { max: request.max_message, answer: Slot::default() });
    let make = || {
        let token = request.with_parts(|parts| sys::grpc_call(parts, message, milliseconds(request.timeout)))?;
        token.map(CallId::grpc).map_err(GrpcError::refused)
    };
    let ticket = Executor::call(&current, make, inbox.clone()).map_err(|_| GrpcError::TooMany)??;
    Ok(State::UnderWay { _grpc: Cancelling(ticket), inbox })
}

impl Future for GrpcCall {
    type Output = Result<Vec<u8>, GrpcError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &self.0 {
            State::Refused(answer) => answer.poll(context),
            State::UnderWay { inbox, .. } => inbox.answer.poll(context),
        }
    }
}

impl fmt::Debug for GrpcCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcCall").finish_non_exhaustive()
    }
}

/// Where the answer goes until somebody looks.
struct CallInbox {
    max: usize,
    answer: Slot<Result<Vec<u8>, GrpcError>>,
}

impl Inbox for CallInbox {
    fn deliver(&self, event: Event) -> bool {
        let answer = match event {
            Event::GrpcMessage(bytes) => message(bytes, self.max),
            // A call that ends well has told its message before (rule GRPC-2).
            Event::GrpcClose(status) => Err(GrpcError::Status(
                GrpcFailure::take(status).unwrap_or(GrpcFailure { status: GrpcStatus::UNKNOWN, message: Vec::new() }),
            )),
            _ => return false,
        };
        self.answer.put(answer);
        true
    }
}

/// Takes the message that the host tells of.
pub(super) fn message(bytes: u32, max: usize) -> Result<Vec<u8>, GrpcError> {
    match bytes as usize {
        0 => Ok(Vec::new()),
        bytes if bytes > max => Err(GrpcError::TooLong),
        bytes => sys::buffer(sys::GRPC_MESSAGE, 0, bytes).map_err(GrpcError::Host),
    }
}
