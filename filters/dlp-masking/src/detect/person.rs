//! Numbers that registers give to persons.
//!
//! | number | source | rule | known misses |
//! |---|---|---|---|
//! | US SSN | Social Security Administration | 3-2-4 digits; area not 000, 666 or 9xx, no group of zeros. With dashes 60, with spaces 45, without 20: these need a word | dots between groups; ITIN |
//! | Korean RRN | Resident Registration Act, enforcement rules | a date of birth, a digit for century and sex, six digits. With a dash 60, without 30; a right check digit adds 25, a wrong one takes 10: numbers since October 2020 have none | a number cut by a line break |
//! | UK NHS | NHS data dictionary | 3-3-4 digits, modulo 11. With spaces 50, with dashes 35, without 30 | other groups |
//! | Aadhaar | UIDAI | 4-4-4 digits, first 2 to 9, Verhoeff. In groups 60, without 30 | masked forms (`XXXX XXXX 1234`); one with four digits more beside it |
//! | CPF | Receita Federal | 3.3.3-2 digits, two check digits. In that form 80, without 40 | CNPJ; other separators |
//!
//! Ten or eleven digits in a row pass a check digit by chance once in eleven or a hundred times, so they need a word nearby.

use super::Groups;
use super::groups::{Printed, digits, follows_four, stands_alone};
use crate::checks;
use crate::entity::Candidate;
use crate::view::View;

/// A US social security number.
pub(crate) fn ssn(view: &View<'_>, groups: &Groups) -> Option<Candidate> {
    let (end, score) = match groups.length(0) {
        9 => (groups.start + 9, 20),
        3 => either(groups, const { Printed::new(&[3, 2, 4]) }, 45, 60)?,
        _ => return None,
    };
    let (digits, _) = digits::<9>(view.slice(groups.start..end));
    let number = |range: std::ops::Range<usize>| {
        digits.get(range).unwrap_or_default().iter().fold(0_u32, |number, digit| number * 10 + u32::from(*digit))
    };
    let area = number(0..3);
    let valid = !matches!(area, 0 | 666 | 900..) && number(3..5) != 0 && number(5..9) != 0;
    found(view, groups.start, end, valid, score)
}

/// A Korean resident registration number.
pub(crate) fn rrn(view: &View<'_>, groups: &Groups) -> Option<Candidate> {
    let (end, score) = match groups.length(0) {
        13 => (groups.start + 13, 30),
        6 => (groups.are(const { Printed::new(&[6, 7]) }, b'-')?, 60),
        _ => return None,
    };
    let (digits, _) = digits::<13>(view.slice(groups.start..end));
    let [_, _, m, n, d, e, ..] = digits;
    let (month, day) = (m * 10 + n, d * 10 + e);
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    let checked = if checks::rrn(&digits) { 25 } else { -10 };
    found(view, groups.start, end, (1..=days).contains(&day), score + checked)
}

/// A number of a patient of the NHS.
pub(crate) fn nhs(view: &View<'_>, groups: &Groups) -> Option<Candidate> {
    let (end, score) = match groups.length(0) {
        10 => (groups.start + 10, 30),
        3 => either(groups, const { Printed::new(&[3, 3, 4]) }, 50, 35)?,
        _ => return None,
    };
    let (digits, _) = digits::<10>(view.slice(groups.start..end));
    found(view, groups.start, end, checks::nhs(&digits), score)
}

/// An Aadhaar number.
pub(crate) fn aadhaar(view: &View<'_>, groups: &Groups) -> Option<Candidate> {
    let separator = groups.separator(1);
    // Four more digits behind, unless they are the year of a date, or before: a part of something longer.
    let goes_on = groups.length(3) == 4 && groups.separator(3) == separator && groups.separator(4) != b'-';
    if groups.length(0) == 4 && (goes_on || follows_four(|back| view.before(groups.start, back), separator)) {
        return None;
    }
    let (end, score) = match groups.length(0) {
        12 => (groups.start + 12, 30),
        4 => either(groups, const { Printed::new(&[4, 4, 4]) }, 60, 60)?,
        _ => return None,
    };
    let (digits, _) = digits::<12>(view.slice(groups.start..end));
    found(view, groups.start, end, is_aadhaar(&digits), score)
}

/// Whether an Aadhaar number can have these digits.
pub(super) fn is_aadhaar(digits: &[u8; 12]) -> bool {
    matches!(digits, [2..=9, ..]) && checks::verhoeff(digits)
}

/// A Brazilian taxpayer's number.
pub(crate) fn cpf(view: &View<'_>, groups: &Groups) -> Option<Candidate> {
    let (end, score) = match groups.length(0) {
        11 => (groups.start + 11, 40),
        3 => {
            let end = groups.are(const { Printed::new(&[3, 3, 3]) }, b'.')?;
            if groups.separator(3) != b'-' || groups.length(3) != 2 {
                return None;
            }
            (end + 3, 80)
        }
        _ => return None,
    };
    let (digits, _) = digits::<11>(view.slice(groups.start..end));
    found(view, groups.start, end, checks::cpf(&digits), score)
}

/// With spaces or with dashes between the groups: where they end, and the score of the one or the other.
#[inline(always)]
fn either(groups: &Groups, printed: Printed, spaces: i32, dashes: i32) -> Option<(usize, i32)> {
    match groups.separator(1) {
        b' ' => Some((groups.are(printed, b' ')?, spaces)),
        b'-' => Some((groups.are(printed, b'-')?, dashes)),
        _ => None,
    }
}

fn found(view: &View<'_>, start: usize, end: usize, valid: bool, score: i32) -> Option<Candidate> {
    (valid && stands_alone(view, start, end)).then(|| Candidate::new(start, end, score))
}
