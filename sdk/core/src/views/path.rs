//! The path of a request, as Envoy's router sees it.

use super::Query;

/// `:path`, taken apart and not decoded.
///
/// Envoy's router matches the bytes in front of the first `?` or `#`, as they came in: it decodes no `%2e`, merges no
/// slashes and resolves no `..` unless the connection manager was told to (`normalize_path`, `merge_slashes`,
/// `path_with_escaped_slashes_action`), and then it has done so before any filter runs. So this view leaves them alone,
/// too: a filter that decoded would decide about a path that nobody routes. A fragment never comes from a client (Envoy
/// answers 400); an earlier filter may have set one.
///
/// ```
/// use tamis_core::views::RequestPath;
///
/// let path = RequestPath::new(b"/v1/items;v=2/%2e%2e?page=2&page=3");
/// assert_eq!(path.path(), b"/v1/items;v=2/%2e%2e");
/// assert_eq!(path.segments().collect::<Vec<_>>(), [b"v1".as_slice(), b"items;v=2", b"%2e%2e"]);
/// assert_eq!(path.query().unwrap().get_all(b"page").count(), 2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestPath<'a> {
    raw: &'a [u8],
    path: &'a [u8],
}

impl<'a> RequestPath<'a> {
    /// Takes the value of `:path` apart. Any bytes will do.
    #[must_use]
    pub fn new(raw: &'a [u8]) -> Self {
        let path = first_of(raw, [b'?', b'#']).and_then(|at| raw.get(..at)).unwrap_or(raw);
        Self { raw, path }
    }

    /// All of `:path`.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// What is in front of the query and the fragment.
    #[must_use]
    pub fn path(&self) -> &'a [u8] {
        self.path
    }

    /// What is behind the first `?`, up to a fragment; nothing when there is no `?`.
    #[must_use]
    pub fn query(&self) -> Option<Query<'a>> {
        let rest = self.behind().strip_prefix(b"?")?;
        Some(Query::new(first_of(rest, [b'#'; 2]).and_then(|at| rest.get(..at)).unwrap_or(rest)))
    }

    /// What is behind the first `#`.
    #[must_use]
    pub fn fragment(&self) -> Option<&'a [u8]> {
        let rest = self.behind();
        rest.get(first_of(rest, [b'#'; 2])? + 1..)
    }

    /// The query and the fragment, with what they begin with.
    fn behind(&self) -> &'a [u8] {
        self.raw.get(self.path.len()..).unwrap_or_default()
    }

    /// The parts between slashes, in order and not decoded. `/a//b/` has four: `a`, an empty one, `b`, an empty one;
    /// `/` has one empty part. A path that does not begin with a slash (`*`) has none.
    pub fn segments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let parts = self.path.strip_prefix(b"/").map(|rest| rest.split(|byte| *byte == b'/'));
        parts.into_iter().flatten()
    }

    /// Whether the path is below `prefix`, by whole segments: `/v1` and `/v1/` have `/v1`, `/v1/`, `/v1/a` below them and
    /// not `/v10` nor `/v1;a`. What is left is returned: empty, or beginning with a slash.
    #[must_use]
    pub fn below(&self, prefix: &[u8]) -> Option<&'a [u8]> {
        let rest = self.path.strip_prefix(prefix.strip_suffix(b"/").unwrap_or(prefix))?;
        matches!(rest, [] | [b'/', ..]).then_some(rest)
    }
}

/// Where the first of two bytes is. Every request's path is looked at, so it goes by words of eight bytes.
fn first_of(bytes: &[u8], wanted: [u8; 2]) -> Option<usize> {
    const LOW: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // Where a byte is the wanted one the difference is 0, and borrows; the lowest bit is right, those above may not be.
        let [one, other] = wanted.map(|byte| {
            let difference = word ^ (LOW * u64::from(byte));
            difference.wrapping_sub(LOW) & !difference & HIGH
        });
        if one | other != 0 {
            return Some(at * 8 + (one | other).trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|byte| wanted.contains(byte)).map(|at| words.len() * 8 + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_is_found_at_every_place_among_bytes_that_are_nearly_it() {
        for length in 0..30 {
            for (near, wanted) in [(b'>', b'?'), (b'@', b'?'), (0xbf, b'?'), (b'"', b'#'), (b'$', b'#'), (0xa3, b'#')] {
                let mut raw = vec![near; length];
                assert_eq!(first_of(&raw, [b'#', b'?']), None);
                for at in (0..length).rev() {
                    raw[at] = wanted;
                    assert_eq!(first_of(&raw, [b'#', b'?']), Some(at), "{raw:?}");
                }
            }
        }
    }
}
