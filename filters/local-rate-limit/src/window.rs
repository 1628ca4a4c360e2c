//! One limit, and the eight bytes that say how much of it is used.
//!
//! Two algorithms, each with one number per counter, so that a counter is changed by one compare-and-swap:
//!
//! * **GCRA** keeps the time at which the counter will be unused again (its *theoretical arrival time*). Each request
//!   moves it by `period / requests`, and may as long as it is not more than `burst` such steps ahead. In any interval `t` at most
//!   `burst + requests·t/period` are admitted. (ITU-T I.371, 1996; the variant with a virtual schedule.)
//! * **A fixed window** keeps the window's end and how many were admitted in it: exactly so many per window of the clock,
//!   and up to twice as many around an end.
//!
//! A number says by itself whether it is past, without the limit it belongs to: a counter that nobody needs any more can be
//! given to somebody else by whoever finds it.

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;

/// The time, in nanoseconds since 1970: a monotone clock that was set once (see [`crate::origin`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now(pub u64);

/// How much of one limit is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State(u64);

/// A limit: so many in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    algorithm: Algorithm,
    requests: u64,
    /// In seconds.
    period: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    /// What one request moves the time by, and how far ahead it may be. In nanoseconds.
    Gcra { step: u64, ahead: u64 },
    /// As long as the period.
    Fixed,
}

/// What a request has taken from a counter: enough to give it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Where in time it stands: the beginning of its steps, or the end of its window in seconds.
    pub at: u64,
    /// How many.
    pub count: u64,
}

/// How a counter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many more it would admit now.
    pub remaining: u64,
    /// Nanoseconds until it is unused again.
    pub reset: u64,
}

/// Why a limit cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWindow {
    /// Nothing would ever pass, or the numbers are too large for a counter.
    #[error("expected a number of requests from 1 to 16777215")]
    Requests,
    /// The period is no number of seconds that a clock can have.
    #[error("expected a period from 1 second to 366 days")]
    Period,
    /// More than one request per microsecond.
    #[error("expected at most 1000000 requests per second")]
    Rate,
    /// The burst is none, or takes too long to come back.
    #[error("expected a burst from 1 to 1000000000 that comes back within 366 days")]
    Burst,
}

/// The largest count of a window: 24 bits.
pub const MAX_REQUESTS: u64 = (1 << COUNT_BITS) - 1;
const COUNT_BITS: u32 = 24;
/// Tells the two algorithms' numbers apart. As a time in nanoseconds it would be in the year 2262.
const FIXED: u64 = 1 << 63;
const LONGEST: u64 = 366 * 24 * 3600;

impl Window {
    /// At most `requests` in `period` seconds on average, and `burst` at once.
    ///
    /// # Errors
    ///
    /// [`InvalidWindow`] for numbers that are out of their bounds.
    pub fn gcra(requests: u64, period: u64, burst: u64) -> Result<Self, InvalidWindow> {
        let window = Self::checked(Algorithm::Fixed, requests, period)?;
        if requests > period.saturating_mul(1_000_000) {
            return Err(InvalidWindow::Rate);
        }
        // Rounded up, so that the rate is never exceeded: by less than a thousandth of it.
        let step = (period * SECOND).div_ceil(requests);
        let ahead = step.checked_mul(burst).filter(|ahead| *ahead <= LONGEST * SECOND);
        let burst = (1..=1_000_000_000).contains(&burst);
        let ahead = ahead.filter(|_| burst).ok_or(InvalidWindow::Burst)?;
        Ok(Self { algorithm: Algorithm::Gcra { step, ahead }, ..window })
    }

    /// At most `requests` in each window of `period` seconds. Windows begin where the clock is a multiple of the period.
    ///
    /// # Errors
    ///
    /// [`InvalidWindow`] for numbers that are out of their bounds.
    pub fn fixed(requests: u64, period: u64) -> Result<Self, InvalidWindow> {
        Self::checked(Algorithm::Fixed, requests, period)
    }

