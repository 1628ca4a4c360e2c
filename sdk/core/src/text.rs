//! Texts, put together without Rust's formatting: what a module says in the ordinary case needs none of its four kilobytes.

/// The parts as one text.
#[inline(never)]
pub fn join(parts: &[&str]) -> String {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| text.push_str(part));
    text
}

/// A number in decimal.
#[inline(never)]
pub fn decimal(number: u64) -> String {
    let mut text = String::with_capacity(20);
    let mut digits = [b'0'; 20];
    digits_of(number, &mut digits).iter().for_each(|digit| text.push(char::from(*digit)));
    text
}

/// The decimal digits of a number, in a place that has room for all.
pub fn digits_of(number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let (mut rest, mut unused) = (number, digits.len());
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        (rest, unused) = (rest / 10, unused - 1);
        if rest == 0 {
            break;
        }
    }
    digits.get(unused..).unwrap_or_default()
}

/// A number in hexadecimal, 16 digits.
pub fn hex(number: u64) -> String {
    (0..16).rev().map(|place| char::from_digit((number >> (4 * place)) as u32 & 15, 16).unwrap_or('0')).collect()
}

/// A number with a fraction, to six places, and one that is too large for that to one digit: for people.
#[inline(never)]
pub fn fraction(number: f64) -> String {
    let sign = if number < 0.0 { "-" } else { "" };
    let mut size = number.abs();
    if !size.is_finite() {
        return join(&[sign, "infinity"]);
    }
    if size >= 1e18 {
        let mut exponent = 0;
        while size >= 9.5 {
            size /= 10.0;
            exponent += 1;
        }
        return join(&[sign, &decimal((size + 0.5) as u64), "e", &decimal(exponent)]);
    }
    let (mut whole, mut rest) = (size as u64, (size.fract() * 1e6 + 0.5) as u64);
    if rest >= 1_000_000 {
        (whole, rest) = (whole + 1, 0);
    }
    if rest == 0 {
        return join(&[sign, &decimal(whole)]);
    }
    // The one in front keeps the zeros behind the point.
    let digits = decimal(1_000_000 + rest);
    let digits = digits.strip_prefix('1').unwrap_or_default().trim_end_matches('0');
    join(&[sign, &decimal(whole), ".", digits])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_rust_writes_them() {
        for number in [0, 1, 9, 10, 4_294_967_295, u64::MAX] {
            assert_eq!(decimal(number), number.to_string());
            assert_eq!(hex(number), format!("{number:016x}"));
        }
        for number in [0.0, 1.5, -0.5, 0.1, 2.345_678, -256.0, 9_007_199_254_740_992.0, 0.000_001, 123_456.789] {
            assert_eq!(fraction(number), number.to_string());
        }
    }

    #[test]
    fn what_is_too_long_is_rounded() {
        for (number, text) in
            [(0.999_999_9, "1"), (1e300, "1e300"), (-2.6e20, "-3e20"), (1e-9, "0"), (1.0 / 3.0, "0.333333")]
        {
            assert_eq!(fraction(number), text);
        }
    }
}
