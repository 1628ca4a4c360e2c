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