    fn checked(algorithm: Algorithm, requests: u64, period: u64) -> Result<Self, InvalidWindow> {
        if !(1..=MAX_REQUESTS).contains(&requests) {
            return Err(InvalidWindow::Requests);
        }
        if !(1..=LONGEST).contains(&period) {
            return Err(InvalidWindow::Period);
        }
        Ok(Self { algorithm, requests, period })
    }

    /// Its requests, for `RateLimit-Policy`.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Its period in seconds.
    #[must_use]
    pub fn period(&self) -> u64 {
        self.period
    }

    /// How many an unused counter admits at once: what no cost can be above.
    #[must_use]
    pub fn most(&self) -> u64 {
        match self.algorithm {
            Algorithm::Gcra { step, ahead } => ahead / step,
            Algorithm::Fixed => self.requests,
        }
    }

    /// How a counter stands.
    #[must_use]
    pub fn standing(&self, state: State, now: Now) -> Standing {
        match self.algorithm {
            Algorithm::Gcra { step, ahead } => {
                let used = self.from(state, now).saturating_sub(now.0);
                Standing { remaining: ahead.saturating_sub(used) / step, reset: used }
            }
            Algorithm::Fixed => {
                let end = self.end(now);
                let remaining = self.requests.saturating_sub(state.count_until(end));
                Standing { remaining, reset: (end * SECOND).saturating_sub(now.0) }
            }
        }
    }

    /// Takes `count` from a counter that [`standing`](Self::standing) says has them.
    #[must_use]
    pub fn charge(&self, state: State, count: u64, now: Now) -> (State, Charge) {
        match self.algorithm {
            Algorithm::Gcra { step, .. } => {
                let at = self.from(state, now);
                (State(at.saturating_add(times(step, count))), Charge { at, count })
            }
            Algorithm::Fixed => {
                let at = self.end(now);
                (State::of_window(at, state.count_until(at).saturating_add(count)), Charge { at, count })
            }
        }
    }

    /// Gives a charge back, as far as time has not done so already.
    ///
    /// A GCRA charge stands for the time from its beginning to its end. What of that has passed was given back by the clock;
    /// giving it twice would admit more than the limit.
    #[must_use]
    pub fn refund(&self, state: State, charge: &Charge, now: Now) -> State {
        match self.algorithm {
            Algorithm::Gcra { step, .. } => {
                let whole = times(step, charge.count);
                let left = charge.at.saturating_add(whole).saturating_sub(now.0).min(whole);
                State(self.from(state, now).saturating_sub(left))
            }
            Algorithm::Fixed => match state.count_until(charge.at) {
                0 => state,
                count => State::of_window(charge.at, count.saturating_sub(charge.count)),
            },
        }
    }

    /// Nanoseconds until a counter admits `count`; 0 when it does now.
    #[must_use]
    pub fn wait(&self, state: State, count: u64, now: Now) -> u64 {
        match self.algorithm {
            Algorithm::Gcra { step, ahead } => {
                let end = self.from(state, now).saturating_add(times(step, count));
                end.saturating_sub(now.0.saturating_add(ahead))
            }
            Algorithm::Fixed => {
                let end = self.end(now);
                let is_free = state.count_until(end).saturating_add(count) <= self.requests;
                if is_free { 0 } else { (end * SECOND).saturating_sub(now.0) }
            }
        }
    }

    /// Until when what was taken may be used: to the window's end, or for good.
    #[must_use]
    pub fn usable_until(&self, now: Now) -> Now {
        match self.algorithm {
            Algorithm::Gcra { .. } => Now(u64::MAX),
            Algorithm::Fixed => Now(self.end(now) * SECOND),
        }
    }

    /// The end of the window in which now is, in seconds.
    fn end(&self, now: Now) -> u64 {
        let seconds = now.0 / SECOND;
        seconds - seconds % self.period + self.period
    }

