//! The time that guests see.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where virtual time starts: 2026-01-01T00:00:00Z.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// A clock: virtual in tests, so that they never wait and always see the same; the machine's in the gateway.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// Stands still until it is moved.
    Virtual {
        /// How far it was moved.
        elapsed: Duration,
    },
    /// The machine's.
    Machine {
        /// When it was first looked at.
        since: Instant,
    },
}

impl Clock {
    /// A virtual clock that was not moved yet.
    #[must_use]
    pub const fn virtual_clock() -> Self {
        Self::Virtual { elapsed: Duration::ZERO }
    }

    /// The machine's clock.
    #[must_use]
    pub fn machine() -> Self {
        Self::Machine { since: Instant::now() }
    }

    /// How much time has gone by, on the monotonic clock.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match self {
            Self::Virtual { elapsed } => *elapsed,
            Self::Machine { since } => since.elapsed(),
        }
    }

    /// Moves a virtual clock to a later time.
    pub(super) fn move_to(&mut self, to: Duration) {
        if let Self::Virtual { elapsed } = self {
            *elapsed = to.max(*elapsed);
        }
    }

    /// The time of day as the header `date` has it.
    #[must_use]
    pub fn http_date(&self) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let seconds = self.wall_nanoseconds() / 1_000_000_000;
        let (mut day, time) = (seconds / 86_400, seconds % 86_400);
        let name = usize::try_from(day % 7).ok().and_then(|at| DAYS.get(at)).copied().unwrap_or_default();
        let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let mut year = 1970;
        while day >= 365 + u64::from(is_leap(year)) {
            day -= 365 + u64::from(is_leap(year));
            year += 1;
        }
        let february = 28 + u64::from(is_leap(year));
        let mut month = 0;
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
            if day < length {
                break;
            }
            day -= length;
            month += 1;
        }
        let month = MONTHS.get(month).copied().unwrap_or_default();
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        format!("{name}, {:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT", day + 1)
    }

    /// Nanoseconds since 1970 (rule `TIME-1`).
    #[must_use]
    pub fn wall_nanoseconds(&self) -> u64 {
        let now = match self {
            Self::Virtual { elapsed } => EPOCH + *elapsed,
            Self::Machine { .. } => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        };
        u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let date = |seconds: u64| {
            let elapsed = Duration::from_secs(seconds) - EPOCH;
            Clock::Virtual { elapsed }.http_date()
        };
        assert_eq!(Clock::virtual_clock().http_date(), "Thu, 01 Jan 2026 00:00:00 GMT");
        // The figures are those of `date --utc --date=@N`.
        assert_eq!(date(1_772_323_199), "Sat, 28 Feb 2026 23:59:59 GMT");
        assert_eq!(date(1_835_438_400), "Tue, 29 Feb 2028 12:00:00 GMT");
        assert_eq!(date(1_798_761_599), "Thu, 31 Dec 2026 23:59:59 GMT");
        assert_eq!(date(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 GMT");
    }
}
