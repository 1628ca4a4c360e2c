//! Where an answer waits until somebody looks.

use std::cell::Cell;
use std::task::{Context, Poll, Waker};

/// A place for one answer, and for who is to be told that it is there.
pub(crate) struct Slot<T> {
    answer: Cell<Option<T>>,
    waker: Cell<Option<Waker>>,
}

impl<T> Slot<T> {
    /// An answer that is there already.
    pub(crate) fn with(answer: T) -> Self {
        Self { answer: Cell::new(Some(answer)), ..Self::default() }
    }

    /// Puts the answer there, and wakes who waits for it.
    pub(crate) fn put(&self, answer: T) {
        self.answer.set(Some(answer));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The answer, once; or nothing yet, and a wake-up when it comes.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<T> {
        match self.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                self.waker.set(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { answer: Cell::new(None), waker: Cell::new(None) }
    }
}
