//! Decimals and doubles, exactly, in two kilobytes: Rust's own ways are fast, and cost a module fifteen and ten.
//!
//! For configurations: numbers of a body are never computed with.

use std::cmp::Ordering;

/// The double next to `significand * 10^exponent`; of two that are as near the even one. `more` says that digits which are not 0
/// follow those of the significand. Nothing when there is none: the number is too large.
///
/// ```
/// use tamis_core::number::double;
///
/// assert_eq!(double(25, -1, false), Some(2.5));
/// assert_eq!(double(1, 300, false), Some(1e300));
/// assert_eq!(double(1, 309, false), None);
/// ```
#[must_use]
pub fn double(significand: u64, exponent: i32, more: bool) -> Option<f64> {
    // Beyond these bounds all is infinite or nothing, whatever the significand.
    if significand == 0 || exponent < -400 {
        return Some(0.0);
    }
    if exponent > 400 {
        return None;
    }
    let mut big = Big::new(significand);
    let mut sticky = more;
    let mut binary = 0_i32;
    if exponent >= 0 {
        for _ in 0..exponent {
            big.multiply(10);
        }
    } else {
        // Four bits for each division by ten keep more than the 64 that are needed.
        binary = 4 * exponent - 64;
        big.shift(binary.unsigned_abs());
        for _ in 0..exponent.unsigned_abs() {
            sticky |= big.divide_by_ten() != 0;
        }
    }
    let (top, dropped, rest) = big.top();
    rounded(top, binary + dropped, sticky | rest)
}

/// A number in the fewest digits from which it is read again, as Rust's `{:?}` writes it: with an exponent where it is very
/// large or very small. Empty when it is not finite.
///
/// ```
/// use tamis_core::number::decimal;
///
/// assert_eq!(decimal(0.1), "0.1");
/// assert_eq!(decimal(-1e300), "-1e300");
/// ```
#[must_use]
pub fn decimal(number: f64) -> String {
    let mut out = String::new();
    if !number.is_finite() {
        return out;
    }
    if number.is_sign_negative() {
        out.push('-');
    }
    if number == 0.0 {
        out.push_str("0.0");
        return out;
    }
    // The digits, and the place of the point: 0 is in front of the first.
    let (digits, point) = shortest(number.abs());
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let digit = |place: i32| {
        let digit = usize::try_from(place).ok().and_then(|place| digits.get(place));
        char::from(b'0' + digit.copied().unwrap_or(0))
    };
    if (-3..=16).contains(&point) {
        out.extend((0..point.max(1)).map(|place| if point > 0 { digit(place) } else { '0' }));
        out.push('.');
        out.extend((point..count.max(point + 1)).map(digit));
        return out;
    }
    out.push(digit(0));
    if count > 1 {
        out.push('.');
        out.extend((1..count).map(digit));
    }
    out.push('e');
    let exponent = point - 1;
    if exponent < 0 {
        out.push('-');
    }
    let exponent = exponent.unsigned_abs();
    for (unit, always) in [(100, false), (10, false), (1, true)] {
        if always || exponent >= unit {
            out.push(char::from_digit(exponent / unit % 10, 10).unwrap_or('0'));
        }
    }
    out
}

/// `top * 2^exponent` as a double, given whether a smaller part was left out. `top` has its highest bit set.
fn rounded(top: u64, exponent: i32, sticky: bool) -> Option<f64> {
    // 53 bits stay; of the smallest doubles fewer do.
    let drop = u32::try_from((-1074 - exponent).max(11)).unwrap_or(0);
    if drop > 64 {
        return Some(0.0);
    }
    let kept = top.checked_shr(drop).unwrap_or(0);
    let half = 1_u128 << (drop - 1);
    let rest = u128::from(top) & ((1_u128 << drop) - 1);
    let up = match rest.cmp(&half) {
        Ordering::Less => false,
        Ordering::Equal => sticky || kept & 1 == 1,
        Ordering::Greater => true,
    };
    let kept = kept + u64::from(up);
    // The bits of a double grow as the double does: a carry goes into the exponent by itself.
    let scale = exponent + i32::try_from(drop).unwrap_or(0) + 1074;
    let bits = match u64::try_from(scale).unwrap_or(0) {
        0 => kept,
        scale => kept.wrapping_add(scale << 52),
    };
    Some(f64::from_bits(bits)).filter(|number| number.is_finite() && scale < 2047)
}

/// The fewest digits that lie nearer to this number than to its neighbours. Steele and White, with Dybvig's bounds.
fn shortest(number: f64) -> (Vec<u8>, i32) {
    let bits = number.to_bits();
    let biased = i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    let even = mantissa & 1 == 0;
    // Below a power of two the neighbour is half as far.
    let uneven = u32::from(fraction == 0 && biased > 1);
    let (mut rest, mut scale) = (Big::new(mantissa), Big::new(1));
    let (mut below, mut above) = (Big::new(1), Big::new(1));
    let (up, down) = (u32::try_from(exponent).unwrap_or(0), u32::try_from(-exponent).unwrap_or(0));
    rest.shift(up + 1 + uneven);
    scale.shift(down + 1 + uneven);
    below.shift(up);
    above.shift(up + uneven);
    let reaches = |rest: &Big, above: &Big, scale: &Big| {
        let order = rest.sum(above).cmp(scale);
        order == Ordering::Greater || even && order == Ordering::Equal
    };
    let mut point = 0;
    while reaches(&rest, &above, &scale) {
        scale.multiply(10);
        point += 1;
    }
    let mut digits = Vec::new();
    loop {
        rest.multiply(10);
        below.multiply(10);
        above.multiply(10);
        if digits.is_empty() && !reaches(&rest, &above, &scale) {
            point -= 1;
            continue;
        }
        let mut digit = 0;
        while rest.cmp(&scale) != Ordering::Less {
            rest.subtract(&scale);
            digit += 1;
        }
        let order = rest.cmp(&below);
        let low = order == Ordering::Less || even && order == Ordering::Equal;
        let high = reaches(&rest, &above, &scale);
        if !low && !high {
            digits.push(digit);
            continue;
        }
        let nearer_up = rest.sum(&rest).cmp(&scale) != Ordering::Less;
        digits.push(digit + u8::from(high && (!low || nearer_up)));
        return (digits, point);
    }
}

