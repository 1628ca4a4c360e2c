//! Several timers over the one that the proxy has for a plugin.
//!
//! A filter keeps [`Timers`] in its plugin, with whatever is to be done as their values, and takes what is due in its phase
//! [`tick`](crate::Filter::tick). Such a value can be the handle of a request that waits.
//!
//! ```
//! use std::time::Duration;
//! use tamis::timer::Timers;
//! use tamis::{ConfigError, Filter, NoConfig, Outcome, PluginContext, RequestHandle, RequestHeaders};
//!
//! /// Lets each request wait for a moment; at most a thousand at once.
//! struct Slow {
//!     waiting: Timers<RequestHandle>,
//! }
//!
//! #[tamis::filter]
//! impl Filter for Slow {
//!     fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
//!         Ok(Self { waiting: Timers::new(1000) })
//!     }
//!
//!     fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
//!         let (paused, handle) = request.pause();
//!         match self.waiting.after(Duration::from_millis(20), handle) {
//!             Ok(_) => paused.into(),
//!             Err(_) => Outcome::Continue,
//!         }
//!     }
//!
//!     fn tick(&self, _: &PluginContext) {
//!         for request in self.waiting.due().unwrap_or_default() {
//!             // A request that is gone by now needs nothing.
//!             let _ = request.resume();
//!         }
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! The proxy's timer belongs to a plugin on one thread, so each worker has these timers on its own, and the main thread too
//! (rule `TICK-2`). They end with the plugin: one that is to outlive a changed configuration answers
//! [`Shutdown::Later`](crate::Shutdown::Later) until it has none left.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::HostError;
use crate::{clock, sys};

/// Timers, each with what is to be done when it is due. A plugin has one of these, because the proxy has one timer for it.
#[derive(Debug)]
pub struct Timers<T> {
    state: RefCell<State<T>>,
    max: usize,
}

/// A timer, for [`Timers::cancel`]: the time at which it is due, and a number that tells it from others of that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId(Duration, u64);

/// Why there is no timer. It hands back what was to be done.
#[derive(Debug, thiserror::Error)]
pub enum TimerError<T> {
    /// There are as many as there may be.
    #[error("there are as many timers as there may be")]
    Full(T),
    /// The proxy refused a call.
    #[error("{1}")]
    Host(T, HostError),
}

impl<T> TimerError<T> {
    /// What was to be done.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(what) | Self::Host(what, _) => what,
        }
    }
}

#[derive(Debug)]
struct State<T> {
    pending: BTreeMap<TimerId, T>,
    created: u64,
    /// The time of the proxy's next tick, when it was set for one.
    armed: Option<Duration>,
}

impl<T> Timers<T> {
    /// No timers yet; there are never more than `max` at a time.
    #[must_use]
    pub const fn new(max: usize) -> Self {
        Self { state: RefCell::new(State { pending: BTreeMap::new(), created: 0, armed: None }), max }
    }

    /// Has `what` due after `delay`, which counts in whole milliseconds, rounded up, and at least one.
    ///
    /// # Errors
    ///
    /// [`TimerError::Full`] beyond the most that there may be, [`TimerError::Host`] when the proxy has no clock or no timer.
    pub fn after(&self, delay: Duration, what: T) -> Result<TimerId, TimerError<T>> {
        let mut state = self.state.borrow_mut();
        if state.pending.len() >= self.max {
            return Err(TimerError::Full(what));
        }
        let now = match clock::monotonic() {
            Ok(now) => now,
            Err(error) => return Err(TimerError::Host(what, error)),
        };
        let due = now.saturating_add(delay);
        if state.armed.is_none_or(|armed| due < armed) {
            match arm(now, Some(due)) {
                Ok(armed) => state.armed = armed,
                Err(error) => return Err(TimerError::Host(what, error)),
            }
        }
        state.created = state.created.wrapping_add(1);
        let id = TimerId(due, state.created);
        state.pending.insert(id, what);
        Ok(id)
    }

    /// Takes a timer back, with what was to be done; nothing when it was due already.
    pub fn cancel(&self, id: TimerId) -> Option<T> {
        self.state.borrow_mut().pending.remove(&id)
    }

    /// Takes all that is due, the earliest first, and sets the proxy's timer for the next. Call it in every tick.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses a call. Nothing is lost then: the next call finds it.
    pub fn due(&self) -> Result<Vec<T>, HostError> {
        let mut state = self.state.borrow_mut();
        let now = clock::monotonic()?;
        let next = state.pending.range(TimerId(now, u64::MAX)..).next().map(|(id, _)| id.0);
        state.armed = arm(now, next)?;
        let later = state.pending.split_off(&TimerId(now, u64::MAX));
        Ok(std::mem::replace(&mut state.pending, later).into_values().collect())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.borrow().pending.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Who sets the proxy's timer where it is shared: what time it is, when these timers are due.
pub(crate) type Share = fn(Duration, Option<Duration>) -> Result<Option<Duration>, HostError>;

thread_local! {
    static SHARE: Cell<Option<Share>> = const { Cell::new(None) };
}

/// Shares the proxy's timer, or no longer; the answer is who shared it before.
pub(crate) fn share(share: Option<Share>) -> Option<Share> {
    SHARE.replace(share)
}

/// Has the proxy tick when these timers are due.
fn arm(now: Duration, due: Option<Duration>) -> Result<Option<Duration>, HostError> {
    match SHARE.get() {
        Some(share) => share(now, due),
        None => set(now, due),
    }
}

/// Sets the proxy's timer, or ends it; the answer is when it will tick.
pub(crate) fn set(now: Duration, due: Option<Duration>) -> Result<Option<Duration>, HostError> {
    let milliseconds = due.map_or(0, |due| period(due.saturating_sub(now)));
    sys::set_tick_period(milliseconds)?;
    Ok(due.map(|_| now.saturating_add(Duration::from_millis(u64::from(milliseconds)))))
}

/// A time as a period of the proxy: rounded up, so that it is over at the tick, and never 0, which would be "none".
fn period(time: Duration) -> u32 {
    let milliseconds = clock::milliseconds(time);
    // Beyond a day the timer ticks in between, for nothing.
    u32::try_from(milliseconds).unwrap_or(u32::MAX).clamp(1, 86_400_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;

    #[test]
    fn periods_are_rounded_up_and_never_none() {
        let cases = [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(1), 1),
            (Duration::from_micros(1001), 2),
            (Duration::from_secs(60), 60_000),
            (Duration::from_secs(1_000_000), 86_400_000),
            (Duration::MAX, 86_400_000),
        ];
        for (time, milliseconds) in cases {
            assert_eq!(period(time), milliseconds, "{time:?}");
        }
    }

    #[test]
    fn what_was_to_be_done_comes_back() {
        let error = Timers::new(0).after(Duration::ZERO, "a").unwrap_err();
        assert!(matches!(error, TimerError::Full("a")));
        // Natively without a host there is no clock.
        let timers = Timers::new(1);
        let error = timers.after(Duration::ZERO, "b").unwrap_err();
        assert!(matches!(&error, TimerError::Host(_, host) if host.status() == Status::UNIMPLEMENTED));
        assert_eq!((error.into_inner(), timers.len()), ("b", 0));
    }
}
