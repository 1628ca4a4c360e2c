//! The wire form of a header map (rule `MEM-4`): a count, the sizes, then every name and value closed by a NUL byte.

/// A header map in its wire form, read in place: no copy, no allocation, no panic on any bytes.
///
/// ```
/// use tamis_core::Pairs;
///
/// let wire = Pairs::encode([(b"a".as_slice(), b"1".as_slice()), (b"a", b"2")]);
/// let pairs = Pairs::parse(&wire).unwrap();
/// assert_eq!(pairs.iter().map(|(_, value)| value).collect::<Vec<_>>(), [b"1", b"2"]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Pairs<'a> {
    sizes: &'a [u8],
    data: &'a [u8],
}

impl<'a> Pairs<'a> {
    /// Reads the wire form; nothing at all is an empty map (rule `MEM-6`).
    ///
    /// # Errors
    ///
    /// [`InvalidPairs`] when the sizes do not add up to the bytes that are there.
    pub fn parse(wire: &'a [u8]) -> Result<Self, InvalidPairs> {
        if wire.is_empty() {
            return Ok(Self { sizes: &[], data: &[] });
        }
        let (count, rest) = wire.split_first_chunk::<4>().ok_or(InvalidPairs)?;
        let count = usize::try_from(u32::from_le_bytes(*count)).map_err(|_| InvalidPairs)?;
        let table = count.checked_mul(8).ok_or(InvalidPairs)?;
        let (sizes, data) = rest.split_at_checked(table).ok_or(InvalidPairs)?;
        let mut end = 0;
        for size in sizes.as_chunks::<8>().0 {
            let size = u64::from_le_bytes(*size);
            // No sum wraps: what is added to fits in the data, and each size in 32 bits.
            let name = end + (size & 0xffff_ffff);
            end = name + (size >> 32) + 2;
            // From the byte that closes the name to the one that closes the value. The first is in front of the second.
            let closed = usize::try_from(end).ok().and_then(|end| data.get(name as usize..end));
            if !matches!(closed, Some([0, .., 0])) {
                return Err(InvalidPairs);
            }
        }
        if end == data.len() as u64 { Ok(Self { sizes, data }) } else { Err(InvalidPairs) }
    }

    /// The same for bytes that [`parse`](Self::parse) has accepted before, without reading them all again. Other bytes give some
    /// map or other.
    #[inline]
    #[must_use]
    pub fn accepted(wire: &'a [u8]) -> Self {
        let rest = wire.split_first_chunk::<4>().and_then(|(count, rest)| {
            let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
            rest.split_at_checked(count.checked_mul(8)?)
        });
        let (sizes, data) = rest.unwrap_or_default();
        Self { sizes, data }
    }

    /// Every name with its value, in the map's order; a name that has several values comes several times.
    #[must_use]
    pub fn iter(&self) -> Iter<'a> {
        Iter { sizes: self.sizes, data: self.data }
    }

    /// Every value of `name`, in order.
    #[inline]
    #[must_use]
    pub fn values<'n>(&self, name: &'n [u8]) -> Values<'a, 'n> {
        Values { sizes: self.sizes.as_chunks().0.iter(), data: self.data, at: 0, name }
    }

    /// Writes the wire form.
    #[must_use]
    pub fn encode<'p>(pairs: impl IntoIterator<Item = (&'p [u8], &'p [u8])> + Clone) -> Vec<u8> {
        let mut count: u32 = 0;
        let mut out = vec![0; 4];
        for (name, value) in pairs.clone() {
            count = count.saturating_add(1);
            out.extend_from_slice(&size_word(name.len()));
            out.extend_from_slice(&size_word(value.len()));
        }
        for (name, value) in pairs {
            out.extend_from_slice(name);
            out.push(0);
            out.extend_from_slice(value);
            out.push(0);
        }
        if let Some(first) = out.first_chunk_mut::<4>() {
            *first = count.to_le_bytes();
        }
        out
    }
}

impl<'a> IntoIterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Walks over [`Pairs`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    sizes: &'a [u8],
    data: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (sizes, rest) = self.sizes.split_first_chunk::<8>()?;
        let sizes = u64::from_le_bytes(*sizes);
        let (name, value) = (sizes as u32 as usize, (sizes >> 32) as usize);
        let (entry, data) = self.data.split_at_checked(name.checked_add(value)?.checked_add(2)?)?;
        (self.sizes, self.data) = (rest, data);
        let (name, value) = entry.split_at_checked(name)?;
        Some((name, value.split_first()?.1.split_last()?.1))
    }
}

/// Walks over the values of one name.
#[derive(Debug, Clone)]
pub struct Values<'a, 'n> {
    /// Those that are left.
    sizes: std::slice::Iter<'a, [u8; 8]>,
    data: &'a [u8],
    /// Where the next name begins in the data.
    at: usize,
    name: &'n [u8],
}

