//! What a request leaves for its response: what to tell the client, and what may have to be given back.
//!
//! The proxy keeps it with the stream, under a name that nobody else can guess, and frees it with the stream. So the filter has no
//! memory that grows with streams, and need not be told when one ends: each thing that a proxy tells a module costs time.
//!
//! ```text
//! length of the policy (8) | length of the limit (8) | policy | limit | what was taken, each in 11 words of 8
//! ```

use crate::fields::Fields;
use crate::limiter::Receipt;
use crate::rule::Asked;

/// The note.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// What the client is told.
    pub fields: Fields,
    /// What the request has taken, as long as its response may give it back.
    pub taken: Vec<Taken>,
}

/// What was taken of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The rule's number.
    pub rule: usize,
    /// What was asked of it.
    pub asked: Asked,
    /// None when it came out of a lease.
    pub receipt: Option<Receipt>,
}

const WORD: usize = 8;
/// Rule, tier, cost, whose counters; the receipt.
const WORDS: usize = 4 + Receipt::WORDS;
/// The first word of a receipt that there is not.
const NONE: u64 = u64::MAX;

impl Note {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.taken.is_empty()
    }

    /// The note as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let texts = [&self.fields.policy, &self.fields.limit];
        let mut bytes = Vec::with_capacity(256);
        texts.iter().for_each(|text| bytes.extend_from_slice(&(text.len() as u64).to_le_bytes()));
        texts.iter().for_each(|text| bytes.extend_from_slice(text.as_bytes()));
        for Taken { rule, asked, receipt } in &self.taken {
            let first = [*rule as u64, asked.tier as u64, asked.cost, asked.tag];
            let mut none = [0; Receipt::WORDS];
            none[0] = NONE;
            let receipt = receipt.as_ref().map_or(none, Receipt::words);
            first.iter().chain(&receipt).for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        }
        bytes
    }

    /// The note of these bytes; nothing for what is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (policy, rest) = bytes.split_first_chunk::<WORD>()?;
        let (limit, rest) = rest.split_first_chunk::<WORD>()?;
        let (policy, rest) = text(*policy, rest)?;
        let (limit, rest) = text(*limit, rest)?;
        let (taken, rest) = rest.as_chunks::<{ WORD * WORDS }>();
        let taken = rest.is_empty().then(|| taken.iter().map(Taken::read).collect::<Option<_>>())??;
        Some(Self { fields: Fields { policy, limit }, taken })
    }
}

impl Taken {
    fn read(bytes: &[u8; WORD * WORDS]) -> Option<Self> {
        let mut words = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
        let (rule, tier, cost, tag) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let mut receipt = [0; Receipt::WORDS];
        receipt.iter_mut().zip(words).for_each(|(to, word)| *to = word);
        let asked = Asked { tag, tier: usize::try_from(tier).ok()?, cost };
        let receipt = if receipt.first() == Some(&NONE) { None } else { Some(Receipt::from_words(&receipt)?) };
        Some(Self { rule: usize::try_from(rule).ok()?, asked, receipt })
    }
}

fn text(length: [u8; WORD], bytes: &[u8]) -> Option<(String, &[u8])> {
    let (text, rest) = bytes.split_at_checked(usize::try_from(u64::from_le_bytes(length)).ok()?)?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken() -> impl Strategy<Value = Taken> {
        let receipt = any::<(u32, [u64; 2], [u64; 3], bool)>().prop_map(|(set, [tag, count], [a, b, c], overflow)| {
            let (kind, number) = if overflow { (1, 0) } else { (0, u64::from(set)) };
            Receipt::from_words(&[kind, number, tag, count, a, b, c])
        });
        (0..100_usize, any::<u64>(), 0..100_usize, any::<u64>(), prop::option::of(receipt)).prop_map(
            |(rule, tag, tier, cost, receipt)| Taken {
                rule,
                asked: Asked { tag, tier, cost },
                receipt: receipt.flatten(),
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(policy: String, limit: String, taken in prop::collection::vec(taken(), 0..5)) {
            let note = Note { fields: Fields { policy, limit }, taken };
            prop_assert_eq!(Note::read(&note.to_bytes()), Some(note));
        }

        #[test]
        fn what_is_no_note_is_none(bytes: Vec<u8>, cut in 1..100_usize) {
            if let Some(note) = Note::read(&bytes) {
                prop_assert_eq!(note.to_bytes(), bytes);
            }
            let note = Note { fields: Fields { policy: "p".repeat(100), limit: String::new() }, taken: Vec::new() }.to_bytes();
            prop_assert_eq!(Note::read(&note[..note.len() - cut]), None);
        }
    }
}
