//! What is known of each byte of a span: a bit for each kind, sixteen bytes at a time.
//!
//! Two look-ups tell of a byte to which of eight kinds it belongs: in a table for its lower half, and in one for its upper half.
//! What stands in both is so. Each kind has a plane of its own, which is read 64 bits at a time.

use super::lanes::{Lanes, Table};
use super::set;

/// How many bytes are known at a time: a span, and the block behind it.
pub(super) const BYTES: usize = super::SPAN + 64;
const LANES: usize = BYTES / 16;

/// A bit for each byte of a span.
#[derive(Clone, Copy)]
pub(super) struct Plane([[u8; 2]; LANES]);

impl Plane {
    const NONE: Self = Self([[0; 2]; LANES]);

    /// The bits of sixteen bytes.
    #[inline]
    pub fn put(&mut self, lane: usize, bits: u64) {
        if let Some(place) = self.0.get_mut(lane) {
            *place = (bits as u16).to_le_bytes();
        }
    }

    /// The bits of 64 bytes.
    #[inline]
    pub fn block(&self, number: usize) -> u64 {
        self.0.as_flattened().as_chunks::<8>().0.get(number).map_or(0, |eight| u64::from_le_bytes(*eight))
    }
}

/// The kinds of bytes, each with its plane.
pub(super) struct Planes {
    pub digits: Plane,
    /// Letters, digits and `_`.
    pub words: Plane,
    /// What has the bit that small letters have, and capital ones have not.
    pub small: Plane,
    /// Space and `-`.
    pub between: Plane,
    pub dots: Plane,
    pub pluses: Plane,
    pub colons: Plane,
    pub equals: Plane,
    pub ats: Plane,
    /// `"` and `\`.
    pub quotes: Plane,
    /// Where no fragment begins.
    pub nothing: Plane,
    /// Bytes of words and expressions.
    pub own: Plane,
}

/// The bits of the kinds: four that words are made of, at the top, so that a word's byte is known by its size.
const DIGIT: u32 = 7;
const BETWEEN: u32 = 3;
const DOT: u32 = 2;
const PLUS: u32 = 1;
const COLON: u32 = 0;
/// The least of a word's bytes.
const WORD: u8 = 1 << 4;
/// What small letters have.
const SMALL: u32 = 5;

