//! Shared data and metrics: what the proxy keeps for all threads.

use std::ptr;

use super::done;
use crate::sys::memory::from_host;
use crate::sys::{HostError, Status, imports};

/// A kind of metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricType(u32);

impl MetricType {
    /// It only grows.
    pub const COUNTER: Self = Self(0);
    /// It is set.
    pub const GAUGE: Self = Self(1);
    /// Samples.
    pub const HISTOGRAM: Self = Self(2);
}

/// A shared value with its version, which is never 0 (rule `SD-2`); nothing when there is none.
///
/// # Errors
///
/// [`HostError`] for any status but "ok" and "not found".
pub fn shared_data(key: &[u8]) -> Result<Option<(Vec<u8>, u32)>, HostError> {
    let (mut data, mut size, mut version) = (ptr::null_mut(), 0, 0);
    let word = unsafe {
        imports::proxy_get_shared_data(key.as_ptr(), key.len(), &raw mut data, &raw mut size, &raw mut version)
    };
    match done("proxy_get_shared_data", word) {
        // SAFETY: as in `returning`.
        Ok(()) => Ok(Some((unsafe { from_host(data, size) }, version))),
        Err(error) if error.status() == Status::NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stores a shared value: if it still has this version, or is not there at all, or `version` is 0 (rule `SD-2`).
///
/// # Errors
///
/// [`HostError`]; [`Status::CAS_MISMATCH`] when it has another version.
pub fn set_shared_data(key: &[u8], value: &[u8], version: u32) -> Result<(), HostError> {
    done("proxy_set_shared_data", unsafe {
        imports::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version)
    })
}

/// Defines a metric; the same name again is the same metric (rule `MET-1`).
///
/// # Errors
///
/// [`HostError`] when the host refuses it.
pub fn define_metric(kind: MetricType, name: &str) -> Result<u32, HostError> {
    let mut metric = 0;
    done("proxy_define_metric", unsafe {
        imports::proxy_define_metric(kind.0, name.as_ptr(), name.len(), &raw mut metric)
    })?;
    Ok(metric)
}

/// Adds to a counter or a gauge (rule `MET-2`).
///
/// # Errors
///
/// [`HostError`]; [`Status::BAD_ARGUMENT`] for a counter and an offset below 1, or for a histogram.
pub fn increment_metric(metric: u32, offset: i64) -> Result<(), HostError> {
    done("proxy_increment_metric", unsafe { imports::proxy_increment_metric(metric, offset) })
}

/// Sets a gauge, records a sample in a histogram, adds to a counter (rule `MET-3`).
///
/// # Errors
///
/// [`HostError`] when there is no such metric.
pub fn record_metric(metric: u32, value: u64) -> Result<(), HostError> {
    done("proxy_record_metric", unsafe { imports::proxy_record_metric(metric, value) })
}

/// The value of a counter or a gauge.
///
/// # Errors
///
/// [`HostError`]; [`Status::BAD_ARGUMENT`] for a histogram.
pub fn metric(metric: u32) -> Result<u64, HostError> {
    let mut value = 0;
    done("proxy_get_metric", unsafe { imports::proxy_get_metric(metric, &raw mut value) })?;
    Ok(value)
}
