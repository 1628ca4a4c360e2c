//! What stands in the place of what was found.
//!
//! A thing with a bounded form is here as a whole. A token that is followed to its end comes in pieces, whose sizes are an
//! accident; so nothing of it may depend on its length, and all of it is masked.

use crate::hmac::{Hmac, Key};

/// What stands in the place of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    /// The letters and digits of its first part become `with`; what lies between them stays. The share is in percent of all
    /// characters, rounded, halves up: 75 makes `XXX-XX-X789` of a social security number.
    Percent {
        /// 0 to 100.
        share: u8,
        /// What each letter and digit becomes.
        with: char,
    },
    /// The first and the last letters and digits stay; the others become `with`. What has no more than these is masked as a
    /// whole.
    Keep {
        /// How many at the beginning.
        first: usize,
        /// How many at the end.
        last: usize,
        /// What each of the others becomes.
        with: char,
    },
    /// The same text for everything.
    Constant(String),
    /// What it was: `[card]`.
    Label,
    /// What it was, and a keyed hash of it: `[card:31f2...]`. The same for the same, so that it can be counted and joined;
    /// who has no key cannot try out what it is of.
    Hmac {
        /// How many hexadecimal digits of the hash, at most 64.
        digits: usize,
    },
    /// Nothing.
    Remove,
    /// Nothing, and the message is refused.
    Block,
}

/// How far a token that comes in pieces has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Option<Box<Hmac>>);

impl Mask {
    /// Writes what stands for a thing that is here as a whole.
    pub(crate) fn whole(&self, text: &[u8], name: &str, key: Option<&Key>, out: &mut Vec<u8>) {
        match self {
            Self::Percent { share, with } => {
                if with.is_ascii() && text.is_ascii() {
                    let (masked, rest) = text.split_at(part(text.len(), *share));
                    let with = *with as u8;
                    out.extend(masked.iter().map(|byte| if is_letter(*byte) { with } else { *byte }));
                    return out.extend_from_slice(rest);
                }
                let all = text.iter().filter(|byte| !is_continuation(**byte)).count();
                let masked = part(all, *share);
                replace(text, *with, out, |character, _| character < masked);
            }
            Self::Keep { first, last, with } => {
                let all = text.iter().filter(|byte| is_letter(**byte)).count();
                let few = all <= first + last;
                replace(text, *with, out, |_, letter| few || (letter >= *first && letter < all - last));
            }
            other => other.piece(text, true, true, name, key, &mut Progress::default(), out),
        }
    }

    /// Writes what stands for a piece of a token.
    #[allow(clippy::too_many_arguments, reason = "a piece is text, where it belongs, and what it goes on from")]
    pub(crate) fn piece(
        &self,
        text: &[u8],
        begins: bool,
        ends: bool,
        name: &str,
        key: Option<&Key>,
        progress: &mut Progress,
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::Percent { with, .. } | Self::Keep { with, .. } => {
                for byte in text {
                    if byte.is_ascii_whitespace() {
                        out.push(*byte);
                    } else if !is_continuation(*byte) {
                        push(*with, out);
                    }
                }
            }
            Self::Constant(constant) if begins => out.extend_from_slice(constant.as_bytes()),
            Self::Label if begins => extend(out, &[b"[", name.as_bytes(), b"]"]),
            Self::Hmac { digits } => {
                let Some(key) = key else { return };
                if begins {
                    progress.0 = Some(Box::new(key.begin()));
                }
                if let Some(hmac) = &mut progress.0 {
                    hmac.add(text);
                }
                if let Some(hmac) = progress.0.take_if(|_| ends) {
                    extend(out, &[b"[", name.as_bytes(), b":"]);
                    let hex = hmac.finish().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
                    out.extend(
                        hex.take(*digits).map(|digit| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }),
                    );
                    out.push(b']');
                }
            }
            Self::Constant(_) | Self::Label | Self::Remove | Self::Block => {}
        }
    }

    /// Writes what stands for a number, or for a part of one: as many digits, none of them 0, so that it is a number still. An
    /// exponent becomes 0.
    pub(crate) fn number(&self, text: &[u8], whole: bool, key: Option<&Key>, out: &mut Vec<u8>) {
        let start = out.len();
        match self {
            Self::Percent { .. } | Self::Keep { .. } if whole => {
                let digits = match self.clone() {
                    Self::Percent { share, .. } => Self::Percent { share, with: '9' },
                    Self::Keep { first, last, .. } => Self::Keep { first, last, with: '9' },
                    other => other,
                };
                // A sign is no letter, but an exponent's `e` would be.
                if text.iter().all(u8::is_ascii_digit) {
                    return digits.whole(text, "", key, out);
                }
                out.extend_from_slice(text);
            }
            _ => out.extend_from_slice(text),
        }
        let hash = match (self, key) {
            (Self::Hmac { .. }, Some(key)) => {
                let mut hmac = key.begin();
                hmac.add(text);
                Some(hmac.finish())
            }
            _ => None,
        };
        let mut exponent = false;
        for (place, byte) in out.iter_mut().skip(start).enumerate() {
            exponent |= matches!(byte, b'e' | b'E');
            if byte.is_ascii_digit() {
                let hashed = hash.as_ref().and_then(|hash| hash.get(place % 32)).map_or(b'9', |byte| b'1' + byte % 9);
                *byte = if exponent { b'0' } else { hashed };
            }
        }
    }
}

