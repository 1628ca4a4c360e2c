//! Payment cards.
//!
//! * Source: ISO/IEC 7812 (form, Luhn's check digit); the networks' published ranges of issuers and lengths.
//! * Rule: 12 to 19 digits in a row, or in the groups that cards have in print, with spaces or dashes; the beginning is one
//!   of a network, with a length that it uses; Luhn. In a row, 16 digits (15 of American Express) score 65, in groups 85;
//!   lengths that other numbers have too score 40 and need a word such as "card" nearby.
//! * Known misses: groups with dots or with other white space; a number that a line break cuts; cards of a single shop.

use super::groups::{FOUR, Printed, digits, follows_four, stands_alone};
use super::{Groups, person};
use crate::checks::{luhn, luhn_of, luhn_sums};
use crate::entity::Candidate;
use crate::view::View;

/// In groups: how cards are printed.
const PRINTED: [Printed; 6] = [
    Printed::new(&[4, 4, 4, 4, 3]),
    Printed::new(&[4, 4, 4, 4]),
    Printed::new(&[4, 6, 5]),
    Printed::new(&[4, 6, 4]),
    Printed::new(&[4, 4, 4, 4, 2]),
    Printed::new(&[4, 4, 5]),
];

const GROUPED: i32 = 85;
const USUAL: i32 = 65;
const UNUSUAL: i32 = 40;

/// A network's beginnings, as what six digits are at least and below, and the lengths that it uses.
struct Network {
    from: u32,
    below: u32,
    lengths: &'static [usize],
}

impl Network {
    fn has(&self, six: u32, length: usize) -> bool {
        (self.from..self.below).contains(&six) && self.lengths.contains(&length)
    }
}

/// From and to with so many digits.
const fn range(digits: u32, from: u32, to: u32, lengths: &'static [usize]) -> Network {
    let more = 10_u32.pow(6 - digits);
    Network { from: from * more, below: (to + 1) * more, lengths }
}

const ANY: &[usize] = &[16, 17, 18, 19];

/// Visa; Mastercard; American Express; Discover; JCB; Diners Club; UnionPay; Mir; RuPay; Maestro; InstaPayment; InterPayment;
/// Dankort; Troy; Verve; LankaPay; UkrCard; Humo, Uzcard; Napas; Hipercard; BORICA; Elo.
const NETWORKS: [Network; 36] = [
    range(1, 4, 4, &[13, 16, 19]),
    range(2, 51, 55, &[16]),
    range(4, 2221, 2720, &[16]),
    range(2, 34, 34, &[15]),
    range(2, 37, 37, &[15]),
    range(4, 6011, 6011, ANY),
    range(3, 644, 649, ANY),
    range(2, 65, 65, ANY),
    range(4, 3528, 3589, ANY),
    range(3, 300, 305, &[14, 16, 17, 18, 19]),
    range(4, 3095, 3095, &[14, 16, 17, 18, 19]),
    range(2, 36, 36, &[14, 16, 17, 18, 19]),
    range(2, 38, 39, &[14, 16, 17, 18, 19]),
    range(2, 62, 62, ANY),
    range(2, 81, 82, ANY),
    range(4, 2200, 2204, ANY),
    range(2, 60, 60, &[16]),
    range(3, 508, 508, &[16]),
    range(3, 353, 353, &[16]),
    range(3, 356, 356, &[16]),
    range(2, 50, 50, &[12, 13, 14, 15, 16, 17, 18, 19]),
    range(2, 56, 58, &[12, 13, 14, 15, 16, 17, 18, 19]),
    range(2, 63, 63, &[12, 13, 14, 15, 16, 17, 18, 19]),
    range(2, 67, 67, &[12, 13, 14, 15, 16, 17, 18, 19]),
    range(3, 637, 639, &[16]),
    range(3, 636, 636, ANY),
    range(4, 5019, 5019, &[16]),
    range(4, 9792, 9792, &[16]),
    range(6, 506_099, 506_198, &[16, 18, 19]),
    range(6, 357_111, 357_111, &[16]),
    range(6, 604_001, 604_200, &[16]),
    range(4, 9860, 9860, &[16]),
    range(4, 8600, 8600, &[16]),
    range(4, 9704, 9704, &[16, 19]),
    range(4, 2205, 2205, &[16]),
    range(6, 606_282, 606_282, &[16, 19]),
];

