//! As much of protobuf as the foreign functions need.

/// A message that is written field by field.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn bytes(mut self, field: u8, bytes: &[u8]) -> Self {
        self.0.push(field << 3 | 2);
        varint(&mut self.0, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn number(mut self, field: u8, number: u64) -> Self {
        self.0.push(field << 3);
        varint(&mut self.0, number);
        self
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The last number of a field.
pub(super) fn number_of(message: &[u8], field: u64) -> Option<u64> {
    let is_it = |(number, value)| match value {
        Value::Number(value) if number == field => Some(value),
        _ => None,
    };
    Fields(message).filter_map(is_it).last()
}

/// The last bytes of a field.
pub(super) fn bytes_of(message: &[u8], field: u64) -> Option<&[u8]> {
    let is_it = |(number, value)| match value {
        Value::Bytes(value) if number == field => Some(value),
        _ => None,
    };
    Fields(message).filter_map(is_it).last()
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, up to what is none.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let size = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(size)?)
            }
            5 => Value::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(bytes)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for place in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(7 * place)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_is_written_as_protobuf_has_it() {
        let message = Message::default().bytes(1, b"ab").number(3, 300).done();
        assert_eq!(message, [0x0a, 2, b'a', b'b', 0x18, 0xac, 0x02]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: Vec<u8>, number: u64, other: Vec<u8>) {
            let message = Message::default().bytes(2, &other).number(1, number).bytes(2, &bytes).done();
            prop_assert_eq!(number_of(&message, 1), Some(number));
            prop_assert_eq!(bytes_of(&message, 2), Some(bytes.as_slice()));
            prop_assert_eq!((number_of(&message, 2), bytes_of(&message, 1)), (None, None));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = (number_of(&bytes, 1), bytes_of(&bytes, 1));
        }
    }
}
