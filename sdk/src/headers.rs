//! The proxy's header map, during one phase.

use std::cell::OnceCell;

use crate::sys::{self, HostError, MapType};
use crate::{HeaderMap, HeaderName, HeaderValue, Pairs};

/// A header map of the proxy.
///
/// The first read fetches the whole map in one host call, which in Envoy costs less than one single look-up; later reads
/// borrow from that copy. A change goes straight through to the proxy, and reads after it see it. Repeated names and the
/// map's order are kept. Values are bytes.
///
/// A value with CR, LF or NUL is refused with [`Status::BAD_ARGUMENT`](crate::Status::BAD_ARGUMENT) and never reaches the
/// proxy, which would not look at it (rule `HDR-17`); a [`HeaderValue`] was checked when it was read
/// ([`set_value`](HeaderMap::set_value), [`add_value`](HeaderMap::add_value)). Some names have one slot only: a second value is joined to the first
/// by the proxy with a comma, so that `get_all` then gives one value (rule `HDR-9`).
///
/// It lives for one phase: what a phase read is never stale in the next.
#[derive(Debug)]
pub struct Headers {
    map: MapType,
    /// What the proxy handed over, found to be a map.
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
        Ok(self.pairs()?.values(name.as_bytes()).next())
    }

    /// Sets any header, a pseudo header as well.
    pub(crate) fn replace(&mut self, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        self.wire.take();
        sendable("proxy_replace_header_map_value", value)?;
        sys::replace_header(self.map, name, value)
    }

    /// Has the next read ask the proxy again.
    pub(crate) fn forget(&mut self) {
        self.wire.take();
    }

    #[inline]
    fn pairs(&self) -> Result<Pairs<'_>, HostError> {
        match self.wire.get() {
            Some(wire) => Ok(Pairs::accepted(wire)),
            None => self.fetch(),
        }
    }

    fn fetch(&self) -> Result<Pairs<'_>, HostError> {
        let wire = sys::header_map_pairs(self.map)?;
        Pairs::parse(&wire).map_err(|_| HostError::new("proxy_get_header_map_pairs", sys::Status::PARSE_FAILURE))?;
        Ok(Pairs::accepted(self.wire.get_or_init(|| wire)))
    }
}

impl HeaderMap for Headers {
    type Error = HostError;

    fn get_all(&self, name: &HeaderName) -> Result<impl Iterator<Item = &[u8]>, HostError> {
        Ok(self.pairs()?.values(name.as_bytes()))
    }

    fn set(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), HostError> {
        self.replace(name.as_bytes(), value)
    }

    fn add(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), HostError> {
        self.wire.take();
        sendable("proxy_add_header_map_value", value)?;
        sys::add_header(self.map, name.as_bytes(), value)
    }

    fn set_value(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<(), HostError> {
        self.wire.take();
        sys::replace_header(self.map, name.as_bytes(), value.as_bytes())
    }

    fn add_value(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<(), HostError> {
        self.wire.take();
        sys::add_header(self.map, name.as_bytes(), value.as_bytes())
    }

    fn remove(&mut self, name: &HeaderName) -> Result<(), HostError> {
        self.wire.take();
        sys::remove_header(self.map, name.as_bytes())
    }

    fn names_with(&self, prefix: &HeaderName) -> Result<Vec<HeaderName>, HostError> {
        Ok(tamis_core::map::names_with(self.iter()?.map(|(name, _)| name), prefix))
    }
}

/// Whether a value can stand in a message: without CR, LF and NUL. Every value that a filter makes is asked this, so it goes by words
/// of eight bytes; the last word overlaps the one before.
#[inline(never)]
pub(crate) fn is_sendable(value: &[u8]) -> bool {
    if let Some(last) = value.last_chunk::<8>() {
        let (words, _) = value.as_chunks::<8>();
        return words.iter().all(is_sendable_word) && is_sendable_word(last);
    }
    match (value.first_chunk::<4>(), value.last_chunk::<4>()) {
        (Some([a, b, c, d]), Some([e, f, g, h])) => is_sendable_word(&[*a, *b, *c, *d, *e, *f, *g, *h]),
        _ => value.iter().all(is_sendable_byte),
    }
}

fn is_sendable_word(word: &[u8; 8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let bytes = u64::from_le_bytes(*word);
    // A byte below 14 borrows, and has no high bit of its own. Among these only a tab is harmless, and it is rare.
    let low = bytes.wrapping_sub(14 * ONES) & !bytes & (128 * ONES);
    low == 0 || word.iter().all(is_sendable_byte)
}

fn is_sendable_byte(byte: &u8) -> bool {
    !matches!(byte, b'\r' | b'\n' | 0)
}

fn sendable(function: &'static str, value: &[u8]) -> Result<(), HostError> {
    if is_sendable(value) { Ok(()) } else { Err(HostError::new(function, sys::Status::BAD_ARGUMENT)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plainly(value: &[u8]) -> bool {
        !value.iter().any(|byte| [b'\r', b'\n', 0].contains(byte))
    }

    #[test]
    fn one_byte_at_any_place_is_found() {
        for length in 1..40 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut value = vec![b'a'; length];
                    value[at] = byte;
                    assert_eq!(is_sendable(&value), plainly(&value), "{byte} at {at} of {length}");
                }
            }
        }
        assert!(is_sendable(b""));
    }

    proptest! {
        #[test]
        fn whatever_the_bytes(value in prop::collection::vec(prop_oneof![any::<u8>(), 0..16u8], 0..40)) {
            prop_assert_eq!(is_sendable(&value), plainly(&value));
        }
    }
}