/// Which networks have numbers with a first digit: a bit for each.
const BEGINNINGS: [u64; 10] = {
    let mut beginnings = [0; 10];
    let mut number = 0;
    let mut rest: &[Network] = &NETWORKS;
    while let [network, more @ ..] = rest {
        let mut digits: &mut [u64] = &mut beginnings;
        let mut from = 0;
        while let [digit, others @ ..] = digits {
            if network.from < from + 100_000 && network.below > from {
                *digit |= 1 << number;
            }
            from += 100_000;
            digits = others;
        }
        number += 1;
        rest = more;
    }
    beginnings
};

/// Whether a number, of whose first bytes it is known what are digits, is at a glance neither a card nor an Aadhaar number: most
/// numbers that look like cards fail Luhn, and need no closer look. Where bytes are missing and may come, nothing is said.
#[inline]
pub(crate) fn is_none_at_a_glance(text: &[u8], at: usize, digits: u64, complete: bool) -> bool {
    // Sixteen in a row, or two groups of four.
    if digits & 0x1_ffff != 0xffff && digits & 0x3ff != 0x1ef {
        return false;
    }
    let here = text.get(at..).unwrap_or_default();
    let mut end = [0; 24];
    let bytes = match here.first_chunk() {
        Some(bytes) => bytes,
        None => {
            // Behind the end stands nothing that belongs to a number.
            end.iter_mut().zip(here).for_each(|(to, from)| *to = *from);
            &end
        }
    };
    let known = complete || here.len() >= end.len();
    known && Glance { before: text.get(..at).unwrap_or_default(), bytes, digits: digits as u32 & 0xff_ffff }.is_none()
}

/// Twenty-four bytes from a digit on.
struct Glance<'t> {
    before: &'t [u8],
    bytes: &'t [u8; 24],
    /// A bit for each byte that is a digit.
    digits: u32,
}

impl Glance<'_> {
    /// Whether a number begins with four or with sixteen digits, and is neither a card nor an Aadhaar number. What is not told
    /// here may be one, or something else.
    #[inline(always)]
    fn is_none(&self) -> bool {
        // No network's numbers and none of persons begin so.
        if self.byte(0) < b'2' {
            return true;
        }
        let separator = self.byte(4);
        let behind = self.byte(19);
        let row = self.digits & 0x1_ffff == 0xffff;
        // 4-4-4-4.
        if row | (self.digits & 0xf_ffff == 0x7_bdef && separator == self.byte(9) && separator == self.byte(14)) {
            // One way for both, as nobody can guess which one comes next.
            let step = if row { 4 } else { 5 };
            let sums = luhn_sums(self.eight(0, step)) + luhn_sums(self.eight(2 * step, 3 * step));
            // A fifth group makes it another card; behind a dash, four groups may be three and a year.
            let fifth = (self.digits >> 20 & 7 == 3) | (self.digits >> 20 == 7);
            return !luhn_of(sums) & (row | (behind != b'-') & !(fifth & (behind == separator)));
        }
        let run = |from: u32| (!(self.digits >> from)).trailing_zeros();
        if run(0) != 4 {
            return false;
        }
        match run(5) {
            4 if self.byte(9) == separator => {}
            // American Express, Diners Club.
            6 => return false,
            _ => return true,
        }
        match run(10) {
            4 => {}
            5 => return false,
            _ => return true,
        }
        // Three groups only. Where a text begins, more may have come before.
        let before = |back: usize| self.before.len().checked_sub(back).and_then(|at| self.before.get(at)).copied();
        (self.before.len() >= FOUR && follows_four(before, separator)) || !self.is_aadhaar()
    }

    fn is_aadhaar(&self) -> bool {
        let mut digits = [0; 12];
        for (group, at) in digits.as_chunks_mut::<4>().0.iter_mut().zip([0, 5, 10]) {
            *group = self.four(at).to_le_bytes();
        }
        person::is_aadhaar(&digits)
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    fn four(&self, at: usize) -> u32 {
        let four = self.bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        u32::from_le_bytes(four) & 0x0f0f_0f0f
    }

    fn eight(&self, at: usize, other: usize) -> u64 {
        u64::from(self.four(at)) | u64::from(self.four(other)) << 32
    }
}

