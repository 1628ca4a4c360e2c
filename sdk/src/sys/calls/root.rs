//! What does not need a stream: the log, properties, randomness, whom a call is about.

use super::{done, returning};
use crate::sys::{HostError, Status, imports};

/// A log line's level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(u32);

impl LogLevel {
    /// For whoever debugs.
    pub const DEBUG: Self = Self(1);
    /// Worth a line in ordinary operation.
    pub const INFO: Self = Self(2);
    /// Odd, but handled.
    pub const WARN: Self = Self(3);
    /// Something failed.
    pub const ERROR: Self = Self(4);
    /// The module cannot go on.
    pub const CRITICAL: Self = Self(5);
}

/// The buffer that holds the plugin's configuration, during `on_configure` only (rule `CFG-2`).
pub(crate) const PLUGIN_CONFIGURATION: u32 = 7;
/// The buffer that holds the VM's configuration, at any time (rule `CFG-2`).
pub(crate) const VM_CONFIGURATION: u32 = 6;

/// Writes a line to the proxy's log. A host that refuses it leaves nobody to tell.
pub fn log(level: LogLevel, message: &str) {
    let _ = unsafe { imports::proxy_log(level.0, message.as_ptr(), message.len()) };
}

/// A property's bytes, or nothing when there is none. `path` has NUL bytes between its segments (rule `PROP-1`).
///
/// # Errors
///
/// [`HostError`] for any status but "ok" and "not found".
pub fn property(path: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
    let result = returning("proxy_get_property", |data, size| unsafe {
        imports::proxy_get_property(path.as_ptr(), path.len(), data, size)
    });
    match result {
        Err(error) if error.status() == Status::NOT_FOUND => Ok(None),
        other => other.map(Some),
    }
}

/// Stores a property for the rest of the stream (rule `PROP-6`).
///
/// # Errors
///
/// [`HostError`] when the host refuses it.
pub fn set_property(path: &[u8], value: &[u8]) -> Result<(), HostError> {
    done("proxy_set_property", unsafe {
        imports::proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len())
    })
}

/// Makes the following calls, until this entry into the VM ends, be about another stream or plugin (rule `LIFE-13`).
///
/// # Errors
///
/// [`HostError`] when there is no such context, or no longer.
pub fn set_effective_context(id: u32) -> Result<(), HostError> {
    done("proxy_set_effective_context", unsafe { imports::proxy_set_effective_context(id) })
}

/// Says that a plugin which asked to stay has finished (rule `LIFE-11`).
///
/// # Errors
///
/// [`HostError`] when nothing was pending.
pub fn finished() -> Result<(), HostError> {
    done("proxy_done", unsafe { imports::proxy_done() })
}

/// Eight random bytes, or nothing when the host has none to give.
#[must_use]
pub fn random_u64() -> Option<u64> {
    let mut bytes = [0; 8];
    let errno = unsafe { imports::random_get(bytes.as_mut_ptr(), bytes.len()) };
    (errno == 0).then_some(u64::from_le_bytes(bytes))
}

/// Fills a slice with random bytes, at most 64 KiB (rule `WASI-7`).
///
/// # Errors
///
/// [`HostError`] with the error number of WASI as the status.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), HostError> {
    done("random_get", unsafe { imports::random_get(bytes.as_mut_ptr(), bytes.len()) })
}

/// The VM's environment: `KEY=VALUE`, each closed by a NUL (rule `WASI-5`).
///
/// # Errors
///
/// [`HostError`] with the error number of WASI as the status.
pub fn environment() -> Result<Vec<u8>, HostError> {
    let (mut count, mut size) = (0, 0);
    done("environ_sizes_get", unsafe { imports::environ_sizes_get(&raw mut count, &raw mut size) })?;
    let (mut variables, mut block) = (vec![std::ptr::null_mut(); count], vec![0; size]);
    done("environ_get", unsafe { imports::environ_get(variables.as_mut_ptr(), block.as_mut_ptr()) })?;
    Ok(block)
}
