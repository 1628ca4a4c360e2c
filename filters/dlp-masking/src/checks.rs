//! Check digits.
//!
//! All of them take digits as numbers from 0 to 9.

/// The formula of ISO/IEC 7812 (Luhn): payment cards. So many digits, with zeros behind them.
#[must_use]
pub fn luhn(digits: &[u8; 24], count: usize) -> bool {
    let [a, b, c] = *digits.as_chunks::<8>().0 else { return false };
    let [a, b, c] = [a, b, c].map(u64::from_le_bytes);
    // The last digit but one is doubled, which has to stand first of two.
    let words = if count.is_multiple_of(2) { [a, b, c] } else { [a << 8, b << 8 | a >> 56, c << 8 | b >> 56] };
    let [a, b, c] = words.map(luhn_sums);
    count > 0 && luhn_of(a + b + c)
}

/// What eight digits add to Luhn's sum, in parts: the first one, which is doubled, is in the lowest byte.
#[must_use]
#[inline(always)]
pub fn luhn_sums(eight: u64) -> u64 {
    const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
    let (doubled, single) = (eight & EVEN, eight >> 8 & EVEN);
    // Of what has two digits then, their sum: nine less.
    let two = (doubled + 0x007b_007b_007b_007b) >> 7 & 0x0001_0001_0001_0001;
    single + doubled * 2 - two * 9
}

/// Whether digits with these sums, of which there are 24 at most, are right.
#[must_use]
#[inline(always)]
pub fn luhn_of(sums: u64) -> bool {
    let sum = sums.wrapping_mul(0x0001_0001_0001_0001) >> 48;
    // A tenth, rounded up, in 16 bits behind the point: what is left of the sum's tenths is less than one of them.
    (sum * 0x199a) & 0xffff < 0x199a
}

/// ISO 7064 mod 97-10 over letters and digits, the first four moved to the end: IBAN.
#[must_use]
pub fn iban(letters: &[u8]) -> bool {
    let (head, tail) = letters.split_at(letters.len().min(4));
    let rest = tail.iter().chain(head).fold(0_u32, |rest, letter| match letter {
        b'0'..=b'9' => (rest * 10 + u32::from(letter - b'0')) % 97,
        _ => (rest * 100 + u32::from(letter.to_ascii_uppercase().saturating_sub(b'A')) + 10) % 97,
    });
    rest == 1
}

/// Verhoeff's scheme: Aadhaar. The last of twelve digits has the first place.
#[must_use]
pub fn verhoeff(digits: &[u8; 12]) -> bool {
    // A product may be taken in any parts: two, of which neither waits for the other.
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *digits;
    let last = times(times(times(times(times(l, 1, k), 2, j), 3, i), 4, h), 5, g);
    let first = times(times(times(times(times(entry(&MOVED, 6, f), 7, e), 0, d), 1, c), 2, b), 3, a);
    entry(&PRODUCTS, last, first) == 0
}

/// A product, times a digit in a place.
#[inline(always)]
fn times(product: u8, place: u8, digit: u8) -> u8 {
    entry(&PRODUCTS, product, entry(&MOVED, place, digit))
}

/// What stands in a row of sixteen, so that every place is one of the table.
#[inline(always)]
fn entry(table: &[u8; 256], row: u8, column: u8) -> u8 {
    table.get(usize::from(row << 4 | column & 15)).copied().unwrap_or(0)
}

/// Where the place of a digit moves it, once more for each place, of which there are eight.
#[allow(clippy::indexing_slicing, reason = "a table of constants, whose places the compiler checks")]
const MOVED: [u8; 256] = {
    let once = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut moved = [0; 256];
    let mut digit = 0;
    while digit < 10 {
        moved[digit] = digit as u8;
        let mut place = 1;
        while place < 8 {
            moved[place << 4 | digit] = once[moved[(place - 1) << 4 | digit] as usize];
            place += 1;
        }
        digit += 1;
    }
    moved
};

/// The products in the dihedral group of ten elements.
#[allow(clippy::indexing_slicing, reason = "a table of constants, whose places the compiler checks")]
const PRODUCTS: [u8; 256] = {
    let mut products = [0; 256];
    let mut a = 0;
    while a < 10 {
        let mut b = 0;
        while b < 10 {
            products[a << 4 | b] = match (a < 5, b < 5) {
                (true, true) => (a + b) % 5,
                (true, false) => (a + b - 5) % 5 + 5,
                (false, true) => (a - b) % 5 + 5,
                (false, false) => (a + 5 - b) % 5,
            } as u8;
            b += 1;
        }
        a += 1;
    }
    products
};