/// A share of so many characters, rounded.
fn part(all: usize, share: u8) -> usize {
    all.min((all * usize::from(share) + 50) / 100)
}

/// Replaces letters and digits, by their place among all characters and among letters and digits.
fn replace(text: &[u8], with: char, out: &mut Vec<u8>, is_masked: impl Fn(usize, usize) -> bool) {
    let (mut character, mut letter) = (0, 0);
    if with.is_ascii() && text.is_ascii() {
        // Most of what is found: as long as before.
        out.extend(text.iter().enumerate().map(|(character, byte)| {
            let is_letter = is_letter(*byte);
            let masked = is_letter && is_masked(character, letter);
            letter += usize::from(is_letter);
            if masked { with as u8 } else { *byte }
        }));
        return;
    }
    let mut masked = false;
    for byte in text {
        if is_letter(*byte) {
            masked = is_masked(character, letter);
            letter += 1;
            if masked { push(with, out) } else { out.push(*byte) }
        } else if !is_continuation(*byte) || !masked {
            out.push(*byte);
        }
        character += usize::from(!is_continuation(*byte));
    }
}

/// The first byte of a letter or digit: of ASCII, or of any character outside of it.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0xc0
}

fn is_continuation(byte: u8) -> bool {
    (0x80..0xc0).contains(&byte)
}

fn push(character: char, out: &mut Vec<u8>) {
    if character.is_ascii() {
        return out.push(character as u8);
    }
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn extend(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(mask: &Mask, text: &str) -> String {
        let mut out = Vec::new();
        mask.whole(text.as_bytes(), "card", Some(&Key::new(&[7; 16]).unwrap()), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn number(mask: &Mask, text: &str, whole: bool) -> String {
        let mut out = Vec::new();
        mask.number(text.as_bytes(), whole, Some(&Key::new(&[7; 16]).unwrap()), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_share_is_rounded_and_leaves_punctuation() {
        let percent = |share| Mask::Percent { share, with: 'X' };
        for (share, text, expected) in [
            (75, "123-45-6789", "XXX-XX-X789"),
            (75, "4111-1111-1111-1111", "XXXX-XXXX-XXXX-1111"),
            (75, "4111111111111111", "XXXXXXXXXXXX1111"),
            (50, "abc", "XXc"),
            (0, "abc", "abc"),
            (100, "a@b.c", "X@X.X"),
            (50, "a@b.c", "X@X.c"),
            (50, "äöü€", "XXü€"),
        ] {
            assert_eq!(masked(&percent(share), text), expected);
        }
    }

    #[test]
    fn every_mask() {
        let keep = |first, last| Mask::Keep { first, last, with: '*' };
        for (mask, text, expected) in [
            (keep(6, 4), "4111 1111 1111 1111", "4111 11** **** 1111"),
            (keep(2, 2), "abcd", "****"),
            (keep(0, 0), "über", "****"),
            (Mask::Constant("-".into()), "abcd", "-"),
            (Mask::Label, "abcd", "[card]"),
            (Mask::Hmac { digits: 8 }, "abcd", "[card:f3f24dd6]"),
            (Mask::Remove, "abcd", ""),
            (Mask::Block, "abcd", ""),
        ] {
            assert_eq!(masked(&mask, text), expected);
        }
    }

    #[test]
    fn numbers_stay_numbers() {
        let percent = Mask::Percent { share: 75, with: 'X' };
        for (mask, text, whole, expected) in [
            (&percent, "4111111111111111", true, "9999999999991111"),
            (&percent, "-12.5e-30", false, "-99.9e-00"),
            (&Mask::Label, "4111", true, "9999"),
            (&Mask::Remove, "0.5", false, "9.9"),
            (&Mask::Hmac { digits: 8 }, "4111", true, "2478"),
        ] {
            assert_eq!(number(mask, text, whole), expected);
        }
    }

    #[test]
    fn pieces_make_the_same_as_one() {
        for mask in
            [Mask::Hmac { digits: 64 }, Mask::Label, Mask::Percent { share: 10, with: 'x' }, Mask::Constant("c".into())]
        {
            let key = Key::new(&[7; 16]).unwrap();
            let text = "käse und\nbrot".as_bytes();
            let mut whole = Vec::new();
            mask.piece(text, true, true, "n", Some(&key), &mut Progress::default(), &mut whole);
            for cut in 0..=text.len() {
                let (mut progress, mut out) = (Progress::default(), Vec::new());
                mask.piece(&text[..cut], true, false, "n", Some(&key), &mut progress, &mut out);
                mask.piece(&text[cut..], false, true, "n", Some(&key), &mut progress, &mut out);
                assert_eq!(out, whole, "{mask:?} {cut}");
            }
        }
    }
}
