//! Where each instruction of a linked module was before linking.
//!
//! Line tables (DWARF) say which address of the compiler's output came from which line. The post-link step moves code,
//! so the tables are kept as they were and this map leads from an address after to the address before. Rewriting the
//! tables instead would trust a step that its own documentation calls buggy and that panics on tables it cannot read.

use crate::sections::{signed, take_signed, take_unsigned, unsigned};

/// The section of a debug module that holds the map.
pub(crate) const SECTION: &str = "tamis.code_map";

/// What the names of the kept line tables' sections start with, so that no other tool takes their addresses for those
/// of the module they stand in.
pub(crate) const ORIGINAL: &str = "original";

/// Offsets count from the start of the code section's contents, as DWARF's do, before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CodeMap {
    /// `(after, before)` in ascending order of `after`; from one entry to the next both grow alike.
    entries: Vec<(u64, i64)>,
}

impl CodeMap {
    /// The map of pairs `(before, after)` of instructions, in any order.
    pub(crate) fn new(pairs: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut entries: Vec<(u64, i64)> =
            pairs.filter_map(|(before, after)| Some((after, i64::try_from(before).ok()?))).collect();
        entries.sort_unstable();
        entries.dedup_by_key(|entry| entry.0);
        let shift = |entry: &(u64, i64)| entry.1.wrapping_sub_unsigned(entry.0);
        entries.dedup_by(|next, kept| shift(next) == shift(kept));
        Self { entries }
    }

    /// Where the instruction at this offset was.
    pub(crate) fn before(&self, after: u64) -> Option<u64> {
        let index = self.entries.partition_point(|entry| entry.0 <= after).checked_sub(1)?;
        let (start, before) = self.entries.get(index)?;
        u64::try_from(before.checked_add_unsigned(after - start)?).ok()
    }

    /// The section's contents: a version, then for each entry how far both offsets are from those before.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        let (mut last_after, mut last_before) = (0, 0_i64);
        for &(after, before) in &self.entries {
            unsigned(&mut out, after.wrapping_sub(last_after));
            signed(&mut out, before.wrapping_sub(last_before));
            (last_after, last_before) = (after, before);
        }
        out
    }

    /// Reads what [`CodeMap::encode`] wrote; `None` for anything else. There is at most one entry per two bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[VERSION])?;
        let mut entries = Vec::new();
        let (mut after, mut before) = (0_u64, 0_i64);
        while !rest.is_empty() {
            after = after.checked_add(take_unsigned(&mut rest)?)?;
            before = before.checked_add(take_signed(&mut rest)?)?;
            entries.push((after, before));
        }
        Some(Self { entries })
    }
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_back_and_survives_its_section() {
        // Two functions that changed places, the second with an instruction that grew by a byte.
        let pairs = [(100, 10), (102, 12), (105, 15), (20, 40), (22, 42), (25, 46)];
        let map = CodeMap::new(pairs.into_iter());
        assert_eq!(map.entries.len(), 3);
        for (before, after) in pairs {
            assert_eq!(map.before(after), Some(before));
        }
        assert_eq!(map.before(9), None);
        assert_eq!(CodeMap::decode(&map.encode()), Some(map));
    }

    #[test]
    fn refuses_other_bytes() {
        assert_eq!(CodeMap::decode(&[]), None);
        assert_eq!(CodeMap::decode(&[9]), None);
        assert_eq!(CodeMap::decode(&[VERSION, 0x80]), None);
        let mut far = vec![VERSION];
        for _ in 0..2 {
            unsigned(&mut far, u64::MAX);
            signed(&mut far, 0);
        }
        assert_eq!(CodeMap::decode(&far), None);
    }
}
