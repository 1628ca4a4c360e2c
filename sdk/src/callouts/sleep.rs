//! Waiting for time to pass.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::executor::Ticks;
use super::{Current, Executor};
use crate::sys::LogLevel;
use crate::{HostError, clock, timer};

/// The time was over first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time is over")]
pub struct TimedOut;

/// Waits for so long: in whole milliseconds, rounded up, and at least one.
///
/// ```
/// # use std::time::Duration;
/// # use tamis::callouts::{HttpError, HttpRequest, HttpResponse, sleep};
/// async fn again(request: HttpRequest) -> Result<HttpResponse, HttpError> {
///     match request.send().await {
///         Err(HttpError::Unreachable) => {
///             sleep(Duration::from_millis(50)).await;
///             request.send().await
///         }
///         answer => answer,
///     }
/// }
/// ```
///
/// It goes by the plugin's one timer, which it shares with [`Timers`](crate::timer::Timers): the phase
/// [`tick`](crate::Filter::tick) then runs more often than those are due. Where the proxy has no timer, the log says so and it
/// does not wait.
pub fn sleep(time: Duration) -> Sleep {
    Sleep { time, set: None }
}

/// Waits for a future, but no longer than this; the future is then dropped.
///
/// ```
/// # use std::time::Duration;
/// # use tamis::callouts::{HttpRequest, join, timeout};
/// # async fn f() -> bool {
/// let both = join(HttpRequest::get("a", "a", "/").send(), HttpRequest::get("b", "b", "/").send());
/// timeout(Duration::from_millis(300), both).await.is_ok()
/// # }
/// ```
///
/// # Errors
///
/// [`TimedOut`] when the future was not ready by then.
pub async fn timeout<T>(time: Duration, future: impl Future<Output = T>) -> Result<T, TimedOut> {
    let (mut future, mut sleep) = (pin!(future), sleep(time));
    poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => Pin::new(&mut sleep).poll(context).map(|()| Err(TimedOut)),
    })
    .await
}

/// What [`sleep`] returns.
#[must_use = "time passes for whoever awaits it"]
pub struct Sleep {
    time: Duration,
    set: Option<Set>,
}

/// A sleep that has begun.
struct Set {
    alarms: Weak<Alarms>,
    alarm: Alarm,
}

/// An alarm: the plugin's root, when it is due, and a number that tells it from others of that time.
type Alarm = (u32, Duration, u64);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(Set { alarms, alarm }) = &self.set {
            let waits = alarms.upgrade().is_some_and(|alarms| alarms.set(*alarm, context.waker()));
            return if waits { Poll::Pending } else { Poll::Ready(()) };
        }
        let Some(current) = Current::get() else { return Poll::Ready(()) };
        match begin(&current, self.time, context.waker()) {
            Ok(set) => {
                self.set = Some(set);
                Poll::Pending
            }
            Err(error) => {
                crate::log::parts(LogLevel::ERROR, &[&error.text(), "; a filter cannot sleep"]);
                Poll::Ready(())
            }
        }
    }
}

fn begin(current: &Current, time: Duration, waker: &Waker) -> Result<Set, HostError> {
    let now = clock::monotonic()?;
    let alarms = alarms(&current.executor);
    let alarm = (current.root, now.saturating_add(time), alarms.number());
    alarms.pending.borrow_mut().insert(alarm, waker.clone());
    let set = Set { alarms: Rc::downgrade(&alarms), alarm };
    alarms.arm(current.root, current.executor.timers(current.root))?;
    Ok(set)
}

impl Drop for Set {
    fn drop(&mut self) {
        if let Some(alarms) = self.alarms.upgrade() {
            let waker = alarms.pending.borrow_mut().remove(&self.alarm);
            drop(waker);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("time", &self.time).finish_non_exhaustive()
    }
}

/// All that sleeps in a VM.
#[derive(Default)]
pub(super) struct Alarms {
    pending: RefCell<BTreeMap<Alarm, Waker>>,
    created: Cell<u64>,
}

impl Alarms {
    fn number(&self) -> u64 {
        self.created.set(self.created.get().wrapping_add(1));
        self.created.get()
    }

    /// Has it wake this one, if it is still pending.
    fn set(&self, alarm: Alarm, waker: &Waker) -> bool {
        match self.pending.borrow_mut().get_mut(&alarm) {
            Some(old) => {
                old.clone_from(waker);
                true
            }
            None => false,
        }
    }
}

impl Alarms {
    fn wake_due(&self, root: u32, now: Duration) {
        loop {
            let due = self.pending.borrow().range(..=(root, now, u64::MAX)).next_back().map(|(alarm, _)| *alarm);
            let waker = match due {
                Some(alarm) if alarm.0 == root => self.pending.borrow_mut().remove(&alarm),
                _ => return,
            };
            waker.into_iter().for_each(Waker::wake);
        }
    }

    fn next(&self, root: u32) -> Option<Duration> {
        let pending = self.pending.borrow();
        let (alarm, _) = pending.range((root, Duration::ZERO, 0)..).next()?;
        (alarm.0 == root).then_some(alarm.1)
    }
}

impl Ticks for Alarms {
    fn wake(&self, root: u32) {
        if let Ok(now) = clock::monotonic() {
            self.wake_due(root, now);
        }
    }

    fn arm(&self, root: u32, timers: Option<Duration>) -> Result<Option<Duration>, HostError> {
        let due = [timers, self.next(root)].into_iter().flatten().min();
        timer::set(clock::monotonic()?, due)
    }

    fn any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}

/// The VM's own; there are some from the first sleep on.
fn alarms(executor: &Executor) -> Rc<Alarms> {
    if let Some(alarms) = executor.sleepers().and_then(|sleepers| sleepers.any().downcast().ok()) {
        return alarms;
    }
    let new = Rc::new(Alarms::default());
    executor.set_sleepers(new.clone());
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_due_each_for_its_root_and_at_its_time() {
        let alarms = Alarms::default();
        let ms = Duration::from_millis;
        for alarm in [(1, ms(5), 1), (1, ms(5), 2), (1, ms(9), 3), (2, ms(1), 4), (0, ms(3), 5)] {
            alarms.pending.borrow_mut().insert(alarm, Waker::noop().clone());
        }
        assert_eq!([0, 1, 2, 3].map(|root| alarms.next(root)), [Some(ms(3)), Some(ms(5)), Some(ms(1)), None]);
        alarms.wake_due(1, ms(4));
        assert_eq!(alarms.pending.borrow().len(), 5);
        alarms.wake_due(1, ms(5));
        assert_eq!(alarms.next(1), Some(ms(9)));
        assert_eq!(alarms.pending.borrow().len(), 3);
        alarms.wake_due(2, ms(100));
        assert_eq!([0, 1, 2].map(|root| alarms.next(root)), [Some(ms(3)), Some(ms(9)), None]);
    }
}
