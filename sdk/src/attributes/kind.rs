//! The types that attributes have, and how the proxy writes them (rule `PROP-2`).

use std::time::Duration;

use crate::HostError;

/// Why an attribute has no value that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// The bytes are not what the attribute's type is written as.
    #[error("the proxy wrote an attribute in another form than its type has")]
    Form,
    /// The proxy refused the call.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// How an attribute is read.
pub trait Kind {
    /// What is read.
    type Value;
    /// What it is called in the list.
    const NAME: &'static str;

    /// Reads it; nothing when the bytes have another form.
    fn read(bytes: Vec<u8>) -> Option<Self::Value>;
}

/// A text: its bytes, which need not be UTF-8.
#[derive(Debug)]
pub struct Text;
/// A number: eight bytes, little-endian.
#[derive(Debug)]
pub struct Int;
/// Yes or no: one byte.
#[derive(Debug)]
pub struct Bool;
/// A length of time: nanoseconds. Negative ones are of another form.
#[derive(Debug)]
pub struct Nanoseconds;
/// A moment: nanoseconds since the beginning of 1970.
#[derive(Debug)]
pub struct Time;
/// Names with their values.
#[derive(Debug)]
pub struct Map;
/// A message of protobuf, as it is on the wire; empty when there is none.
#[derive(Debug)]
pub struct Message;

/// The names and values of a [`Map`], in the proxy's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs(Vec<u8>);

impl Pairs {
    /// Each name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        // It was read once already.
        crate::Pairs::parse(&self.0).into_iter().flat_map(|pairs| pairs.iter())
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find_map(|(key, value)| (key == name).then_some(value))
    }
}

macro_rules! kinds {
    ($($kind:ident: $value:ty, $name:literal, $bytes:ident => $read:expr;)*) => {$(
        impl Kind for $kind {
            type Value = $value;
            const NAME: &'static str = $name;

            fn read($bytes: Vec<u8>) -> Option<$value> {
                $read
            }
        }
    )*};
}

kinds! {
    Text: Vec<u8>, "text", bytes => Some(bytes);
    Message: Vec<u8>, "message", bytes => Some(bytes);
    Int: i64, "number", bytes => number(&bytes);
    Bool: bool, "yes or no", bytes => match *bytes {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    };
    Nanoseconds: Duration, "duration", bytes => Some(Duration::from_nanos(u64::try_from(number(&bytes)?).ok()?));
    Time: Duration, "time", bytes => Some(Duration::from_nanos(u64::try_from(number(&bytes)?).ok()?));
    Map: Pairs, "map", bytes => crate::Pairs::parse(&bytes).is_ok().then_some(Pairs(bytes));
}

fn number(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The host is not to be trusted with the form: no bytes at all panic, and numbers are eight bytes.
        #[test]
        fn any_bytes_are_a_value_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(Text::read(bytes.clone()), Some(bytes.clone()));
            prop_assert_eq!(Int::read(bytes.clone()).is_some(), bytes.len() == 8);
            prop_assert!(Bool::read(bytes.clone()).is_none() || bytes.len() == 1);
            prop_assert!(Nanoseconds::read(bytes.clone()).is_none() || bytes.len() == 8);
            if let Some(pairs) = Map::read(bytes) {
                for (name, _) in pairs.iter() {
                    prop_assert!(pairs.get(name).is_some());
                }
            }
        }

        #[test]
        fn what_is_written_is_read(value: i64, pairs: Vec<(Vec<u8>, Vec<u8>)>) {
            prop_assert_eq!(Int::read(value.to_le_bytes().to_vec()), Some(value));
            let wire = crate::Pairs::encode(pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice())));
            let map = Map::read(wire).unwrap();
            prop_assert!(map.iter().eq(pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))));
        }
    }

    #[test]
    fn times_are_never_negative() {
        assert_eq!(Nanoseconds::read((-1_i64).to_le_bytes().to_vec()), None);
        assert_eq!(Time::read(1_500_000_000_i64.to_le_bytes().to_vec()), Some(Duration::from_millis(1500)));
        assert_eq!((Bool::read(vec![1]), Bool::read(vec![2])), (Some(true), None));
    }
}