/// Weights 10 to 2, modulo 11: the number of a patient of the UK's NHS.
#[must_use]
pub fn nhs(digits: &[u8]) -> bool {
    let Some((check, rest)) = digits.split_last().filter(|(_, rest)| rest.len() == 9) else { return false };
    11 - weighted(rest, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11 == if *check == 0 { 11 } else { u32::from(*check) }
}

/// Two check digits, each by weights modulo 11: Brazil's CPF. One digit eleven times is none.
#[must_use]
pub fn cpf(digits: &[u8]) -> bool {
    let (Some(nine), Some(ten), 11) = (digits.get(..9), digits.get(..10), digits.len()) else { return false };
    let check = |sum: u32| (sum * 10 % 11 % 10) as u8;
    digits.windows(2).any(|pair| matches!(pair, [a, b] if a != b))
        && digits.get(9) == Some(&check(weighted(nine, &[10, 9, 8, 7, 6, 5, 4, 3, 2])))
        && digits.get(10) == Some(&check(weighted(ten, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])))
}

/// Weights 2 to 9 and 2 to 5, modulo 11: Korea's resident registration number, as it was given out until October 2020.
/// Foreigners' numbers (whose seventh digit is 5 to 8) are shifted by two.
#[must_use]
pub fn rrn(digits: &[u8]) -> bool {
    let Some((check, rest)) = digits.split_last().filter(|(_, rest)| rest.len() == 12) else { return false };
    let shift = if matches!(rest.get(6), Some(5..=8)) { 13 } else { 11 };
    (shift - weighted(rest, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10 == u32::from(*check)
}

fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect()
    }

    /// Each changes with every single digit.
    fn only(check: fn(&[u8]) -> bool, text: &str) {
        let good = digits(text);
        assert!(check(&good), "{text}");
        for at in 0..good.len() {
            for other in 1..10 {
                let mut bad = good.clone();
                bad[at] = (bad[at] + other) % 10;
                assert!(!check(&bad), "{text}: {bad:?}");
            }
        }
    }

    fn luhn(digits: &[u8]) -> bool {
        let mut padded = [0; 24];
        padded[..digits.len()].copy_from_slice(digits);
        super::luhn(&padded, digits.len())
    }

    #[test]
    fn examples_of_their_issuers() {
        // Test numbers of the networks; ISO 7812's own example.
        for card in ["4111111111111111", "5555555555554444", "378282246310005", "30569309025904", "6011111111111117"] {
            only(luhn, card);
        }
        // The example of the NHS data dictionary, UIDAI's test numbers, Receita Federal's well-known one.
        only(nhs, "943 476 5919");
        for number in ["2341 2341 2346", "9999 4105 7058", "9999 7165 8847", "9999 3311 9405", "9999 5518 3433"] {
            only(|digits| digits.try_into().is_ok_and(verhoeff), number);
        }
        assert!(cpf(&digits("111.444.777-35")) && !cpf(&digits("111.444.777-36")) && !cpf(&[1; 11]));
        assert!(!nhs(&digits("943476591")) && !cpf(&digits("1114447773")) && !rrn(&digits("1")));
    }

    #[test]
    fn numbers_of_registers() {
        // Computed by hand from the weights: 2*9+3*0+4*0+5*1+6*0+7*1+8*1+9*2+2*3+3*4+4*5+5*6 = 124; 11 - 124 % 11 = 8.
        assert!(rrn(&digits("900101-1234568")) && !rrn(&digits("900101-1234567")));
        // With 5 for 1 in the seventh place: 156; (13 - 156 % 11) % 10 = 1.
        assert!(rrn(&digits("900101-5234561")));
    }

    #[test]
    fn account_numbers() {
        for good in
            ["GB82WEST12345698765432", "DE89370400440532013000", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"]
        {
            assert!(iban(good.as_bytes()), "{good}");
            let bad = good.replacen('1', "2", 1);
            assert!(!iban(bad.as_bytes()), "{bad}");
        }
        assert!(!iban(b"") && !iban(b"GB"));
    }
}