/// A whole number of any size, its lowest 32 bits first; no zeros at the end.
#[derive(Clone)]
struct Big(Vec<u32>);

impl Big {
    fn new(number: u64) -> Self {
        let mut big = Self(vec![number as u32, (number >> 32) as u32]);
        big.trim();
        big
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    #[inline(never)]
    fn multiply(&mut self, by: u32) {
        let mut carry = 0;
        for limb in &mut self.0 {
            let product = u64::from(*limb) * u64::from(by) + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn shift(&mut self, bits: u32) {
        for _ in 0..bits / 16 {
            self.multiply(1 << 16);
        }
        self.multiply(1 << (bits % 16));
    }

    /// Divides by ten; returns what is left.
    fn divide_by_ten(&mut self) -> u64 {
        let mut rest = 0;
        for limb in self.0.iter_mut().rev() {
            let number = rest << 32 | u64::from(*limb);
            *limb = (number / 10) as u32;
            rest = number % 10;
        }
        self.trim();
        rest
    }

    /// The highest 64 bits, how many are below them (fewer than none where there are less), and whether one of those is set.
    fn top(&self) -> (u64, i32, bool) {
        let (mut top, mut below, mut rest) = (0_u64, 0_i32, false);
        let mut taken = 0_u32;
        for limb in self.0.iter().rev() {
            let room = 64 - taken;
            if room >= 32 {
                top = top << 32 | u64::from(*limb);
                taken = if taken == 0 { 32 - limb.leading_zeros() } else { taken + 32 };
            } else {
                // `room` bits of this one.
                top = top.checked_shl(room).unwrap_or(0) | u64::from(*limb) >> (32 - room);
                rest |= u64::from(*limb) & ((1_u64 << (32 - room)) - 1) != 0;
                taken = 64;
                below += 32 - room as i32;
            }
        }
        let missing = top.leading_zeros();
        (top << missing, below - missing as i32, rest)
    }

    #[inline(never)]
    fn sum(&self, other: &Self) -> Self {
        let (mut sum, mut carry) = (Vec::with_capacity(self.0.len() + 1), 0);
        for place in 0..self.0.len().max(other.0.len()) {
            let of = |big: &Self| u64::from(big.0.get(place).copied().unwrap_or(0));
            carry += of(self) + of(other);
            sum.push(carry as u32);
            carry >>= 32;
        }
        if carry > 0 {
            sum.push(carry as u32);
        }
        Self(sum)
    }

    /// Takes away one that is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = 0;
        for (place, limb) in self.0.iter_mut().enumerate() {
            let take = u64::from(other.0.get(place).copied().unwrap_or(0)) + borrow;
            borrow = u64::from(u64::from(*limb) < take);
            *limb = (u64::from(*limb) + (borrow << 32)).wrapping_sub(take) as u32;
        }
        self.trim();
    }

    #[inline(never)]
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Doubles of every size, and those around which a bound lies.
    fn doubles() -> impl Iterator<Item = f64> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let random = (0..4_000).map(move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            f64::from_bits(state)
        });
        let edges = (0..2046)
            .flat_map(|exponent| [0, 1, (1 << 52) - 1].map(|fraction| f64::from_bits(exponent << 52 | fraction)));
        let people = (1..2000).flat_map(|n| [f64::from(n) / 100.0, f64::from(n) * 1e15, f64::from(n) / 3.0]);
        random.chain(edges).chain(people).filter(|number| number.is_finite())
    }

    #[test]
    fn doubles_are_written_as_rust_writes_them() {
        for number in doubles() {
            assert_eq!(decimal(number), format!("{number:?}"), "{:x}", number.to_bits());
        }
    }

    #[test]
    fn decimals_are_read_as_rust_reads_them() {
        for number in doubles().map(f64::abs) {
            for digits in [0, 1, 6, 16, 17] {
                let text = format!("{number:.digits$e}");
                let (mantissa, exponent) = text.split_once('e').unwrap();
                let significand = mantissa.replace('.', "").parse::<u64>().unwrap();
                let exponent = exponent.parse::<i32>().unwrap() - i32::try_from(digits).unwrap();
                let read = double(significand, exponent, false).unwrap_or(f64::INFINITY);
                assert_eq!(read.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
            }
        }
    }

    #[test]
    fn what_is_too_large_is_no_number() {
        assert_eq!(double(17_976_931_348_623_157, 292, false), Some(f64::MAX));
        assert_eq!(double(17_976_931_348_623_159, 292, false), None);
        assert_eq!(double(1, i32::MAX, false), None);
        assert_eq!(double(1, i32::MIN, false), Some(0.0));
        assert_eq!(double(0, i32::MAX, false), Some(0.0));
        assert_eq!(double(u64::MAX, 0, true), Some(18_446_744_073_709_551_616.0));
        assert_eq!(decimal(f64::NAN), "");
    }
}
