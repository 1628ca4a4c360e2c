//! Digits in groups: `4111 1111 1111 1111`, `078-05-1120`.

use crate::view::{View, is_word};

/// The most groups that are read.
const MOST: usize = 5;
/// Numbers with so many digits in a row are not written in groups.
const SHORT: usize = 9;
/// The longest group that can be part of anything.
pub(crate) const LONGEST: usize = 19;

/// The groups of digits from a place on, and what lies between them.
#[derive(Debug)]
pub(crate) struct Groups {
    /// Where the first one begins.
    pub start: usize,
    /// The length of each, in a byte: the first one in the lowest.
    lengths: u64,
    /// What is before each, in a byte.
    separators: u64,
}

/// A way to print groups: their lengths, in a byte each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printed {
    lengths: u64,
    /// All bits of the groups that there are.
    mask: u64,
    /// From the first digit to the last one.
    width: usize,
}

impl Printed {
    pub const fn new(lengths: &[u8]) -> Self {
        let (mut printed, mut rest) = (Self { lengths: 0, mask: 0, width: 0 }, lengths);
        while let [before @ .., last] = rest {
            printed.lengths = printed.lengths << 8 | *last as u64;
            printed.mask = printed.mask << 8 | 0xff;
            printed.width += *last as usize + !before.is_empty() as usize;
            rest = before;
        }
        printed
    }
}

impl Groups {
    /// Reads the first group, of which `first` digits are known, and those that follow with one separator between them.
    pub fn read(view: &View<'_>, start: usize, first: usize) -> Self {
        let mut groups = Self { start, lengths: first as u64, separators: 0 };
        let mut at = start + first;
        // What is written in groups begins with a short one.
        let more = if first < SHORT { MOST } else { 1 };
        for group in 1..more {
            let Some(separator @ (b' ' | b'-' | b'.')) = view.get(at) else { break };
            let length = view.digits(at + 1, LONGEST + 1);
            if length == 0 || length > LONGEST {
                break;
            }
            groups.lengths |= (length as u64) << (group * 8);
            groups.separators |= u64::from(separator) << (group * 8);
            at += 1 + length;
        }
        groups
    }

    /// Where these groups end if they are the first ones, all with this separator between them.
    pub fn are(&self, printed: Printed, separator: u8) -> Option<usize> {
        let between = printed.mask & !0xff;
        let separators = (0x0101_0101_0101_0101 * u64::from(separator)) & between;
        let same = self.lengths & printed.mask == printed.lengths && self.separators & between == separators;
        same.then_some(self.start + printed.width)
    }

    /// The length of a group; 0 when there is none.
    pub fn length(&self, group: usize) -> usize {
        usize::from((self.lengths >> (group * 8)) as u8)
    }

    /// What is before a group, after the first one; 0 when there is none.
    pub fn separator(&self, group: usize) -> u8 {
        (self.separators >> (group * 8)) as u8
    }
}

/// The digits of a text as numbers, as many as there is room for.
pub(crate) fn digits<const N: usize>(text: &[u8]) -> ([u8; N], usize) {
    let (mut out, mut count, mut rest) = ([0; N], 0, text);
    while let [first, behind @ ..] = rest {
        // Most stand in fours, or in a row.
        if let Some((four, behind)) = rest.split_first_chunk::<4>()
            && let Some(values) = four_digits(*four)
            && let Some(places) = out.get_mut(count..count + 4)
        {
            places.copy_from_slice(&values);
            count += 4;
            rest = behind;
            continue;
        }
        if first.is_ascii_digit() {
            let Some(place) = out.get_mut(count) else { break };
            *place = first - b'0';
            count += 1;
        }
        rest = behind;
    }
    (out, count)
}

/// Four bytes as numbers, if all are digits.
#[inline(always)]
fn four_digits(bytes: [u8; 4]) -> Option<[u8; 4]> {
    // A digit becomes 0 to 9, to which 118 can be added without the highest bit.
    let values = u32::from_le_bytes(bytes) ^ 0x3030_3030;
    let others = ((values & 0x7f7f_7f7f) + 0x7676_7676) | values;
    (others & 0x8080_8080 == 0).then(|| values.to_le_bytes())
}

/// How many bytes before a number say whether another group of four digits is before it.
pub(crate) const FOUR: usize = 6;

/// Whether a group of four digits is before a number, and a separator between them. `before` tells the bytes, by how far they
/// are from the number.
pub(crate) fn follows_four(before: impl Fn(usize) -> Option<u8>, separator: u8) -> bool {
    let is_digit = |back| before(back).is_some_and(|byte: u8| byte.is_ascii_digit());
    before(1) == Some(separator) && (2..FOUR).all(is_digit) && !is_digit(FOUR)
}

/// Whether a number stands by itself: it is not a part of a word, of a longer number, or of a name with dashes.
pub(crate) fn stands_alone(view: &View<'_>, start: usize, end: usize) -> bool {
    let before = match view.before(start, 1) {
        None => true,
        Some(b'.') => !view.before(start, 2).is_some_and(|byte| byte.is_ascii_digit()),
        Some(b'-') => !view.before(start, 2).is_some_and(is_word),
        Some(b'+') => false,
        Some(byte) => !is_word(byte),
    };
    before
        && match view.get(end) {
            None => true,
            Some(b'.') => !view.get(end + 1).is_some_and(|byte| byte.is_ascii_digit()),
            Some(b'-') => !view.get(end + 1).is_some_and(is_word),
            Some(byte) => !is_word(byte),
        }
}
