//! Percent-decoding, on request.

use std::borrow::Cow;

/// Decodes each `%` with two hexadecimal digits behind it, once; everything else stays as it is.
///
/// Nothing is lost and nothing fails: a `%` without two digits stays a `%`, and what comes out may be any bytes. It is
/// borrowed when there is nothing to decode. `+` stays `+`; only a query has it for a space, see
/// [`Pair::decoded_value`](super::Pair::decoded_value).
///
/// ```
/// use tamis_core::views::percent_decoded;
///
/// assert_eq!(&*percent_decoded(b"a%2Fb%2f%zz%ff+"), b"a/b/%zz\xff+");
/// assert_eq!(&*percent_decoded(b"%252e"), b"%2e");
/// ```
#[must_use]
pub fn percent_decoded(bytes: &[u8]) -> Cow<'_, [u8]> {
    decoded(bytes, b'%')
}

/// The same, with `+` for a space.
pub(super) fn form_decoded(bytes: &[u8]) -> Cow<'_, [u8]> {
    decoded(bytes, b'+')
}

/// `plus` is `+` where that means a space, and else the percent sign once more.
fn decoded(bytes: &[u8], plus: u8) -> Cow<'_, [u8]> {
    if !bytes.iter().any(|byte| *byte == b'%' || *byte == plus) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, behind)) = rest.split_first() {
        let (byte, next) = match behind {
            [high, low, next @ ..] if *first == b'%' => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, next),
                _ => (b'%', behind),
            },
            _ if *first == b'+' && plus == b'+' => (b' ', behind),
            _ => (*first, behind),
        };
        out.push(byte);
        rest = next;
    }
    Cow::Owned(out)
}

/// The value of a hexadecimal digit.
pub(crate) const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
