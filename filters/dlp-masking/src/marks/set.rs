//! Sets of bytes, as tables that sixteen bytes at a time are looked up in.

use super::lanes::Table;

/// For the upper half of a byte, the bit that stands for it in the tables of sets; none for bytes that are not of ASCII.
pub(super) const ASCII_BITS: Table = [1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0];
/// The same for all, where a byte that is not of ASCII may pass for the one of ASCII that is 128 less.
pub(super) const ALL_BITS: Table = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
/// The same for the others alone.
pub(super) const OTHER_BITS: Table = [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128];

/// Bytes of ASCII: for each lower half the bits of the upper ones.
pub(super) const fn ascii(bytes: &[u8]) -> Table {
    let mut table = [0; 16];
    let mut rest = bytes;
    while let [byte, others @ ..] = rest {
        add(&mut table, *byte);
        rest = others;
    }
    table
}

#[allow(clippy::indexing_slicing, reason = "half of a byte is less than 16, and constants are made of it")]
/// Puts a byte into a set.
pub(crate) const fn add(table: &mut Table, byte: u8) {
    table[(byte & 15) as usize] |= 1 << ((byte >> 4) & 7);
}

/// Whether a byte may be in a set, by [`ALL_BITS`].
pub(crate) fn may_have(table: &Table, byte: u8) -> bool {
    table.get(usize::from(byte & 15)).is_some_and(|bits| bits >> (byte >> 4 & 7) & 1 == 1)
}
