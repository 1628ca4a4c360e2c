//! What waits, and who wakes it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake};

use crate::sys::LogLevel;
use crate::{LastOutcome, LateOutcome, Outcome, RequestHandle, ResponseHandle, StreamError};

/// A future on the heap.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;
/// A task's number.
pub(crate) type TaskId = u32;

/// A future, with what is to be done with its output.
pub(crate) enum Work {
    /// A request that waits.
    Request(Boxed<Outcome>, RequestHandle),
    /// A response that waits at its headers.
    Response(Boxed<Outcome>, ResponseHandle),
    /// A response that waits in its body.
    ResponseBody(Boxed<LateOutcome>, ResponseHandle),
    /// A response that waits at its trailers.
    ResponseTrailers(Boxed<LastOutcome>, ResponseHandle),
    /// The plugin's own.
    Plugin(Boxed<()>),
}

impl Work {
    /// The context that it is about.
    pub(crate) fn owner(&self) -> Option<u32> {
        match self {
            Self::Request(_, handle) => Some(handle.stream()),
            Self::Response(_, handle) | Self::ResponseBody(_, handle) | Self::ResponseTrailers(_, handle) => {
                Some(handle.stream())
            }
            Self::Plugin(_) => None,
        }
    }

    /// Goes on, as far as it can; what it comes to is done. It is handed back while it is not ready.
    pub(crate) fn poll(self, context: &mut Context<'_>) -> Option<Self> {
        match self {
            Self::Request(mut future, handle) => match future.as_mut().poll(context) {
                Poll::Pending => return Some(Self::Request(future, handle)),
                Poll::Ready(Outcome::Continue) => done(handle.resume()),
                Poll::Ready(Outcome::Respond(response)) => done(handle.respond(&response)),
                Poll::Ready(Outcome::Close) => done(handle.close()),
                Poll::Ready(Outcome::Pause(_)) => {}
            },
            Self::Response(mut future, handle) => match future.as_mut().poll(context) {
                Poll::Pending => return Some(Self::Response(future, handle)),
                Poll::Ready(Outcome::Continue) => done(handle.resume()),
                Poll::Ready(Outcome::Respond(response)) => done(handle.respond(&response)),
                Poll::Ready(Outcome::Close) => done(handle.close()),
                Poll::Ready(Outcome::Pause(_)) => {}
            },
            Self::ResponseBody(mut future, handle) => match future.as_mut().poll(context) {
                Poll::Pending => return Some(Self::ResponseBody(future, handle)),
                Poll::Ready(LateOutcome::Continue) => done(handle.resume()),
                Poll::Ready(LateOutcome::Respond(replacement)) => done(handle.respond(&replacement.0)),
                Poll::Ready(LateOutcome::Close) => done(handle.close()),
                Poll::Ready(LateOutcome::Pause(_)) => {}
            },
            Self::ResponseTrailers(mut future, handle) => match future.as_mut().poll(context) {
                Poll::Pending => return Some(Self::ResponseTrailers(future, handle)),
                Poll::Ready(LastOutcome::Continue) => done(handle.resume()),
                Poll::Ready(LastOutcome::Pause(_)) => {}
            },
            Self::Plugin(mut future) => match future.as_mut().poll(context) {
                Poll::Pending => return Some(Self::Plugin(future)),
                Poll::Ready(()) => {}
            },
        }
        None
    }
}

/// A stream that is gone needs nothing.
fn done(result: Result<(), StreamError>) {
    match result {
        Ok(()) | Err(StreamError::Gone) => {}
        Err(StreamError::Host(error)) => {
            crate::log::parts(LogLevel::CRITICAL, &[&error.text(), "; the stream stays paused"]);
        }
        Err(_) => crate::log::parts(LogLevel::CRITICAL, &["a stream cannot be resumed; it stays paused"]),
    }
}

/// The tasks that are ready to go on, each once.
#[derive(Debug, Default)]
pub(crate) struct Ready(Mutex<Vec<TaskId>>);

impl Ready {
    pub(crate) fn take(&self) -> Vec<TaskId> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, task: TaskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    fn remove(&self, task: TaskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|ready| *ready != task);
    }
}

/// A task's waker: it holds no part of the task.
#[derive(Debug)]
pub(crate) struct TaskWaker {
    task: TaskId,
    ready: Arc<Ready>,
    woken: AtomicBool,
}

impl TaskWaker {
    pub(crate) fn new(task: TaskId, ready: Arc<Ready>) -> Self {
        Self { task, ready, woken: AtomicBool::new(false) }
    }

    /// Notes that the task goes on now, so that it can be woken again.
    pub(crate) fn rearm(&self) {
        self.woken.store(false, Ordering::Relaxed);
    }

    /// Whether it was woken; it then is no more.
    pub(crate) fn take(&self) -> bool {
        let woken = self.woken.swap(false, Ordering::Relaxed);
        if woken {
            self.ready.remove(self.task);
        }
        woken
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::Relaxed) {
            self.ready.push(self.task);
        }
    }
}
