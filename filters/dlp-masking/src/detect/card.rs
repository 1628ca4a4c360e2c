//! Payment cards.
//!
//! * Source: ISO/IEC 7812 (form, Luhn's check digit); the networks' published ranges of issuers and lengths.
//! * Rule: 12 to 19 digits in a row, or in the groups that cards have in print, with spaces or dashes; the beginning is one
//!   of a network, with a length that it uses; Luhn. In a row, 16 digits (15 of American Express) score 65, in groups 85;
//!   lengths that other numbers have too score 40 and need a word such as "card" nearby.
//! * Known misses: groups with dots or with other white space; a number that a line break cuts; cards of a single shop.

use super::Groups;
use super::groups::{Printed, digits, stands_alone};
use crate::checks::luhn;
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

/// A network's beginnings, from and to with as many digits, and the lengths that it uses, and how sure these make it.
struct Network {
    digits: u32,
    from: u32,
    to: u32,
    lengths: &'static [usize],
}

const fn range(digits: u32, from: u32, to: u32, lengths: &'static [usize]) -> Network {
    Network { digits, from, to, lengths }
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
    let (digits, count) = digits::<19>(view.slice(start..end));
    let digits = digits.get(..count).unwrap_or_default();
    luhn(digits) && has_network(digits) && stands_alone(view, start, end) && !is_one_digit(digits)
}

fn has_network(digits: &[u8]) -> bool {
    // The first six digits, and what six digits the beginnings of a network are at least and at most.
    let six = digits.iter().take(6).fold(0, |number, digit| number * 10 + u32::from(*digit));
    NETWORKS.iter().any(|network| {
        let more = 10_u32.pow(6_u32.saturating_sub(network.digits));
        (network.from * more..(network.to + 1) * more).contains(&six) && network.lengths.contains(&digits.len())
    })
}

/// All zeros, and the like, come from forms that somebody filled in.
fn is_one_digit(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
}
