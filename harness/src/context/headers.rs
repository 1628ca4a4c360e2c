//! Envoy's header map.

use std::borrow::Cow;
use std::sync::Arc;

use super::slots::{MapKind, is_single};

/// A header map as Envoy keeps it: names in lower case, pseudo headers first, some names single-slot (rules `HDR-7` to
/// `HDR-10`). Whether it is a request's or a response's it learns from the first pseudo header that it gets; that it holds
/// trailers it is told when it is sent as such.
///
/// A copy is cheap: it shares the entries until one of the two is changed.
#[derive(Debug, Clone, Default)]
pub struct HeaderMap {
    /// Nothing is an empty list.
    entries: Option<Arc<Vec<Entry>>>,
    kind: Option<MapKind>,
}

/// A name with its value, in one piece of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    bytes: Vec<u8>,
    name_size: usize,
}

impl Entry {
    fn new(name: &[u8], value: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(name.len() + value.len());
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(value);
        Self { bytes, name_size: name.len() }
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at_checked(self.name_size).unwrap_or_default()
    }

    fn is(&self, name: &[u8]) -> bool {
        self.parts().0 == name
    }
}

impl HeaderMap {
    /// Every name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.entries().iter().map(Entry::parts)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// The bytes of all names and values: what Envoy calls the map's size (rule `HDR-11`).
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.entries().iter().map(|entry| entry.bytes.len()).sum()
    }

    /// The first value of a name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let name = self.folded(name);
        self.iter().find_map(|(key, value)| (key == &*name).then_some(value))
    }

    /// All values of a name, in order.
    pub fn get_all(&self, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        let name = self.folded(name).into_owned();
        self.iter().filter_map(move |(key, value)| (key == name).then_some(value))
    }

    /// Adds a value; a single-slot name gets it joined with a comma.
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        let name = &*self.folded(name);
        self.kind = self.kind.or_else(|| MapKind::of_pseudo(name));
        let single = is_single(name, self.kind);
        let entries = self.entries_mut();
        if single && let Some(old) = entries.iter_mut().find(|entry| entry.is(name)) {
            old.bytes.push(b',');
            old.bytes.extend_from_slice(value);
            return;
        }
        let first_regular = || entries.iter().position(|entry| !is_pseudo(entry.parts().0));
        let at = if is_pseudo(name) { first_regular().unwrap_or(entries.len()) } else { entries.len() };
        entries.insert(at, Entry::new(name, value));
    }

    /// Replaces all values of a name by one, which comes last: Envoy takes the old ones away and adds the new one (rules
    /// `HDR-8`, `HDR-10`).
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }

    /// Takes all values of a name away.
    pub fn remove(&mut self, name: &[u8]) {
        let name = &*self.folded(name);
        if self.entries().iter().any(|entry| entry.is(name)) {
            self.entries_mut().retain(|entry| !entry.is(name));
        }
    }

    /// Takes all values of names away that are written in lower case.
    pub(crate) fn remove_all(&mut self, names: &[&str]) {
        let is_one = |entry: &Entry| names.iter().any(|name| entry.is(name.as_bytes()));
        if self.entries().iter().any(is_one) {
            self.entries_mut().retain(|entry| !is_one(entry));
        }
    }

    /// It holds trailers: they have slots of their own, and no alias.
    pub(crate) fn into_trailers(mut self) -> Self {
        self.kind = Some(MapKind::Trailers);
        self
    }

    /// Takes everything away and adds these; whose map it is stays.
    pub fn replace_all(&mut self, pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) {
        self.entries = None;
        for (name, value) in pairs {
            self.add(&name, &value);
        }
    }

    fn entries(&self) -> &[Entry] {
        self.entries.as_ref().map_or(&[], |entries| entries.as_slice())
    }

    fn entries_mut(&mut self) -> &mut Vec<Entry> {
        Arc::make_mut(self.entries.get_or_insert_default())
    }

    /// In lower case, and with the one alias that Envoy has, in requests' headers (rule `HDR-10`).
    fn folded<'n>(&self, name: &'n [u8]) -> Cow<'n, [u8]> {
        let name = match name.iter().any(u8::is_ascii_uppercase) {
            true => Cow::Owned(name.to_ascii_lowercase()),
            false => Cow::Borrowed(name),
        };
        let aliased = *name == *b"host" && matches!(self.kind, None | Some(MapKind::Request));
        if aliased { Cow::Borrowed(b":authority") } else { name }
    }
}

