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
        let pairs = Self { sizes, data };
        let mut walk = pairs.iter();
        while let Some((name, entry)) = walk.entry() {
            if entry.get(name) != Some(&0) || entry.last() != Some(&0) {
                return Err(InvalidPairs);
            }
        }
        if walk.sizes.is_empty() && walk.data.is_empty() { Ok(pairs) } else { Err(InvalidPairs) }
    }

    /// The same for bytes that [`parse`](Self::parse) has accepted before, without reading them all again. Other bytes give some
    /// map or other.
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
    #[must_use]
    pub fn values<'n>(&self, name: &'n [u8]) -> Values<'a, 'n> {
        Values { pairs: *self, at: 0, name }
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
        let (name, entry) = self.entry()?;
        let (name, value) = entry.split_at_checked(name)?;
        Some((name, value.split_first()?.1.split_last()?.1))
    }
}

impl<'a> Iter<'a> {
    /// A name and a value, each with the byte that closes it, in one piece; and how long the name is.
    #[inline]
    fn entry(&mut self) -> Option<(usize, &'a [u8])> {
        let (sizes, rest) = self.sizes.split_first_chunk::<8>()?;
        let sizes = u64::from_le_bytes(*sizes);
        let (name, value) = (sizes as u32 as usize, (sizes >> 32) as usize);
        let (entry, data) = self.data.split_at_checked(name.checked_add(value)?.checked_add(2)?)?;
        (self.sizes, self.data) = (rest, data);
        Some((name, entry))
    }
}

/// Walks over the values of one name.
#[derive(Debug, Clone)]
pub struct Values<'a, 'n> {
    /// Whose sizes are left.
    pairs: Pairs<'a>,
    /// Where the next name begins in the data.
    at: usize,
    name: &'n [u8],
}

impl<'a> Iterator for Values<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let Self { pairs: Pairs { sizes, data }, at, name: wanted } = self;
        while let Some((size, rest)) = sizes.split_first_chunk::<8>() {
            *sizes = rest;
            let size = u64::from_le_bytes(*size);
            let (name, value) = (size as u32 as usize, (size >> 32) as usize);
            let start = *at;
            // What has been accepted does not wrap; of anything else the checks below let nothing outside be read.
            *at = start.wrapping_add(name).wrapping_add(value).wrapping_add(2);
            // Most names have another length or another end, and need no call to be told apart.
            if name == wanted.len()
                && let Some((name, value)) =
                    data.get(start..at.wrapping_sub(1)).and_then(|entry| entry.split_at_checked(name))
                && name.last() == wanted.last()
                && name == *wanted
            {
                return value.split_first().map(|(_, value)| value);
            }
        }
        None
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
