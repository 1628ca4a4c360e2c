//! What can be asked of a header map.

use crate::{HeaderName, HeaderValue};

/// A header map that can be read and changed: the proxy's own during a phase, or [`MemoryHeaders`] in a test.
///
/// Names are [`HeaderName`]s, so lower-case tokens; the order of the map and repeated names are kept.
pub trait HeaderMap {
    /// Why a change failed: the host's status for the proxy's map, never for one in memory.
    type Error;

    /// Every value of `name`, in order; nothing when it is absent.
    ///
    /// # Errors
    ///
    /// When the map cannot be read.
    fn get_all(&self, name: &HeaderName) -> Result<impl Iterator<Item = &[u8]>, Self::Error>;

    /// Replaces all values of `name` by one.
    ///
    /// # Errors
    ///
    /// When the map refuses it.
    fn set(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Self::Error>;

    /// Adds a value after those that `name` has.
    ///
    /// # Errors
    ///
    /// When the map refuses it.
    fn add(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Self::Error>;

    /// [`set`](Self::set) with a value that was checked when it was read, and is not looked at again.
    ///
    /// # Errors
    ///
    /// When the map refuses it.
    fn set_value(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<(), Self::Error> {
        self.set(name, value.as_bytes())
    }

    /// [`add`](Self::add) with a value that was checked when it was read, and is not looked at again.
    ///
    /// # Errors
    ///
    /// When the map refuses it.
    fn add_value(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<(), Self::Error> {
        self.add(name, value.as_bytes())
    }

    /// Takes all values of `name` away; absent is fine.
    ///
    /// # Errors
    ///
    /// When the map refuses it.
    fn remove(&mut self, name: &HeaderName) -> Result<(), Self::Error>;

    /// The names that begin with `prefix`, each once. Pseudo headers are no headers here.
    ///
    /// # Errors
    ///
    /// When the map cannot be read.
    fn names_with(&self, prefix: &HeaderName) -> Result<Vec<HeaderName>, Self::Error>;
}

/// A header map in memory, for tests and fuzzing: what Envoy does with headers that are not single-slot (rules `HDR-7`,
/// `HDR-8`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryHeaders(Vec<(Vec<u8>, Vec<u8>)>);

impl MemoryHeaders {
    /// Every name with its value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }
}

/// The names that begin with `prefix`, each once: for who implements [`HeaderMap::names_with`].
pub fn names_with<'a>(names: impl Iterator<Item = &'a [u8]>, prefix: &HeaderName) -> Vec<HeaderName> {
    let mut found = Vec::new();
    for name in names.filter(|name| name.starts_with(prefix.as_bytes())) {
        // What is no token cannot be named by anybody, and stays.
        let name = std::str::from_utf8(name).ok().and_then(|name| HeaderName::parse(name).ok());
        if let Some(name) = name.filter(|name| !found.contains(name)) {
            found.push(name);
        }
    }
    found
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for MemoryHeaders {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(n, v)| (n.as_ref().to_ascii_lowercase(), v.as_ref().to_vec())).collect())
    }
}

impl HeaderMap for MemoryHeaders {
    type Error = std::convert::Infallible;

    fn get_all(&self, name: &HeaderName) -> Result<impl Iterator<Item = &[u8]>, Self::Error> {
        Ok(self.iter().filter_map(|(key, value)| (key == name.as_bytes()).then_some(value)))
    }

    fn set(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Self::Error> {
        self.remove(name)?;
        self.add(name, value)
    }

    fn add(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Self::Error> {
        self.0.push((name.as_bytes().to_vec(), value.to_vec()));
        Ok(())
    }

    fn remove(&mut self, name: &HeaderName) -> Result<(), Self::Error> {
        self.0.retain(|(key, _)| key != name.as_bytes());
        Ok(())
    }

    fn names_with(&self, prefix: &HeaderName) -> Result<Vec<HeaderName>, Self::Error> {
        Ok(names_with(self.iter().map(|(name, _)| name), prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: HeaderName = HeaderName::from_static("a");

    fn headers() -> MemoryHeaders {
        [("a", "1"), ("b", "2"), ("A", "3")].into_iter().collect()
    }

    #[test]
    fn set_replaces_every_value_and_comes_last() {
        let mut map = headers();
        map.set(&A, b"x").unwrap();
        assert_eq!(map, [("b", "2"), ("a", "x")].into_iter().collect());
    }

    #[test]
    fn set_of_an_absent_name_adds_it() {
        let mut map: MemoryHeaders = [("b", "2")].into_iter().collect();
        map.set(&A, b"x").unwrap();
        assert_eq!(map, [("b", "2"), ("a", "x")].into_iter().collect());
    }

    #[test]
    fn names_with_a_prefix_come_once() {
        let map: MemoryHeaders =
            [("x-a", "1"), ("x-b", "2"), ("X-A", "3"), ("y", "4"), ("x-\u{e4}", "5")].into_iter().collect();
        let names = map.names_with(&HeaderName::from_static("x-")).unwrap();
        assert_eq!(names.iter().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-a", "x-b"]);
    }

    #[test]
    fn add_keeps_and_remove_takes_all() {
        let mut map = headers();
        map.add(&A, b"4").unwrap();
        assert_eq!(map.get_all(&A).unwrap().collect::<Vec<_>>(), [b"1", b"3", b"4"]);
        map.remove(&A).unwrap();
        assert_eq!(map, [("b", "2")].into_iter().collect());
    }
}
