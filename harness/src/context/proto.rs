//! Protobuf's wire form: as much of it as host functions and attributes need.

/// What a field holds on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'m> {
    /// A number, a truth value or an enumeration.
    Varint(u64),
    /// Bytes, a text or a message.
    Bytes(&'m [u8]),
    /// Eight bytes or four.
    Fixed,
}

/// The fields of a message with their numbers, in order; nothing when the bytes are no message.
pub(super) fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = take_varint(&mut bytes)?;
        if tag >> 3 == 0 {
            return None;
        }
        let (field, rest) = match tag & 7 {
            0 => (Field::Varint(take_varint(&mut bytes)?), bytes),
            1 => (Field::Fixed, bytes.get(8..)?),
            2 => {
                let size = usize::try_from(take_varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(size)?;
                (Field::Bytes(value), rest)
            }
            5 => (Field::Fixed, bytes.get(4..)?),
            _ => return None,
        };
        bytes = rest;
        found.push((tag >> 3, field));
    }
    Some(found)
}

/// The last value of a field of bytes, as a reader of single fields has it; empty when there is none.
pub(super) fn bytes_of<'m>(fields: &[(u64, Field<'m>)], number: u64) -> &'m [u8] {
    let found = fields.iter().rev().find_map(|(other, field)| match field {
        Field::Bytes(bytes) if *other == number => Some(*bytes),
        _ => None,
    });
    found.unwrap_or_default()
}

/// The last value of a field of numbers; 0 when there is none.
pub(super) fn number_of(fields: &[(u64, Field<'_>)], number: u64) -> u64 {
    let found = fields.iter().rev().find_map(|(other, field)| match field {
        Field::Varint(value) if *other == number => Some(*value),
        _ => None,
    });
    found.unwrap_or_default()
}

/// A message under construction. Fields with their default value are left out, as proto3 has it.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// A field of text or bytes; none when empty.
    pub(super) fn bytes(mut self, number: u64, bytes: &[u8]) -> Self {
        if !bytes.is_empty() {
            self.put(number, bytes);
        }
        self
    }

    /// A message, also an empty one.
    pub(super) fn message(mut self, number: u64, message: &[u8]) -> Self {
        self.put(number, message);
        self
    }

    /// A double, also 0: for fields of a `oneof`.
    pub(super) fn double(mut self, number: u64, value: f64) -> Self {
        self.put_varint(number << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A number, also 0: for fields of a `oneof`.
    pub(super) fn some_number(mut self, number: u64, value: u64) -> Self {
        self.put_varint(number << 3);
        self.put_varint(value);
        self
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn put(&mut self, number: u64, bytes: &[u8]) {
        self.put_varint(number << 3 | 2);
        self.put_varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for i in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let wire =
            Writer::default().bytes(1, b"a").some_number(2, 300).double(3, 1.5).bytes(4, b"").message(5, b"").finish();
        let read = fields(&wire).unwrap();
        assert_eq!(bytes_of(&read, 1), b"a");
        assert_eq!(number_of(&read, 2), 300);
        assert_eq!(read.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2, 3, 5]);
    }

    #[test]
    fn grpc_1_a_message_is_told_from_a_name() {
        assert_eq!(fields(b"up"), None);
        assert_eq!(fields(b"\x0a\x04\x0a\x02up").map(|f| f[0]), Some((1, Field::Bytes(b"\x0a\x02up"))));
        // Short names can read as a message by accident.
        assert_eq!(fields(b"\x08a"), Some(vec![(1, Field::Varint(97))]));
        assert_eq!(fields(&[0xff; 11]), None);
    }
}