/// By entries: whose map it is counts only for what is added.
impl PartialEq for HeaderMap {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

impl Eq for HeaderMap {}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for HeaderMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut map = Self::default();
        for (name, value) in pairs {
            map.add(name.as_ref(), value.as_ref());
        }
        map
    }
}

fn is_pseudo(name: &[u8]) -> bool {
    name.first() == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().copied().collect()
    }

    fn pairs(map: &HeaderMap) -> Vec<(String, String)> {
        map.iter()
            .map(|(n, v)| (String::from_utf8_lossy(n).into_owned(), String::from_utf8_lossy(v).into_owned()))
            .collect()
    }

    #[test]
    fn hdr_7_names_are_folded_and_the_first_value_is_got() {
        let map = map(&[("X-A", "1"), ("x-a", "2")]);
        assert_eq!(map.get(b"X-a"), Some(b"1".as_slice()));
        assert_eq!(map.get_all(b"x-a").count(), 2);
    }

    #[test]
    fn hdr_8_set_replaces_all_values_by_one_at_the_end() {
        let mut map = map(&[("x-a", "1"), ("b", "2"), ("x-a", "3")]);
        map.set(b"X-A", b"new");
        assert_eq!(pairs(&map), [("b".into(), "2".into()), ("x-a".into(), "new".into())]);
    }

    #[test]
    fn hdr_9_single_slot_names_are_joined_others_are_not() {
        let map = map(&[(":path", "/"), ("via", "a"), ("via", "b"), ("x-a", "1"), ("x-a", "2")]);
        assert_eq!(map.get(b"via"), Some(b"a,b".as_slice()));
        assert_eq!(map.len(), 4);
    }

    #[test]
    fn hdr_9_a_map_stays_a_response_without_its_status() {
        let mut map = map(&[(":status", "200")]);
        map.replace_all([(b"vary".to_vec(), b"a".to_vec()), (b"vary".to_vec(), b"b".to_vec())]);
        assert_eq!(pairs(&map), [("vary".into(), "a,b".into())]);
    }

    #[test]
    fn hdr_10_a_response_has_a_host_like_any_other_header() {
        let map = map(&[(":status", "200"), ("host", "a")]);
        assert_eq!((map.get(b"host"), map.get(b":authority")), (Some(b"a".as_slice()), None));
    }

    #[test]
    fn hdr_10_host_is_the_authority_and_pseudo_headers_come_first() {
        let map = map(&[("x-a", "1"), ("Host", "example.com"), (":path", "/")]);
        assert_eq!(map.iter().map(|(name, _)| name).collect::<Vec<_>>(), [b":authority".as_slice(), b":path", b"x-a"]);
    }

    #[test]
    fn hdr_10_trailers_have_a_host_and_no_slots_but_their_own() {
        let mut map = map(&[("x-a", "1")]).into_trailers();
        for name in ["host", "accept", "accept", "grpc-message", "grpc-message"] {
            map.add(name.as_bytes(), b"1");
        }
        assert_eq!(map.get_all(b"accept").count(), 2);
        assert_eq!((map.get(b"host"), map.get(b"grpc-message")), (Some(b"1".as_slice()), Some(b"1,1".as_slice())));
    }

    #[test]
    fn hdr_11_the_size_is_in_bytes_without_framing() {
        assert_eq!(map(&[("a", "12"), ("bc", "3")]).bytes(), 6);
    }
}