    /// Where the next charge of a GCRA counter begins: not before now, and not further ahead than may be, which a number
    /// can be that another limit or another plugin has left.
    fn from(&self, state: State, now: Now) -> u64 {
        let (Algorithm::Gcra { ahead, .. }, false) = (self.algorithm, state.is_of_window()) else { return now.0 };
        state.0.clamp(now.0, now.0.saturating_add(ahead))
    }
}

impl State {
    /// The state with this number, as it is stored.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// Whether it says nothing any more.
    #[must_use]
    pub fn is_past(self, now: Now) -> bool {
        let end = if self.is_of_window() { self.end().saturating_mul(SECOND) } else { self.0 };
        end <= now.0
    }

    fn of_window(end: u64, count: u64) -> Self {
        Self(FIXED | end << COUNT_BITS | count.min(MAX_REQUESTS))
    }

    fn is_of_window(self) -> bool {
        self.0 & FIXED != 0
    }

    fn end(self) -> u64 {
        (self.0 & !FIXED) >> COUNT_BITS
    }

    /// How many were counted in the window that ends then. Another window's count is none.
    fn count_until(self, end: u64) -> u64 {
        if self.is_of_window() && self.end() == end { self.0 & MAX_REQUESTS } else { 0 }
    }
}

/// So many steps. Most requests take one, and the other multiplication has 128 bits.
fn times(step: u64, count: u64) -> u64 {
    if count == 1 { step } else { step.saturating_mul(count) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Charges one if the counter has it.
    fn admit(window: &Window, state: &mut State, now: u64) -> Option<Charge> {
        let now = Now(now);
        if window.standing(*state, now).remaining == 0 {
            return None;
        }
        let (next, charge) = window.charge(*state, 1, now);
        *state = next;
        Some(charge)
    }

    #[test]
    fn gcra_admits_the_burst_and_then_the_rate() {
        let window = Window::gcra(2, 1, 3).unwrap();
        let mut state = State::default();
        let start = 1_000 * SECOND;
        let admitted = (0..10).filter(|_| admit(&window, &mut state, start).is_some()).count();
        assert_eq!(admitted, 3);
        assert_eq!(window.wait(state, 1, Now(start)), SECOND / 2);
        assert_eq!(window.wait(state, 2, Now(start)), SECOND);
        assert!(admit(&window, &mut state, start + SECOND / 2 - 1).is_none());
        assert!(admit(&window, &mut state, start + SECOND / 2).is_some());
        assert_eq!(window.standing(state, Now(start + SECOND / 2)), Standing { remaining: 0, reset: 3 * SECOND / 2 });
    }

    #[test]
    fn a_fixed_window_admits_so_many_and_begins_with_the_clock() {
        let window = Window::fixed(2, 60).unwrap();
        let mut state = State::default();
        let admitted = |state: &mut State, at| (0..5).filter(|_| admit(&window, state, at).is_some()).count();
        assert_eq!(admitted(&mut state, 119 * SECOND), 2);
        assert_eq!(window.wait(state, 1, Now(119 * SECOND)), SECOND);
        assert!(!state.is_past(Now(120 * SECOND - 1)) && state.is_past(Now(120 * SECOND)));
        assert_eq!(admitted(&mut state, 120 * SECOND), 2);
    }

    #[test]
    fn bounds_are_checked() {
        use InvalidWindow::{Burst, Period, Rate, Requests};
        let cases = [
            (Window::fixed(0, 1), Requests),
            (Window::fixed(1 << 24, 1), Requests),
            (Window::fixed(1, 0), Period),
            (Window::fixed(1, u64::MAX), Period),
            (Window::gcra(1_000_001, 1, 1), Rate),
            (Window::gcra(1, 1, 0), Burst),
            (Window::gcra(1, LONGEST, 2), Burst),
            (Window::gcra(1, LONGEST, u64::MAX), Burst),
        ];
        for (window, error) in cases {
            assert_eq!(window, Err(error));
        }
        assert!(Window::gcra(16_777_215, 60, 1_000_000_000).is_ok());
    }

    /// A number that another limit, another period or another plugin has left.
    #[test]
    fn a_foreign_number_never_locks_a_counter_for_longer_than_the_limit() {
        let (gcra, fixed) = (Window::gcra(1, 10, 2).unwrap(), Window::fixed(2, 60).unwrap());
        let now = Now(1_000_000 * SECOND);
        for number in [u64::MAX, FIXED - 1, FIXED, 0, now.0 + 1_000 * SECOND] {
            let state = State::from_number(number);
            assert!(gcra.wait(state, 1, now) <= 10 * SECOND, "{number}");
            assert!(fixed.wait(state, 1, now) <= 60 * SECOND, "{number}");
        }
        assert_eq!(gcra.standing(State::from_number(FIXED - 1), now).remaining, 0, "used up, not unused");
    }

    fn windows() -> impl Strategy<Value = Window> {
        let gcra = (1..50_u64, 1..20_u64, 1..50_u64);
        prop_oneof![
            gcra.prop_map(|(requests, period, burst)| Window::gcra(requests, period, burst).unwrap()),
            (1..50_u64, 1..20_u64).prop_map(|(requests, period)| Window::fixed(requests, period).unwrap()),
        ]
    }

    proptest! {
        /// The bound that the first page states, over any interval, with refunds whenever and in whatever order.
        #[test]
        fn no_interval_has_more_than_the_bound(
            window in windows(),
            steps in prop::collection::vec((0..SECOND * 3, prop::option::of(0..20_usize)), 1..200),
        ) {
            let (mut state, mut now, mut charges) = (State::default(), 1_000_000 * SECOND, Vec::<(u64, Charge)>::new());
            for (gap, refund) in steps {
                now += gap;
                match refund.filter(|back| *back < charges.len()) {
                    Some(back) => {
                        let (_, charge) = charges.remove(charges.len() - 1 - back);
                        state = window.refund(state, &charge, Now(now));
                    }
                    None => charges.extend(admit(&window, &mut state, now).map(|charge| (now, charge))),
                }
            }
            for (i, (from, _)) in charges.iter().enumerate() {
                for (count, (to, _)) in charges.iter().skip(i).enumerate() {
                    let admitted = count as u64 + 1;
                    match window.algorithm {
                        Algorithm::Gcra { step, .. } => prop_assert!(admitted <= window.most() + (to - from) / step),
                        Algorithm::Fixed => {
                            let in_one = window.end(Now(*from)) == window.end(Now(*to));
                            prop_assert!(!in_one || admitted <= window.most());
                        }
                    }
                }
            }
        }

        /// After the time it was told to wait, a request passes; before, it does not.
        #[test]
        fn the_wait_is_exact(window in windows(), gaps in prop::collection::vec(0..SECOND, 1..100)) {
            let (mut state, mut now) = (State::default(), 1_000_000 * SECOND);
            for gap in gaps {
                now += gap;
                if admit(&window, &mut state, now).is_none() {
                    let wait = window.wait(state, 1, Now(now));
                    prop_assert!(wait > 0);
                    prop_assert_eq!(window.standing(state, Now(now + wait - 1)).remaining, 0);
                    prop_assert!(window.standing(state, Now(now + wait)).remaining > 0);
                }
            }
        }

        #[test]
        fn no_number_panics(number: u64, now: u64, count in 0..u64::from(u32::MAX), at: u64, window in windows()) {
            let (state, now) = (State::from_number(number), Now(now / 2));
            let (charged, charge) = window.charge(state, count, now);
            let _ = (window.standing(charged, now), window.wait(state, count, now), charged.is_past(now));
            let _ = (window.refund(charged, &charge, now), window.refund(state, &Charge { at, count }, now));
        }
    }
}