impl<'a> Iterator for Values<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let Self { data, name: wanted, .. } = *self;
        let mut at = self.at;
        let mut found = None;
        for size in self.sizes.by_ref() {
            let size = u64::from_le_bytes(*size);
            let (name, value) = (size as u32 as usize, (size >> 32) as usize);
            let start = at;
            // What has been accepted does not wrap; of anything else the checks below let nothing outside be read.
            at = start.wrapping_add(name).wrapping_add(value).wrapping_add(2);
            if name == wanted.len()
                && let Some((name, value)) =
                    data.get(start..at.wrapping_sub(1)).and_then(|entry| entry.split_at_checked(name))
                && is_same(name, wanted)
            {
                found = value.split_first().map(|(_, value)| value);
                break;
            }
        }
        self.at = at;
        found
    }
}

/// Whether two names of one length are the same. A call that compares bytes takes longer in a wasm module than all the rest of a
/// look-up: this goes by words, of which the last overlaps the one before.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    if let (Some(last), Some(other_last)) = (one.last_chunk(), other.last_chunk()) {
        let words = one.as_chunks().0.iter().zip(other.as_chunks().0);
        return word(last) == word(other_last) && words.into_iter().all(|(one, other)| word(one) == word(other));
    }
    match (one.first_chunk::<4>(), one.last_chunk::<4>(), other.first_chunk::<4>(), other.last_chunk::<4>()) {
        (Some(first), Some(last), Some(other_first), Some(other_last)) => first == other_first && last == other_last,
        _ => one.iter().eq(other),
    }
}

/// The bytes are not a header map in its wire form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a header map in its wire form")]
pub struct InvalidPairs;

/// A size as the wire has it. Nothing in a wasm32 guest is longer than a `u32` counts; a longer one elsewhere would be
/// refused by the reader, because the sizes would not add up.
fn size_word(size: usize) -> [u8; 4] {
    u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Map = Vec<(Vec<u8>, Vec<u8>)>;

    fn read(wire: &[u8]) -> Result<Map, InvalidPairs> {
        Ok(Pairs::parse(wire)?.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect())
    }

    #[test]
    fn nothing_is_an_empty_map() {
        assert_eq!(read(&[]), Ok(vec![]));
        assert_eq!(read(&[0, 0, 0, 0]), Ok(vec![]));
    }

    #[test]
    fn refuses_what_does_not_add_up() {
        let good = Pairs::encode([(b"ab".as_slice(), b"c".as_slice())]);
        for cut in 1..good.len() {
            assert_eq!(read(&good[..cut]), Err(InvalidPairs), "cut at {cut}");
        }
        let mut long = good.clone();
        long.push(0);
        assert_eq!(read(&long), Err(InvalidPairs));
        let mut no_nul = good;
        *no_nul.last_mut().unwrap() = b'x';
        assert_eq!(read(&no_nul), Err(InvalidPairs));
        assert_eq!(read(&[0xff; 16]), Err(InvalidPairs));
    }

    #[test]
    fn a_name_is_found_among_those_that_differ_in_one_byte() {
        for length in 1..40_usize {
            let name = (0..length).map(|at| b'a' + (at % 26) as u8).collect::<Vec<_>>();
            let with_another_byte = |at: usize| {
                let mut other = name.clone();
                other[at] ^= 0x80;
                other
            };
            let others = (0..length).map(with_another_byte).collect::<Vec<_>>();
            let all = others.iter().chain([&name]).map(|name| (name.as_slice(), b"v".as_slice())).collect::<Vec<_>>();
            let wire = Pairs::encode(all.iter().copied());
            let pairs = Pairs::parse(&wire).unwrap();
            assert_eq!(pairs.values(&name).count(), 1, "{length}");
            assert!(others.iter().all(|other| pairs.values(other).count() == 1), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_map_comes_back(map in any::<Map>()) {
            let wire = Pairs::encode(map.iter().map(|(n, v)| (n.as_slice(), v.as_slice())));
            prop_assert!(Pairs::accepted(&wire).iter().eq(Pairs::parse(&wire).unwrap()));
            for (name, _) in &map {
                let all = map.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_slice());
                prop_assert!(Pairs::accepted(&wire).values(name).eq(all));
            }
            prop_assert_eq!(read(&wire), Ok(map));
        }

        #[test]
        fn no_bytes_panic(wire in any::<Vec<u8>>()) {
            let _ = read(&wire);
            let pairs = Pairs::accepted(&wire);
            prop_assert!(pairs.iter().count() <= wire.len() / 8 && pairs.values(b"").count() <= wire.len() / 8);
        }
    }
}
