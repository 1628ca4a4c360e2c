//! Values of attributes: how a path walks through them, and how they are written (rule `PROP-2`).

use super::maps;
use crate::abi::Status;

/// A value as the expression language has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// There is none, or only an error.
    Null,
    Bool(bool),
    /// Also durations and points in time, in nanoseconds.
    Int(i64),
    Uint(u64),
    Double(f64),
    /// Text or bytes.
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Map(Vec<(Vec<u8>, Self)>),
    Message(Message),
}

/// A protobuf message: its wire form, and the fields that a path can name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Message {
    pub wire: Vec<u8>,
    pub fields: Vec<(&'static str, Value)>,
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }

    /// What the next segment of a path selects: a key of a map, a field of a message, a place in a list (rule `PROP-1`).
    pub(super) fn into_part(self, segment: &[u8]) -> Option<Self> {
        match self {
            Self::Map(entries) => entries.into_iter().find(|(key, _)| key == segment).map(|(_, value)| value),
            Self::Message(message) => {
                message.fields.into_iter().find(|(name, _)| name.as_bytes() == segment).map(|(_, value)| value)
            }
            Self::List(items) => {
                let place = std::str::from_utf8(segment).ok()?.parse::<usize>().ok()?;
                items.into_iter().nth(place)
            }
            _ => None,
        }
    }

    /// The bytes that a guest gets.
    ///
    /// # Errors
    ///
    /// [`Status::SerializationFailure`] for what has no wire form, or contains such a thing.
    pub(super) fn wire(self) -> Result<Vec<u8>, Status> {
        Ok(match self {
            Self::Null => return Err(Status::SerializationFailure),
            Self::Bool(value) => vec![u8::from(value)],
            Self::Int(value) => value.to_le_bytes().to_vec(),
            Self::Uint(value) => value.to_le_bytes().to_vec(),
            Self::Double(value) => value.to_le_bytes().to_vec(),
            Self::Bytes(bytes) => bytes,
            Self::Message(message) => message.wire,
            Self::List(items) => {
                let pairs =
                    items.into_iter().map(|item| Ok((item.wire()?, Vec::new()))).collect::<Result<Vec<_>, _>>()?;
                maps::encode_pairs(pairs.iter().map(|(key, value)| (key.as_slice(), value.as_slice())))
            }
            Self::Map(entries) => {
                let pairs =
                    entries.into_iter().map(|(key, value)| Ok((key, value.wire()?))).collect::<Result<Vec<_>, _>>()?;
                maps::encode_pairs(pairs.iter().map(|(key, value)| (key.as_slice(), value.as_slice())))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prop_2_every_type_has_its_wire_form() {
        assert_eq!(Value::text("a\0").wire(), Ok(b"a\0".to_vec()));
        assert_eq!(Value::Int(-2).wire(), Ok(b"\xfe\xff\xff\xff\xff\xff\xff\xff".to_vec()));
        assert_eq!(Value::Uint(258).wire(), Ok(b"\x02\x01\0\0\0\0\0\0".to_vec()));
        assert_eq!(Value::Double(1.5).wire(), Ok(b"\0\0\0\0\0\0\xf8\x3f".to_vec()));
        assert_eq!(Value::Bool(true).wire(), Ok(vec![1]));
        assert_eq!(Value::Null.wire(), Err(Status::SerializationFailure));
        let map = Value::Map(vec![(b"k".to_vec(), Value::Bool(false))]);
        assert_eq!(map.clone().wire(), Ok(b"\x01\0\0\0\x01\0\0\0\x01\0\0\0k\0\0\0".to_vec()));
        let list = Value::List(vec![Value::text("a"), Value::text("b")]);
        assert_eq!(list.clone().wire(), Ok(b"\x02\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0a\0\0b\0\0".to_vec()));
        // Unlike a header map, an empty one is a count of nothing.
        assert_eq!(Value::Map(Vec::new()).wire(), Ok(vec![0; 4]));
        assert_eq!(Value::List(vec![map, list, Value::Null]).wire(), Err(Status::SerializationFailure));
    }

    #[test]
    fn prop_1_a_path_walks_through_maps_messages_and_lists() {
        let list = Value::List(vec![Value::text("a"), Value::text("b")]);
        let value = Value::Map(vec![(b"k".to_vec(), list)]);
        let walk = |path: &[&str]| path.iter().try_fold(value.clone(), |at, part| at.into_part(part.as_bytes()));
        assert_eq!(walk(&["k", "1"]), Some(Value::text("b")));
        for missing in [["k", "2"], ["k", "-1"], ["k", "x"], ["j", "0"]] {
            assert_eq!(walk(&missing), None, "{missing:?}");
        }
        assert_eq!(walk(&["k", "1", "more"]), None);
        let message = Message { wire: b"w".to_vec(), fields: vec![("id", Value::text("x"))] };
        let message = Value::Message(message);
        assert_eq!(message.clone().into_part(b"id"), Some(Value::text("x")));
        assert_eq!(message.clone().into_part(b"other"), None);
        assert_eq!(message.wire(), Ok(b"w".to_vec()));
    }
}
