//! Header maps by number: who may read, who may write, in which phase.

use super::{Exchange, HeaderMap, Message, VmContext, lock};
use crate::abi::Status;

/// The maps of the ABI that a stream has; 4 to 7 belong to callouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MapType {
    RequestHeaders,
    RequestTrailers,
    ResponseHeaders,
    ResponseTrailers,
}

impl MapType {
    /// Numbers above 7 are none (rule `HDR-6`), those of callouts are absent outside of one (rule `HDR-5`): both
    /// are bad arguments.
    fn from_word(word: u32) -> Result<Self, Status> {
        Ok(match word {
            0 => Self::RequestHeaders,
            1 => Self::RequestTrailers,
            2 => Self::ResponseHeaders,
            3 => Self::ResponseTrailers,
            _ => return Err(Status::BadArgument),
        })
    }

    fn of(self, exchange: &mut Exchange) -> Option<&mut HeaderMap> {
        match self {
            Self::RequestHeaders => exchange.request.headers.as_mut(),
            Self::RequestTrailers => exchange.request.trailers.as_mut(),
            Self::ResponseHeaders => exchange.response.headers.as_mut(),
            Self::ResponseTrailers => exchange.response.trailers.as_mut(),
        }
    }
}

impl VmContext {
    /// `proxy_get_header_map_value`: the first value (rule `HDR-7`).
    pub(crate) fn header_value(&self, map: u32, name: &[u8]) -> Result<Vec<u8>, Status> {
        // Out of phase it is a bad argument; in the log phase an absent map only has no such header (rules HDR-3, HDR-4).
        let log = self.in_log();
        match self.with_readable(map, |map| map.get(name).map(<[u8]>::to_vec)) {
            Ok(None) if self.old_abi => Ok(Vec::new()),
            Ok(value) => value.ok_or(Status::NotFound),
            Err(_) if log && self.old_abi && map <= 7 => Ok(Vec::new()),
            Err(_) if log && map <= 7 => Err(Status::NotFound),
            Err(status) => Err(status),
        }
    }

    /// `proxy_get_header_map_pairs`: an absent map is empty, with status "ok" (rule `HDR-3`).
    pub(crate) fn header_pairs(&self, map: u32) -> Result<Vec<u8>, Status> {
        if map > 7 {
            return Err(Status::BadArgument);
        }
        Ok(self.with_readable(map, encode).unwrap_or_default())
    }

    /// `proxy_get_header_map_size` (rule `HDR-11`)
    pub(crate) fn header_size(&mut self, map: u32) -> Result<u32, Status> {
        self.with_writable(map, |map| u32::try_from(map.bytes()).unwrap_or(u32::MAX))
    }

    /// `proxy_add_header_map_value`
    pub(crate) fn add_header(&mut self, map: u32, name: &[u8], value: &[u8]) -> Result<(), Status> {
        self.with_writable(map, |map| map.add(name, value))
    }

    /// `proxy_replace_header_map_value`
    pub(crate) fn set_header(&mut self, map: u32, name: &[u8], value: &[u8]) -> Result<(), Status> {
        self.with_writable(map, |map| map.set(name, value))
    }

    /// `proxy_remove_header_map_value`: no error when it is absent (rule `HDR-8`).
    pub(crate) fn remove_header(&mut self, map: u32, name: &[u8]) -> Result<(), Status> {
        self.with_writable(map, |map| map.remove(name))
    }

    /// `proxy_set_header_map_pairs`: takes everything away first, pseudo headers too (rule `HDR-8`).
    pub(crate) fn set_header_pairs(&mut self, map: u32, wire: &[u8]) -> Result<(), Status> {
        self.with_writable(map, |map| map.replace_all(decode(wire)))
    }

    fn in_log(&self) -> bool {
        self.stream().is_some_and(|stream| stream.visible.log)
    }

    fn with_readable<T>(&self, map: u32, read: impl FnOnce(&HeaderMap) -> T) -> Result<T, Status> {
        if let 4..=7 = map {
            return self.callout_map(map).map(read).ok_or(Status::BadArgument);
        }
        let map = MapType::from_word(map)?;
        let stream = self.stream().ok_or(Status::BadArgument)?;
        // The log phase reads from a snapshot, which has every map but the request's trailers.
        let readable = if stream.visible.log { map != MapType::RequestTrailers } else { self.is_visible(map) };
        if !readable {
            return Err(Status::BadArgument);
        }
        map.of(&mut lock(&stream.exchange)).map(|map| read(map)).ok_or(Status::BadArgument)
    }

