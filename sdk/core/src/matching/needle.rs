//! A text that is looked for in values.

/// A text, and what is known of it beforehand: it is found in time linear in the value, however both look (Knuth, Morris,
/// Pratt). The client chooses the value, so the product of the two lengths would be too much.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Needle {
    /// In lower case where case does not matter.
    text: Vec<u8>,
    ignore_case: bool,
    /// How much of the text still fits, when the byte behind its first n + 1 ones does not.
    back: Vec<usize>,
}

impl Needle {
    pub(super) fn new(text: String, ignore_case: bool) -> Self {
        let mut text = text.into_bytes();
        if ignore_case {
            text.make_ascii_lowercase();
        }
        let mut needle = Self { back: Vec::with_capacity(text.len()), text: Vec::new(), ignore_case };
        let mut fits = 0;
        for (i, byte) in text.iter().enumerate() {
            if i > 0 {
                fits = needle.step(fits, *byte);
            }
            needle.back.push(fits);
            needle.text.push(*byte);
        }
        needle
    }

    pub(super) fn is_in(&self, value: &[u8]) -> bool {
        let mut fits = 0;
        value.iter().any(|byte| {
            fits = self.step(fits, if self.ignore_case { byte.to_ascii_lowercase() } else { *byte });
            fits == self.text.len()
        })
    }

    /// How much of the text fits after one more byte.
    fn step(&self, mut fits: usize, byte: u8) -> usize {
        while self.text.get(fits) != Some(&byte) {
            match fits.checked_sub(1) {
                Some(last) => fits = self.back.get(last).copied().unwrap_or(0),
                None => return 0,
            }
        }
        fits + 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(text in "[abA]{1,6}", value in "[abAc]{0,30}", ignore_case: bool) {
            let (mut plain, mut wanted) = (value.clone(), text.clone());
            if ignore_case {
                plain.make_ascii_lowercase();
                wanted.make_ascii_lowercase();
            }
            prop_assert_eq!(Needle::new(text, ignore_case).is_in(value.as_bytes()), plain.contains(&wanted));
        }
    }
}
