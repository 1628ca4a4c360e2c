//! What time it is.
//!
//! Use these, not `std::time`, which panics in a module. The time goes on during a phase (rule `TIME-1`).

use std::time::Duration;

use crate::sys::{self, HostError};

/// The time since the beginning of 1970, by the machine's clock: it can jump, in both directions.
///
/// # Errors
///
/// [`HostError`] when the proxy does not tell.
pub fn wall() -> Result<Duration, HostError> {
    sys::wall_nanoseconds().map(Duration::from_nanos)
}

/// The time on a clock that never goes back, and is the same for all threads of the proxy. Only differences mean anything.
///
/// # Errors
///
/// [`HostError`] when the proxy does not tell.
pub fn monotonic() -> Result<Duration, HostError> {
    monotonic_nanoseconds().map(Duration::from_nanos)
}

/// The same in nanoseconds, for who asks with each request: in a wasm module, a [`Duration`] takes a division.
///
/// # Errors
///
/// [`HostError`] when the proxy does not tell.
#[inline]
pub fn monotonic_nanoseconds() -> Result<u64, HostError> {
    sys::monotonic_nanoseconds()
}

/// A time in whole milliseconds, rounded up.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    let rest = u64::from(time.subsec_nanos().div_ceil(1_000_000));
    time.as_secs().saturating_mul(1000).saturating_add(rest)
}
