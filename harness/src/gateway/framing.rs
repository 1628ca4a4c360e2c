//! Where a body ends: what `content-length` says must be true, and nobody corrects it (rule `HDR-16`).

use crate::context::HeaderMap;

use super::message::Unsendable;

/// What is still to come of a body on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Its end is marked: by chunks, by HTTP/2, by the end of the connection.
    Marked,
    /// So many bytes, of as many as were announced.
    Left { left: u64, announced: u64 },
    /// None of it is sent, whatever the filters left: the answer to a HEAD, a 204, a 304.
    None,
}

impl Length {
    /// What the headers say; with `end` there is no body.
    pub(super) fn of(headers: &HeaderMap, end: bool) -> Result<Self, Unsendable> {
        let mut lengths = headers.get_all(b"content-length");
        let length = match (lengths.next(), lengths.next()) {
            (None, _) => return Ok(Self::Marked),
            (Some(length), None) => number(length).ok_or(Unsendable::NoLength)?,
            (Some(_), Some(_)) => return Err(Unsendable::NoLength),
        };
        let this = Self::Left { left: length, announced: length };
        if end { this.end().map(|()| this) } else { Ok(this) }
    }

    /// More of the body is to be sent.
    pub(super) fn more(&mut self, bytes: usize) -> Result<(), Unsendable> {
        if let Self::Left { left, announced } = self {
            let announced = *announced;
            *left = left.checked_sub(bytes as u64).ok_or(Unsendable::TooLong { announced })?;
        }
        Ok(())
    }

    /// The body is at its end.
    pub(super) fn end(self) -> Result<(), Unsendable> {
        match self {
            Self::Left { left, announced } if left > 0 => {
                Err(Unsendable::TooShort { announced, body: announced.saturating_sub(left) })
            }
            _ => Ok(()),
        }
    }
}

/// Digits alone; a sign, a list or a leading zero is something that two servers may read in two ways.
fn number(text: &[u8]) -> Option<u64> {
    let number = std::str::from_utf8(text).ok()?.parse::<u64>().ok()?;
    (number.to_string().as_bytes() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hdr_16_a_length_is_right_or_the_body_is_broken_off() {
        let of = |headers: &[(&str, &str)], end| Length::of(&headers.iter().copied().collect(), end);
        assert_eq!(of(&[], false), Ok(Length::Marked));
        let mut length = of(&[("content-length", "3")], false).unwrap();
        length.more(2).unwrap();
        assert_eq!(length.end(), Err(Unsendable::TooShort { announced: 3, body: 2 }));
        assert_eq!(length.more(2), Err(Unsendable::TooLong { announced: 3 }));
        length.more(1).unwrap();
        assert_eq!(length.end(), Ok(()));
        assert_eq!(of(&[("content-length", "1")], true), Err(Unsendable::TooShort { announced: 1, body: 0 }));
        assert!(of(&[("content-length", "0")], true).is_ok());
        for wrong in ["+3", "03", "3,3", "", "0x3", "18446744073709551616"] {
            assert_eq!(of(&[("content-length", wrong)], false), Err(Unsendable::NoLength), "{wrong}");
        }
    }
}