/// Kinds by the halves of their bytes: every byte whose halves are in both lists is of the kind.
const KINDS: [(u32, &[u8], &[u8]); 8] = [
    (DIGIT, &[3], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    // A to O and P to Z, capital or not; and `_`.
    (6, &[4, 6], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
    (5, &[5, 7], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    (4, &[5], &[15]),
    (BETWEEN, &[2], &[0, 13]),
    (DOT, &[2], &[14]),
    (PLUS, &[2], &[11]),
    (COLON, &[3], &[10]),
];
/// Of the lower and of the upper half of a byte, the kinds it may be of.
pub(super) const TABLES: [Table; 2] = [table(false), table(true)];

#[allow(clippy::indexing_slicing, reason = "halves of bytes are less than 16, and constants are made of it")]
const fn table(high: bool) -> Table {
    let mut table = [0; 16];
    let mut kinds: &[_] = &KINDS;
    while let [(bit, highs, lows), rest @ ..] = kinds {
        let mut halves = if high { *highs } else { *lows };
        while let [half, others @ ..] = halves {
            table[*half as usize] |= 1 << *bit;
            halves = others;
        }
        kinds = rest;
    }
    table
}

/// A part of a text, sixteen bytes after the other: those that are here, and the end, with zeros up to its length and further.
pub(super) struct Parts<'t> {
    pub whole: &'t [[u8; 16]],
    pub end: [[u8; 16]; 8],
}

impl<'t> Parts<'t> {
    /// From a byte of a text on, so many at most.
    pub fn new(text: &'t [u8], from: usize, bytes: usize) -> Self {
        let here = text.get(from..text.len().min(from + bytes)).unwrap_or_default();
        let (whole, rest) = here.as_chunks::<16>();
        let mut end = [[0; 16]; 8];
        end.as_flattened_mut().iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Self { whole, end }
    }
}

impl Planes {
    pub const NONE: Self = {
        let none = Plane::NONE;
        Self {
            digits: none,
            words: none,
            small: none,
            between: none,
            dots: none,
            pluses: none,
            colons: none,
            equals: none,
            ats: none,
            quotes: none,
            nothing: none,
            own: none,
        }
    };

    /// Tells the kinds of bytes; of cards only what these need.
    pub fn read(&mut self, parts: &Parts<'_>, tables: &[Table; 2], all: bool, quoted: bool) {
        // A loop for each choice: with opt-level "s" the compiler does not take a choice out of a loop.
        match (all, quoted) {
            (false, false) => self.read_parts::<false, false>(parts, tables),
            (false, true) => self.read_parts::<false, true>(parts, tables),
            (true, false) => self.read_parts::<true, false>(parts, tables),
            (true, true) => self.read_parts::<true, true>(parts, tables),
        }
    }

    fn read_parts<const ALL: bool, const QUOTED: bool>(&mut self, parts: &Parts<'_>, tables: &[Table; 2]) {
        self.read_lanes::<ALL, QUOTED>(parts.whole, 0, tables);
        self.read_lanes::<ALL, QUOTED>(&parts.end, parts.whole.len(), tables);
    }

    // Without a call in the loop, so that tables stay where they are at hand.
    #[inline(never)]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn read_lanes<const ALL: bool, const QUOTED: bool>(
        &mut self,
        bytes: &[[u8; 16]],
        first: usize,
        [low, high]: &[Table; 2],
    ) {
        let (low, high) = (Lanes::load(low), Lanes::load(high));
        for (lane, bytes) in (first..LANES).zip(bytes) {
            let bytes = Lanes::load(bytes);
            let kinds = bytes.low().of(low).and(bytes.high().of(high));
            self.digits.put(lane, kinds.bit(DIGIT));
            self.words.put(lane, kinds.are_at_least(WORD));
            self.between.put(lane, kinds.bit(BETWEEN));
            if ALL {
                self.small.put(lane, bytes.bit(SMALL));
                self.dots.put(lane, kinds.bit(DOT));
                self.pluses.put(lane, kinds.bit(PLUS));
                self.colons.put(lane, kinds.bit(COLON));
                self.equals.put(lane, bytes.are(b'='));
                self.ats.put(lane, bytes.are(b'@'));
            }
            if QUOTED {
                self.quotes.put(lane, bytes.are_either(b'"', b'\\'));
            }
        }
    }

    /// Tells where bytes of a set are: those of ASCII, and the others.
    pub fn read_own(&mut self, parts: &Parts<'_>, tables: &[Table; 2]) {
        self.read_own_lanes(parts.whole, 0, tables);
        self.read_own_lanes(&parts.end, parts.whole.len(), tables);
    }

    #[inline(never)]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn read_own_lanes(&mut self, bytes: &[[u8; 16]], first: usize, [ascii, other]: &[Table; 2]) {
        let (ascii, other) = (Lanes::load(ascii), Lanes::load(other));
        let (ascii_bits, other_bits) = (Lanes::load(&set::ASCII_BITS), Lanes::load(&set::OTHER_BITS));
        for (lane, bytes) in (first..LANES).zip(bytes) {
            let bytes = Lanes::load(bytes);
            let (low, high) = (bytes.low(), bytes.high());
            let no_ascii = low.of(ascii).and(high.of(ascii_bits)).are_none();
            let no_other = low.of(other).and(high.of(other_bits)).are_none();
            self.own.put(lane, !(no_ascii & no_other));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_say_of_every_byte_what_it_is() {
        // Every byte in every place of a lane, and an end within a lane.
        let text = (0..1500_u32).map(|at| (at * 37 + at / 256) as u8).collect::<Vec<_>>();
        let mut planes = Planes::NONE;
        let tables = {
            let mut tables = [Table::default(); 2];
            set::add(&mut tables[0], b'q');
            set::add(&mut tables[1], 0xe9);
            tables
        };
        for from in [0, 64, 1408] {
            let parts = Parts::new(&text, from, 33 * 64);
            planes.read(&parts, &TABLES, true, true);
            planes.read_own(&parts, &tables);
            let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let naive: [(&Plane, &dyn Fn(u8) -> bool); 11] = [
                (&planes.digits, &|byte| byte.is_ascii_digit()),
                (&planes.words, &word),
                (&planes.small, &|byte| byte & 0x20 != 0),
                (&planes.between, &|byte| matches!(byte, b' ' | b'-')),
                (&planes.dots, &|byte| byte == b'.'),
                (&planes.pluses, &|byte| byte == b'+'),
                (&planes.colons, &|byte| byte == b':'),
                (&planes.equals, &|byte| byte == b'='),
                (&planes.ats, &|byte| byte == b'@'),
                (&planes.quotes, &|byte| matches!(byte, b'"' | b'\\')),
                (&planes.own, &|byte| matches!(byte, b'q' | 0xe9)),
            ];
            for (number, (plane, is)) in naive.iter().enumerate() {
                for at in 0..32 * 64 {
                    if at >= (text.len() - from) / 16 * 16 + 128 {
                        break;
                    }
                    let bit = plane.block(at / 64) >> (at % 64) & 1 == 1;
                    assert_eq!(bit, text.get(from + at).is_some_and(|byte| is(*byte)), "plane {number}, byte {at}");
                }
            }
        }
    }
}
