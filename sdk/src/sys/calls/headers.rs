//! Header maps.

use super::{done, returning};
use crate::sys::{HostError, imports};

/// Which header map a call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapType(u32);

impl MapType {
    /// The request's headers.
    pub const REQUEST_HEADERS: Self = Self(0);
    /// The request's trailers.
    pub const REQUEST_TRAILERS: Self = Self(1);
    /// The response's headers.
    pub const RESPONSE_HEADERS: Self = Self(2);
    /// The response's trailers.
    pub const RESPONSE_TRAILERS: Self = Self(3);
    /// The metadata that a gRPC stream begins with, while the host tells of it.
    pub const GRPC_INITIAL_METADATA: Self = Self(4);
    /// The metadata that it ends with.
    pub const GRPC_TRAILING_METADATA: Self = Self(5);
    /// The headers of an answer to a callout, while the host tells of it.
    pub const HTTP_CALL_HEADERS: Self = Self(6);
    /// Its trailers.
    pub const HTTP_CALL_TRAILERS: Self = Self(7);
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