/// A card that begins here.
pub(crate) fn at(view: &View<'_>, groups: &Groups) -> Option<Candidate> {
    let first = groups.length(0);
    if (12..=19).contains(&first) {
        let end = groups.start + first;
        let usual = first == 16 || (first == 15 && view.get(groups.start) == Some(b'3'));
        return is_card(view, groups.start, end)
            .then(|| Candidate::new(groups.start, end, if usual { USUAL } else { UNUSUAL }));
    }
    let separator = groups.separator(1);
    if first != 4 || !matches!(separator, b' ' | b'-') {
        return None;
    }
    let end = PRINTED
        .iter()
        .filter_map(|printed| groups.are(*printed, separator))
        .find(|end| is_card(view, groups.start, *end))?;
    Some(Candidate::new(groups.start, end, GROUPED))
}

fn is_card(view: &View<'_>, start: usize, end: usize) -> bool {
    let (digits, count) = digits::<24>(view.slice(start..end));
    if !luhn(&digits, count) {
        return false;
    }
    let digits = digits.get(..count).unwrap_or_default();
    has_network(digits) && stands_alone(view, start, end) && !is_one_digit(digits)
}

fn has_network(digits: &[u8]) -> bool {
    let six = digits.iter().take(6).fold(0, |number, digit| number * 10 + u32::from(*digit));
    let mut networks = digits.first().and_then(|first| BEGINNINGS.get(usize::from(*first))).copied().unwrap_or(0);
    while networks != 0 {
        let network = NETWORKS.get(networks.trailing_zeros() as usize);
        if network.is_some_and(|network| network.has(six, digits.len())) {
            return true;
        }
        networks &= networks - 1;
    }
    false
}

/// All zeros, and the like, come from forms that somebody filled in.
fn is_one_digit(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of digits and of what stands between them, all alike.
    fn texts() -> impl Iterator<Item = String> {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = move |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 11) % bound
        };
        (0..20_000).map(move |_| {
            let separator = [" ", "-", "", ".", "x"][below(5) as usize];
            let mut text = String::new();
            // Some end within a glance.
            let least = [16, 20, 40, 40][below(4) as usize];
            while text.len() < least {
                let length = [4, 4, 4, 4, 4, 4, 2, 3, 5, 16][below(10) as usize];
                text.extend((0..length).map(|_| char::from(b'0' + below(10) as u8)));
                text.push_str(if below(9) == 0 { [" ", "-", "."][below(3) as usize] } else { separator });
            }
            text
        })
    }

    #[test]
    fn a_glance_tells_what_a_closer_look_does() {
        let mut wrong = 0;
        for text in texts() {
            let digits = text.bytes().take(24).enumerate().filter(|(_, byte)| byte.is_ascii_digit());
            let digits = digits.fold(0, |digits, (at, _)| digits | 1 << at);
            let is_none = |complete| is_none_at_a_glance(text.as_bytes(), 0, digits, complete);
            assert!(text.len() >= 24 || !is_none(false), "{text}");
            let view = View::new(text.as_bytes(), b"", true);
            let length = view.digits(0, 20);
            if is_none(true) {
                assert!(matches!(length, 4 | 16), "{text}");
                wrong += 1;
                let groups = Groups::read(&view, 0, length);
                assert_eq!(at(&view, &groups), None, "{text}");
                assert_eq!(person::aadhaar(&view, &groups), None, "{text}");
            }
        }
        assert!(wrong > 2000, "{wrong}");
    }
}
