//! What waits, and who wakes it.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake};

use crate::sys::LogLevel;
use crate::{LastOutcome, LateOutcome, Outcome, RequestHandle, ResponseHandle, StreamError, TcpData};

/// A future on the heap.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;
/// A task's number.
pub(crate) type TaskId = u32;

/// What waits, with what is to be done when it has its outcome. By way of `dyn`, so that a filter has the code of those
/// phases only that wait in it.
pub(crate) trait Work {
    /// The stream that it is about; nothing for what is the plugin's own.
    fn stream(&self) -> Option<u32>;

    /// Goes on, as far as it can; what it comes to is done. It is handed back while it is not ready.
    fn poll(self: Box<Self>, context: &mut Context<'_>) -> Option<Box<dyn Work>>;

    /// A client of TCP has said more, and this is all of it. Whether it waits here.
    fn holds(&self, data: &TcpData) -> bool {
        let _ = data;
        false
    }
}

/// A future about a stream that stands still.
pub(crate) struct Held<T, H> {
    pub future: Boxed<T>,
    pub handle: H,
}

/// The plugin's own.
pub(crate) struct Aside(pub Boxed<()>);

/// What can make an outcome come true, for a stream that stands still.
pub(crate) trait Perform<T> {
    fn stream(&self) -> u32;
    fn perform(self, outcome: T) -> Result<(), StreamError>;

    /// See [`Work::holds`].
    fn holds(&self, data: &TcpData) -> bool {
        let _ = data;
        false
    }
}

impl<T: 'static, H: Perform<T> + 'static> Work for Held<T, H> {
    fn stream(&self) -> Option<u32> {
        Some(self.handle.stream())
    }

    fn poll(mut self: Box<Self>, context: &mut Context<'_>) -> Option<Box<dyn Work>> {
        match self.future.as_mut().poll(context) {
            Poll::Pending => return Some(self),
            Poll::Ready(outcome) => done(self.handle.perform(outcome)),
        }
        None
    }

    fn holds(&self, data: &TcpData) -> bool {
        self.handle.holds(data)
    }
}

impl Work for Aside {
    fn stream(&self) -> Option<u32> {
        None
    }

    fn poll(mut self: Box<Self>, context: &mut Context<'_>) -> Option<Box<dyn Work>> {
        self.0.as_mut().poll(context).is_pending().then_some(self)
    }
}

impl Perform<Outcome> for RequestHandle {
    fn stream(&self) -> u32 {
        self.stream()
    }

    fn perform(self, outcome: Outcome) -> Result<(), StreamError> {
        match outcome {
            Outcome::Continue => self.resume(),
            Outcome::Respond(response) => self.respond(&response),
            Outcome::Close => self.close(),
            Outcome::Pause(_) => Ok(()),
        }
    }
}

impl Perform<Outcome> for ResponseHandle {
    fn stream(&self) -> u32 {
        self.stream()
    }

    fn perform(self, outcome: Outcome) -> Result<(), StreamError> {
        match outcome {
            Outcome::Continue => self.resume(),
            Outcome::Respond(response) => self.respond(&response),
            Outcome::Close => self.close(),
            Outcome::Pause(_) => Ok(()),
        }
    }
}

impl Perform<LateOutcome> for ResponseHandle {
    fn stream(&self) -> u32 {
        self.stream()
    }

    fn perform(self, outcome: LateOutcome) -> Result<(), StreamError> {
        match outcome {
            LateOutcome::Continue => self.resume(),
            LateOutcome::Respond(replacement) => self.respond(&replacement.0),
            LateOutcome::Close => self.close(),
            LateOutcome::Pause(_) => Ok(()),
        }
    }
}

impl Perform<LastOutcome> for ResponseHandle {
    fn stream(&self) -> u32 {
        self.stream()
    }

    fn perform(self, outcome: LastOutcome) -> Result<(), StreamError> {
        match outcome {
            LastOutcome::Continue => self.resume(),
            LastOutcome::Pause(_) => Ok(()),
        }
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
