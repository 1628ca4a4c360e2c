//! Time: the clocks, and the plugin's one timer.

use super::done;
use crate::sys::{HostError, imports};

/// The number of WASI's monotonic clock.
const MONOTONIC: u32 = 1;

/// Nanoseconds since the beginning of 1970.
///
/// # Errors
///
/// [`HostError`] when the host does not tell.
pub fn wall_nanoseconds() -> Result<u64, HostError> {
    let mut time = 0;
    done("proxy_get_current_time_nanoseconds", unsafe { imports::proxy_get_current_time_nanoseconds(&raw mut time) })?;
    Ok(time)
}

/// Nanoseconds on a clock that never goes back; where it began does not matter.
///
/// # Errors
///
/// [`HostError`] with the error number of WASI as the status.
pub fn monotonic_nanoseconds() -> Result<u64, HostError> {
    let mut time = 0;
    done("clock_time_get", unsafe { imports::clock_time_get(MONOTONIC, 1, &raw mut time) })?;
    Ok(time)
}

/// Has the plugin ticked every so many milliseconds, from now on; 0 ends it (rule `TICK-1`).
///
/// # Errors
///
/// [`HostError`] when the host refuses it.
pub fn set_tick_period(milliseconds: u32) -> Result<(), HostError> {
    done("proxy_set_tick_period_milliseconds", unsafe { imports::proxy_set_tick_period_milliseconds(milliseconds) })
}
