//! The proxy's header map, during one phase.

use std::cell::OnceCell;

use crate::sys::{self, HostError, MapType};
use crate::{HeaderMap, HeaderName, Pairs};

/// A header map of the proxy.
///
/// The first read fetches the whole map in one host call, which in Envoy costs less than one single look-up; later reads
/// borrow from that copy. A change goes straight through to the proxy, and reads after it see it. Repeated names and the
/// map's order are kept. Values are bytes.
///
/// A value with CR, LF or NUL is refused with [`Status::BAD_ARGUMENT`](crate::Status::BAD_ARGUMENT) and never reaches the
/// proxy, which would not look at it (rule `HDR-17`). Some names have one slot only: a second value is joined to the first
/// by the proxy with a comma, so that `get_all` then gives one value (rule `HDR-9`).
///
/// It lives for one phase: what a phase read is never stale in the next.
#[derive(Debug)]
pub struct Headers {
    map: MapType,
    wire: OnceCell<Vec<u8>>,
}

impl Headers {
    pub(crate) fn new(map: MapType) -> Self {
        Self { map, wire: OnceCell::new() }
    }

    /// Every name with its value, in the proxy's order: pseudo headers first. Names are in lower case.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand the map over.
    pub fn iter(&self) -> Result<impl Iterator<Item = (&[u8], &[u8])>, HostError> {
        Ok(self.pairs()?.iter())
    }

    /// The first value of `name`. Where more than one can matter (who may enter, what is counted, what is masked), use
    /// [`get_all`](HeaderMap::get_all): a client can send a header twice.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand the map over.
    pub fn get(&self, name: &HeaderName) -> Result<Option<&[u8]>, HostError> {
        Ok(self.get_all(name)?.next())
    }

    /// The value of a pseudo header, such as `:path`; a proxy has at most one of each.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand the map over.
    pub fn pseudo(&self, name: &str) -> Result<Option<&[u8]>, HostError> {
        Ok(self.iter()?.find_map(|(key, value)| (key == name.as_bytes()).then_some(value)))
    }

    /// Sets any header, a pseudo header as well.
    pub(crate) fn replace(&mut self, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        self.wire.take();
        sendable("proxy_replace_header_map_value", value)?;
        sys::replace_header(self.map, name, value)
    }

    fn pairs(&self) -> Result<Pairs<'_>, HostError> {
        let wire = match self.wire.get() {
            Some(wire) => wire,
            None => {
                let wire = sys::header_map_pairs(self.map)?;
                self.wire.get_or_init(|| wire)
            }
        };
        Pairs::parse(wire).map_err(|_| HostError::new("proxy_get_header_map_pairs", sys::Status::PARSE_FAILURE))
    }
}

impl HeaderMap for Headers {
    type Error = HostError;

    fn get_all(&self, name: &HeaderName) -> Result<impl Iterator<Item = &[u8]>, HostError> {
        Ok(self.iter()?.filter_map(|(key, value)| (key == name.as_bytes()).then_some(value)))
    }

    fn set(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), HostError> {
        self.replace(name.as_bytes(), value)
    }

    fn add(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), HostError> {
        self.wire.take();
        sendable("proxy_add_header_map_value", value)?;
        sys::add_header(self.map, name.as_bytes(), value)
    }

    fn remove(&mut self, name: &HeaderName) -> Result<(), HostError> {
        self.wire.take();
        sys::remove_header(self.map, name.as_bytes())
    }
}

/// Whether a value can stand in a message: without CR, LF and NUL.
pub(crate) fn is_sendable(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

fn sendable(function: &'static str, value: &[u8]) -> Result<(), HostError> {
    if is_sendable(value) { Ok(()) } else { Err(HostError::new(function, sys::Status::BAD_ARGUMENT)) }
}
