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
        self.wire.take();
        sys::replace_header(self.map, name.as_bytes(), value)
    }

    fn add(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), HostError> {
        self.wire.take();
        sys::add_header(self.map, name.as_bytes(), value)
    }

    fn remove(&mut self, name: &HeaderName) -> Result<(), HostError> {
        self.wire.take();
        sys::remove_header(self.map, name.as_bytes())
    }
}
