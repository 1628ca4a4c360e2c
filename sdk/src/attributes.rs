//! What the proxy knows of a request, a connection, an upstream: its attributes, each with its type.
//!
//! ```
//! use tamis::attributes::{self, AttributeError};
//!
//! fn is_large() -> Result<bool, AttributeError> {
//!     Ok(attributes::REQUEST_SIZE.get()?.is_some_and(|bytes| bytes > 1_000_000))
//! }
//! ```
//!
//! An attribute that is not there is `None`: not yet, no longer, never for this stream, or not in this version of Envoy
//! ([`LIST`] says since when). What comes from a request's headers is there in `request_headers` and in `log`, and in between
//! only while the request is held (rule `PROP-4`). Each `get` is a call of the host; texts are bytes, because clients write
//! some of them.
//!
//! [`raw`] asks for what has no constant here, such as `metadata`. [`filter_state`] is what filters leave for each other and
//! for access logs.

mod kind;
mod list;

pub use kind::{AttributeError, Bool, Int, Kind, Map, Message, Nanoseconds, Pairs, Text, Time};
pub use list::*;

use std::marker::PhantomData;

use crate::sys::{self, HostError, Status};

/// An attribute of the proxy, by the type of its value.
#[derive(Debug)]
pub struct Attribute<K> {
    /// The segments, with a NUL between.
    path: &'static str,
    kind: PhantomData<K>,
}

/// A line of [`LIST`].
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its dotted name, as in Envoy's documentation.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: &'static str,
    /// What it is, and when it is there.
    pub about: &'static str,
    /// Whether bytes have the form of its kind.
    pub fits: fn(Vec<u8>) -> bool,
}

impl<K: Kind> Attribute<K> {
    const fn new(path: &'static str) -> Self {
        Self { path, kind: PhantomData }
    }

    /// Its value now; nothing when it has none.
    ///
    /// # Errors
    ///
    /// [`AttributeError`] when the proxy refuses the call, or hands over bytes of another type.
    pub fn get(&self) -> Result<Option<K::Value>, AttributeError> {
        match sys::property(self.path.as_bytes()) {
            Ok(bytes) => bytes.map(|bytes| K::read(bytes).ok_or(AttributeError::Form)).transpose(),
            // So the proxy says of a value that is null, such as the metadata of an upstream that has none (rule `PROP-2`).
            Err(error) if error.status() == Status::SERIALIZATION_FAILURE => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The bytes of any attribute, by the segments of its path: `["metadata", "filter_metadata", "envoy.lb"]`.
///
/// # Errors
///
/// [`HostError`] for any status but "ok" and "not found": [`Status::SERIALIZATION_FAILURE`] when the value is null.
pub fn raw(path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
    sys::property(path.join("\0").as_bytes())
}

/// What filters of Proxy-Wasm store for the rest of a stream, for each other and for access logs.
pub mod filter_state {
    use crate::sys::{self, HostError};

    /// Stores a value. An access log prints it with `%FILTER_STATE(wasm.NAME:PLAIN)%` (rule `PROP-6`). It is there from now on,
    /// for filters behind this one and for `log`. Never store a secret.
    ///
    /// # Errors
    ///
    /// [`HostError`] when there is no stream, or when the name was declared to hold something else.
    pub fn set(name: &str, value: &[u8]) -> Result<(), HostError> {
        sys::set_property(name.as_bytes(), value)
    }

    /// What was stored by this name, by this filter or by another module's. A name that is also an attribute's is the
    /// attribute.
    ///
    /// # Errors
    ///
    /// [`HostError`] for any status but "ok" and "not found".
    pub fn get(name: &str) -> Result<Option<Vec<u8>>, HostError> {
        sys::property(name.as_bytes())
    }
}
