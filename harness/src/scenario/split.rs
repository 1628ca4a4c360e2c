//! How a body is cut into the pieces in which filters see it.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

/// The longest body that `split: all` takes, in bytes: it is sent about as often as it has bytes.
pub const MAX_ALL: usize = 4096;

/// How many random cuts `split: all` tries, and the seed of their randomness.
const RANDOM: u64 = 1000;
const SEED: u64 = 4;

/// How a body is cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Split {
    /// Not at all.
    #[default]
    Whole,
    /// Every byte comes alone.
    EveryByte,
    /// Before these bytes, counted from 0.
    At(Vec<usize>),
    /// In one piece, and then once more in each of: two pieces of every length, single bytes, 1,000 times at random.
    /// What comes out must always be the same.
    All,
}

impl Split {
    /// Whether the cuts are inside of a body of this many bytes.
    pub(super) fn check(&self, length: usize) -> Result<(), String> {
        match self {
            Self::At(cuts) => {
                let outside = cuts.iter().find(|cut| **cut == 0 || **cut >= length);
                match outside {
                    Some(cut) => Err(format!("a cut before byte {cut} is not inside of a body of {length} bytes")),
                    None if !cuts.is_sorted_by(|one, other| one < other) => Err("cuts go up: `at: [3, 7]`".to_owned()),
                    None => Ok(()),
                }
            }
            Self::All if length > MAX_ALL => {
                Err(format!("`split: all` takes bodies of up to {MAX_ALL} bytes, and this one has {length}"))
            }
            Self::Whole | Self::EveryByte | Self::All => Ok(()),
        }
    }

    /// The cuts of the first time.
    pub(super) fn cuts(&self, length: usize) -> Vec<usize> {
        match self {
            Self::Whole | Self::All => Vec::new(),
            Self::EveryByte => (1..length).collect(),
            Self::At(cuts) => cuts.clone(),
        }
    }

    /// The cuts of every other time.
    pub(super) fn variants(&self, length: usize) -> Vec<Vec<usize>> {
        if *self != Self::All || length < 2 {
            return Vec::new();
        }
        let mut random = Random(SEED);
        let two = (1..length).map(|cut| vec![cut]);
        let all = two.chain([(1..length).collect()]).chain((0..RANDOM).map(|_| random.cuts(length)));
        let mut tried = BTreeSet::new();
        all.filter(|cuts| !cuts.is_empty() && tried.insert(cuts.clone())).collect()
    }
}

/// A body in pieces; cuts beyond its end do nothing.
pub(super) fn pieces(mut body: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut begin = 0;
    for cut in cuts {
        let Some((piece, rest)) = body.split_at_checked(cut.saturating_sub(begin)) else { break };
        pieces.push(piece.to_vec());
        (body, begin) = (rest, *cut);
    }
    if !body.is_empty() {
        pieces.push(body.to_vec());
    }
    pieces
}

/// SplitMix64: any seed gives a good sequence.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Few cuts as often as many.
    fn cuts(&mut self, length: usize) -> Vec<usize> {
        let bytes = length as u64;
        let about = 1 + self.next() % bytes.max(1);
        (1..length).filter(|_| self.next() % bytes < about).collect()
    }
}

impl<'de> Deserialize<'de> for Split {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "expected `every-byte`, `all`, or `at: [3, 7]`";
        let value = Value::deserialize(deserializer)?;
        match value.as_str() {
            Some("every-byte") => return Ok(Self::EveryByte),
            Some("all") => return Ok(Self::All),
            _ => {}
        }
        let cuts = value.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.get("at"));
        let cuts = cuts.ok_or_else(|| D::Error::custom(EXPECTED))?;
        Vec::deserialize(cuts).map(Self::At).map_err(|_| D::Error::custom(EXPECTED))
    }
}

impl JsonSchema for Split {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Split".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The pieces in which filters see the body; only the harness can do this.",
            "anyOf": [
                { "enum": ["every-byte", "all"] },
                {
                    "type": "object",
                    "properties": { "at": { "type": "array", "items": { "type": "integer", "minimum": 1 } } },
                    "required": ["at"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_body() {
        assert_eq!(pieces(b"hello", &[1, 4]), [b"h".as_slice(), b"ell", b"o"]);
        assert_eq!(pieces(b"hello", &[]), [b"hello"]);
        assert_eq!(pieces(b"", &[]), [b""; 0]);
        assert_eq!(pieces(b"abc", &Split::EveryByte.cuts(3)), [b"a", b"b", b"c"]);
    }

    #[test]
    fn all_is_every_two_pieces_single_bytes_and_chance() {
        let variants = Split::All.variants(40);
        assert!((1..40).all(|cut| variants.contains(&vec![cut])));
        assert!(variants.contains(&(1..40).collect()));
        assert!(variants.len() > 800, "{}", variants.len());
        assert!(variants.iter().all(|cuts| pieces(&[7; 40], cuts).concat() == [7; 40]));
        assert_eq!(variants, Split::All.variants(40));
        assert_eq!(Split::All.variants(1), [[0; 0]; 0]);
        assert_eq!(Split::All.variants(2), [[1]]);
    }

    #[test]
    fn cuts_are_inside() {
        assert_eq!(Split::At(vec![3, 7]).check(8), Ok(()));
        for (cuts, length, error) in [
            (vec![0], 8, "a cut before byte 0 is not inside of a body of 8 bytes"),
            (vec![8], 8, "a cut before byte 8 is not inside of a body of 8 bytes"),
            (vec![3, 3], 8, "cuts go up: `at: [3, 7]`"),
        ] {
            assert_eq!(Split::At(cuts).check(length).unwrap_err(), error);
        }
        assert!(Split::All.check(MAX_ALL + 1).is_err());
    }
}
