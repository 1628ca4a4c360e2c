//! Signs that stand behind a name which may be one of a list: told by its last three bytes.

use super::lanes::{Lanes, Table};
use super::set;

/// What may stand between a name and its `=` or `:`.
const QUOTE: Table = set::ascii(b" \"'\\");

/// The tables at hand.
struct Loaded {
    tails: [Lanes; 3],
    quote: Lanes,
    ascii: Lanes,
    all: Lanes,
}

/// What is known of sixteen bytes: where a name may end, where a quote is, and what the next ones go on from.
struct Lane {
    ends: u64,
    quotes: u64,
    second: Lanes,
    third: Lanes,
}

impl Loaded {
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn lane(&self, bytes: Lanes, second: Lanes, third: Lanes) -> Lane {
        let (low, high) = (bytes.low(), bytes.high().of(self.all));
        let [a, b, c] = self.tails;
        let here = [low.of(a).and(high), low.of(b).and(high), low.of(c).and(high)];
        let ends = here[0].least(second.last_and(here[1])).least(third.last_two_and(here[2]));
        Lane {
            ends: !ends.are_none() & 0xffff,
            quotes: !low.of(self.quote).and(bytes.high().of(self.ascii)).are_none() & 0xffff,
            second: here[1],
            third: here[2],
        }
    }
}

/// Of many signs in 64 bytes from `at` on those that may stand behind a name with such an end, the last byte's table first. Where
/// what is before them is not here, all may.
#[inline(never)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn of_many([a, b, c]: &[Table; 3], text: &[u8], at: usize, signs: u64) -> u64 {
    let here = at.checked_sub(16).and_then(|from| text.get(from..)).and_then(<[u8]>::first_chunk::<80>);
    let Some(bytes) = here.map(|bytes| bytes.as_chunks::<16>().0) else { return signs };
    let tables = Loaded {
        tails: [Lanes::load(a), Lanes::load(b), Lanes::load(c)],
        quote: Lanes::load(&QUOTE),
        ascii: Lanes::load(&set::ASCII_BITS),
        all: Lanes::load(&set::ALL_BITS),
    };
    let all = Lanes::load(&[u8::MAX; 16]);
    let mut lane = Lane { ends: 0, quotes: 0, second: all, third: all };
    let (mut ends, mut quotes, mut before) = (0, 0, (0, 0));
    for (part, bytes) in bytes.iter().enumerate() {
        lane = tables.lane(Lanes::load(bytes), lane.second, lane.third);
        if part == 0 {
            before = (lane.ends, lane.quotes);
        }
        ends = ends >> 16 | lane.ends << 48;
        quotes = quotes >> 16 | lane.quotes << 48;
    }
    let ends = |by: u32| ends << by | before.0 >> (16 - by);
    let quotes = |by: u32| quotes << by | before.1 >> (16 - by);
    // With up to three quotes between them.
    signs & (ends(1) | quotes(1) & (ends(2) | quotes(2) & (ends(3) | quotes(3) & ends(4))))
}

/// The last three letters of names, the last one first.
#[derive(Debug, Clone)]
pub(crate) struct Tails {
    tables: [Table; 3],
    /// The same for each byte: a bit for each of the three, and [`QUOTED`].
    bytes: [u8; 256],
}

/// So many signs in a block are few.
const FEW: u32 = 5;
/// It may stand between a name and its `=` or `:`.
const QUOTED: u8 = 8;

impl Tails {
    pub fn new(tables: [Table; 3]) -> Self {
        let mut bytes = [0; 256];
        for (byte, kinds) in (0..=u8::MAX).zip(&mut bytes) {
            for (bit, table) in tables.iter().enumerate() {
                *kinds |= u8::from(set::may_have(table, byte)) << bit;
            }
            if byte.is_ascii() && set::may_have(&QUOTE, byte) {
                *kinds |= QUOTED;
            }
        }
        Self { tables, bytes }
    }

    /// Of the signs of 64 bytes from `at` on those that may stand behind a name.
    #[inline]
    pub fn behind(&self, text: &[u8], at: usize, signs: u64) -> u64 {
        if signs.count_ones() > FEW {
            return of_many(&self.tables, text, at, signs);
        }
        let mut marks = 0;
        let mut rest = signs;
        while rest != 0 {
            let place = rest.trailing_zeros();
            rest &= rest - 1;
            marks |= u64::from(self.may_end(text, at + place as usize)) << place;
        }
        marks
    }

    /// Whether a name may end before a byte, with up to three quotes between them.
    #[inline]
    fn may_end(&self, text: &[u8], at: usize) -> bool {
        let before = at.checked_sub(8).and_then(|from| text.get(from..)).and_then(<[u8]>::first_chunk::<8>);
        let Some(mut before) = before.map(|before| u64::from_le_bytes(*before)) else { return true };
        let kinds = |byte: u64| self.bytes.get(usize::from(byte as u8)).copied().unwrap_or(0);
        for _ in 0..3 {
            if kinds(before >> 56) & QUOTED == 0 {
                break;
            }
            before <<= 8;
        }
        kinds(before >> 56) & kinds(before >> 48) >> 1 & kinds(before >> 40) >> 2 & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::keyed::{NAMES, Names};

    #[test]
    fn many_signs_are_told_as_each_by_itself() {
        let tables = Names::new(NAMES.into_iter().chain(["contraseña", "пароль"])).tails();
        let tails = Tails::new(tables);
        let parts = [
            "password", "pwd", "token", "KEY", "x", "rd", "s_", "\"", " ", "'", "\\", ":", "=", ".", "-", "é", "ña",
            "ЛЬ", "\u{a0}",
        ];
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 11) % bound
        };
        let mut may = 0;
        for _ in 0..500 {
            let mut text = String::new();
            while text.len() < 200 {
                text.push_str(parts[below(parts.len() as u64) as usize]);
            }
            for at in [16, 64, 100] {
                let bytes = text.as_bytes();
                let signs = (0..64).filter(|place| matches!(bytes[at + place], b':' | b'='));
                let signs = signs.fold(0_u64, |signs, place| signs | 1 << place);
                let each = (0..64).filter(|place| signs >> place & 1 == 1 && tails.may_end(bytes, at + place));
                let each = each.fold(0_u64, |signs, place| signs | 1 << place);
                assert_eq!(of_many(&tables, bytes, at, signs), each, "{text:?}, {at}");
                may += each.count_ones();
            }
        }
        assert!(may > 1000, "{may}");
    }
}