    fn with_writable<T>(&mut self, map: u32, write: impl FnOnce(&mut HeaderMap) -> T) -> Result<T, Status> {
        let map = MapType::from_word(map)?;
        let active = self.active();
        let stream = self.streams.get_mut(&active).ok_or(Status::BadArgument)?;
        // At the end of a body the first look at the trailers for writing makes them; they stay in reach (rule HDR-12).
        match map {
            MapType::RequestTrailers if stream.visible.request_end => {
                lock(&stream.exchange).request.trailers_mut();
                stream.visible.request_trailers = true;
            }
            MapType::ResponseTrailers if stream.visible.response_end => {
                lock(&stream.exchange).response.trailers_mut();
                stream.visible.response_trailers = true;
            }
            _ => {}
        }
        if !self.is_visible(map) {
            return Err(Status::BadArgument);
        }
        let stream = self.stream().ok_or(Status::BadArgument)?;
        let mut exchange = lock(&stream.exchange);
        map.of(&mut exchange).map(write).ok_or(Status::BadArgument)
    }

    fn is_visible(&self, map: MapType) -> bool {
        self.stream().is_some_and(|stream| match map {
            MapType::RequestHeaders => stream.visible.request_headers,
            MapType::RequestTrailers => stream.visible.request_trailers,
            MapType::ResponseHeaders => stream.visible.response_headers,
            MapType::ResponseTrailers => stream.visible.response_trailers,
        })
    }
}

impl Message {
    /// Creates empty trailers, for a guest that adds some at the end of a body (rule `HDR-12`).
    pub fn trailers_mut(&mut self) -> &mut HeaderMap {
        self.trailers.get_or_insert_with(|| HeaderMap::default().into_trailers())
    }
}

/// The wire form of a map; an empty one is no bytes at all (rules `MEM-4`, `MEM-6`).
#[must_use]
pub fn encode(map: &HeaderMap) -> Vec<u8> {
    if map.is_empty() { Vec::new() } else { encode_pairs(map.iter()) }
}

/// The wire form of pairs; of none it is a count of 0.
pub(super) fn encode_pairs<'p>(pairs: impl Iterator<Item = (&'p [u8], &'p [u8])> + Clone) -> Vec<u8> {
    let word = |size: usize| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    let bytes = pairs.clone().map(|(name, value)| 10 + name.len() + value.len()).sum::<usize>();
    let mut wire = Vec::with_capacity(4 + bytes);
    wire.extend_from_slice(&word(pairs.clone().count()));
    for (name, value) in pairs.clone() {
        wire.extend_from_slice(&word(name.len()));
        wire.extend_from_slice(&word(value.len()));
    }
    for (name, value) in pairs {
        wire.extend_from_slice(name);
        wire.push(0);
        wire.extend_from_slice(value);
        wire.push(0);
    }
    wire
}

/// The most that Envoy reads (rule `MEM-5`).
const MAX_WIRE_BYTES: usize = 1 << 20;
const MAX_PAIRS: u32 = 1024;

/// Reads the wire form; what is malformed or too much is an empty list, without an error (rule `MEM-5`).
#[must_use]
pub fn decode(wire: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    if wire.len() > MAX_WIRE_BYTES {
        return Vec::new();
    }
    try_decode(wire).unwrap_or_default()
}

fn try_decode(wire: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (count, rest) = wire.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count);
    if count > MAX_PAIRS {
        return None;
    }
    let (sizes, mut data) = rest.split_at_checked(usize::try_from(count).ok()?.checked_mul(8)?)?;
    let mut take = |size: &[u8]| {
        let size = usize::try_from(u32::from_le_bytes(size.try_into().ok()?)).ok()?;
        let (bytes, rest) = data.split_at_checked(size)?;
        let (nul, rest) = rest.split_first()?;
        data = rest;
        (*nul == 0).then(|| bytes.to_vec())
    };
    let pairs = sizes
        .chunks_exact(8)
        .map(|sizes| {
            let (name, value) = sizes.split_at_checked(4)?;
            Some((take(name)?, take(value)?))
        })
        .collect::<Option<Vec<_>>>()?;
    data.is_empty().then_some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mem_4_pairs_come_back() {
        let map: HeaderMap = [(":path", "/"), ("x-a", ""), ("x-a", "2")].into_iter().collect();
        assert_eq!(decode(&encode(&map)).into_iter().collect::<HeaderMap>(), map);
    }

    #[test]
    fn mem_5_malformed_or_too_many_pairs_are_none() {
        let one: HeaderMap = [("a", "b")].into_iter().collect();
        let mut wire = encode(&one);
        assert_eq!(decode(&wire).len(), 1);
        wire.push(0);
        assert_eq!(decode(&wire), []);
        let many: HeaderMap = (0..1025).map(|i| (format!("x-{i}"), "v")).collect();
        assert_eq!(decode(&encode(&many)), []);
        assert_eq!(decode(&vec![0; MAX_WIRE_BYTES + 1]), []);
    }

    #[test]
    fn mem_6_an_empty_map_is_no_bytes() {
        assert_eq!(encode(&HeaderMap::default()), b"");
    }
}
