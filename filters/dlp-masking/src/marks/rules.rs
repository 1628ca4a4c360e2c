//! Which bytes of a block have to be looked at, by what is near them: for all of its 64 bytes at once.

use super::Finder;
use super::planes::{Plane, Planes};
use crate::detect::is_none_at_a_glance;
use crate::view::is_word;

/// A bit further on: the block's and the first ones of the next.
#[inline]
fn ahead(here: u64, next: u64, by: u32) -> u64 {
    here >> by | next << (64 - by)
}

/// A block of a text, and what is known of its bytes and the next ones.
pub(super) struct Block<'b> {
    pub finder: &'b Finder,
    pub planes: &'b Planes,
    pub text: &'b [u8],
    /// Nothing comes behind the text.
    pub complete: bool,
    /// Texts are strings of JSON: what is behind a quote is not in the same text.
    pub strings: bool,
    /// Its first byte in the text, and its number in the planes.
    pub at: usize,
    pub number: usize,
}

impl Block<'_> {
    /// All of its marks, but those of words and expressions.
    #[inline]
    pub fn stops(&self) -> u64 {
        let Self { finder, planes, number, .. } = *self;
        let mut marks = 0;
        let digits = planes.digits.block(number);
        if digits != 0 {
            marks |= self.numbers(digits);
        }
        if !finder.fragments.is_empty() {
            marks |= !planes.nothing.block(number);
        }
        if finder.mail {
            let ats = planes.ats.block(number);
            if ats != 0 {
                marks |= self.mails(ats);
            }
        }
        let colons = planes.colons.block(number);
        if finder.colons && colons != 0 {
            marks |= self.addresses(colons);
        }
        if let Some(tails) = &finder.names {
            let quoted = if self.strings { planes.quotes.block(number) << 1 } else { 0 };
            let signs = (colons | planes.equals.block(number)) & !quoted;
            if signs != 0 {
                marks |= tails.behind(self.text, self.at, signs);
            }
        }
        marks
    }

    /// The byte before the block, `back` bytes.
    #[inline]
    fn before(&self, back: usize) -> u8 {
        self.at.checked_sub(back).and_then(|before| self.text.get(before)).copied().unwrap_or(b' ')
    }

    /// First digits of numbers.
    #[inline]
    fn numbers(&self, d0: u64) -> u64 {
        let Self { finder, planes, number, .. } = *self;
        let before = self.before(1);
        let starts = d0 & !(d0 << 1 | u64::from(before.is_ascii_digit()));
        let next = planes.digits.block(number + 1);
        let d = |by| ahead(d0, next, by);
        let words = planes.words.block(number);
        let alone = starts & !(words << 1 | u64::from(is_word(before)));
        let (d1, d2, d3, d4) = (d(1), d(2), d(3), d(4));
        let mut marks = 0;
        // What is in groups, or long, begins with three digits at least.
        if finder.groups && alone & d1 & d2 != 0 {
            let (between, more) = (planes.between.block(number), planes.between.block(number + 1));
            let s = |by| ahead(between, more, by);
            let (d5, d6, d7, d8) = (d(5), d(6), d(7), d(8));
            let four = alone & d1 & d2 & d3;
            // 4-4- and 4-6-.
            marks |= four & s(4) & d5 & d6 & d7 & d8 & (s(9) | d(9) & d(10) & s(11));
            let nine = four & d4 & d5 & d6 & d7 & d8;
            if finder.persons {
                marks |= nine;
                // 3-2-4 and 3-3-4, 6-7.
                marks |= alone & d1 & d2 & s(3) & d4 & d5 & (s(6) & d7 | d6 & s(7) & d8);
                marks |= four & d4 & d5 & s(6) & d7 & d8;
            } else {
                marks |= nine & d(9) & d(10) & d(11);
            }
            marks = self.after_a_glance(marks, d0, next);
        }
        let (dots, more) = (planes.dots.block(number), planes.dots.block(number + 1));
        if finder.dotted && dots | more != 0 {
            let p = |by| ahead(dots, more, by);
            let (p1, p2, p3, p4, p5, p6, p7) = (p(1), p(2), p(3), p(4), p(5), p(6), p(7));
            let one = p1 & d2 & (p3 | p4 | p5);
            let two = d1 & p2 & d3 & (p4 | p5 | p6);
            let three = d1 & d2 & p3 & d4 & (p5 | p6 | p7);
            marks |= alone & (one | two | three);
        }
        if finder.phone {
            let mut rest = starts & (planes.pluses.block(number) << 1 | u64::from(before == b'+'));
            while rest != 0 {
                let place = rest.trailing_zeros();
                rest &= rest - 1;
                // Seven digits at least, with two bytes between them at most.
                let digits = if place == 0 { d0 } else { d(place) };
                marks |= u64::from((digits & 0x7_ffff).count_ones() >= 7) << place;
            }
        }
        if finder.iban {
            // What is no capital letter may pass: `_`.
            let uppers = words & !d0 & !planes.small.block(number);
            let behind = starts & d1 & (uppers << 1 | u64::from(before.is_ascii_uppercase()));
            if behind != 0 {
                let (one, two) = (before.is_ascii_uppercase(), self.before(2).is_ascii_uppercase());
                marks |= behind & (uppers << 2 | u64::from(one) << 1 | u64::from(two));
            }
        }
        marks
    }

    /// Of first digits of numbers in groups, or long ones, those at which more than a glance is needed.
    #[inline]
    fn after_a_glance(&self, starts: u64, digits: u64, next: u64) -> u64 {
        let mut marks = starts;
        let mut rest = starts;
        while rest != 0 {
            let place = rest.trailing_zeros();
            rest &= rest - 1;
            let digits = if place == 0 { digits } else { ahead(digits, next, place) };
            let is_none = is_none_at_a_glance(self.text, self.at + place as usize, digits, self.complete);
            marks ^= u64::from(is_none) << place;
        }
        marks
    }

    /// Signs of mail addresses: behind what a name can end with, and before a label with a dot and another one behind it.
    #[inline]
    fn mails(&self, ats: u64) -> u64 {
        let Self { planes, number, .. } = *self;
        let block = |plane: &Plane| plane.block(number);
        let from = |plane: &Plane, place: u32| ahead(block(plane), plane.block(number + 1), place);
        let none = ats | block(&planes.colons) | block(&planes.equals) | block(&planes.dots);
        let mut marks = 0;
        let mut rest = ats & from(&planes.words, 1) & !(none << 1);
        while rest != 0 {
            let place = rest.trailing_zeros();
            rest &= rest - 1;
            if place > 61 {
                marks |= 1 << place;
                continue;
            }
            let (words, between) = (from(&planes.words, place + 1), from(&planes.between, place + 1));
            let length = (!(words | between)).trailing_zeros();
            // Of a longer one, the end may not be here.
            let goes_on = length > 32 || from(&planes.dots, place + 1) >> length & words >> length >> 1 & 1 == 1;
            marks |= u64::from(goes_on) << place;
        }
        marks
    }

    /// Colons that may be the first one of an address.
    #[inline]
    fn addresses(&self, colons: u64) -> u64 {
        let next = self.planes.colons.block(self.number + 1);
        let is_hex = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_hexdigit);
        let mut marks = 0;
        // Two in a row, or a group of four digits at most between them; what the next block begins with is not asked.
        let near = colons >> 1 | colons >> 2 | colons >> 3 | colons >> 4 | colons >> 5 | 0b1_1111 << 59;
        let mut rest = colons & near;
        while rest != 0 {
            let place = rest.trailing_zeros();
            rest &= rest - 1;
            let at = self.at + place as usize;
            let before = is_hex(at.checked_sub(1).and_then(|before| self.text.get(before)));
            let behind = self.text.get(at + 1);
            // Of a whole address there are so many more, or two in a row: within the groups that may still come.
            let more = if place == 0 { colons } else { ahead(colons, next, place) } >> 1 & 0x7_ffff_ffff;
            let may_be = if behind == Some(&b':') {
                before || is_hex(self.text.get(at + 2))
            } else {
                before && is_hex(behind) && (more.count_ones() >= 5 || more & more >> 1 != 0)
            };
            marks |= u64::from(may_be) << place;
        }
        marks
    }
}
