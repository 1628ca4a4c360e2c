//! Host calls: slices in, `Result` out.
#![allow(
    unsafe_code,
    reason = "every block passes pointers and sizes of live slices, or of locals for the results; the host checks each \
              range against the module's memory (rule MEM-1) and writes only results"
)]

use std::ptr;

use super::memory::from_host;
use super::{HostError, Status, imports};
use crate::Pairs;

/// Which header map a call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapType(u32);

impl MapType {
    /// The request's headers.
    pub const REQUEST_HEADERS: Self = Self(0);
    /// The response's headers.
    pub const RESPONSE_HEADERS: Self = Self(2);
}

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

/// At most `max` bytes of a buffer, from `start`.
///
/// # Errors
///
/// [`HostError`] when there is no such buffer in this phase.
pub fn buffer(buffer: u32, start: usize, max: usize) -> Result<Vec<u8>, HostError> {
    returning("proxy_get_buffer_bytes", |data, size| unsafe {
        imports::proxy_get_buffer_bytes(buffer, start, max, data, size)
    })
}

/// A whole header map in its wire form.
///
/// # Errors
///
/// [`HostError`] when the host does not hand it over; a map that is absent in this phase is empty (rule `HDR-3`).
pub fn header_map_pairs(map: MapType) -> Result<Vec<u8>, HostError> {
    returning("proxy_get_header_map_pairs", |data, size| unsafe {
        imports::proxy_get_header_map_pairs(map.0, data, size)
    })
}

/// Replaces all values of a header by one.
///
/// # Errors
///
/// [`HostError`] when the map cannot be changed in this phase.
pub fn replace_header(map: MapType, name: &[u8], value: &[u8]) -> Result<(), HostError> {
    done("proxy_replace_header_map_value", unsafe {
        imports::proxy_replace_header_map_value(map.0, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Adds a value to a header.
///
/// # Errors
///
/// [`HostError`] when the map cannot be changed in this phase.
pub fn add_header(map: MapType, name: &[u8], value: &[u8]) -> Result<(), HostError> {
    done("proxy_add_header_map_value", unsafe {
        imports::proxy_add_header_map_value(map.0, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Takes all values of a header away.
///
/// # Errors
///
/// [`HostError`] when the map cannot be changed in this phase.
pub fn remove_header(map: MapType, name: &[u8]) -> Result<(), HostError> {
    done("proxy_remove_header_map_value", unsafe {
        imports::proxy_remove_header_map_value(map.0, name.as_ptr(), name.len())
    })
}

/// Answers the request. The host sends it once the current phase has returned (rule `LR-2`).
///
/// # Errors
///
/// [`HostError`] when the host refuses it.
pub fn send_local_response<'a>(
    status: u16,
    details: &str,
    headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])> + Clone,
    body: &[u8],
) -> Result<(), HostError> {
    let headers = Pairs::encode(headers);
    done("proxy_send_local_response", unsafe {
        imports::proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    })
}

/// Eight random bytes, or nothing when the host has none to give.
#[must_use]
pub fn random_u64() -> Option<u64> {
    let mut bytes = [0; 8];
    let errno = unsafe { imports::random_get(bytes.as_mut_ptr(), bytes.len()) };
    (errno == 0).then_some(u64::from_le_bytes(bytes))
}

fn returning(function: &'static str, call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, HostError> {
    let mut data = ptr::null_mut();
    let mut size = 0;
    done(function, call(&raw mut data, &raw mut size))?;
    // SAFETY: the host answered "ok", so it got `data` from `proxy_on_memory_allocate` and filled `size` bytes.
    Ok(unsafe { from_host(data, size) })
}

fn done(function: &'static str, word: u32) -> Result<(), HostError> {
    match Status::from_word(word) {
        Status::OK => Ok(()),
        status => Err(HostError::new(function, status)),
    }
}
