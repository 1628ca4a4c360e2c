//! Choices that are the same in every run.

/// xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(bits).unwrap_or(0) % bound.max(1)
    }

    /// From `low` to `high`, both included.
    pub fn from(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    pub fn of<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let at = self.below(choices.len());
        choices.get(at).copied()
    }

    pub fn text(&mut self, choices: &[&'static str]) -> &'static str {
        self.of(choices).unwrap_or("")
    }

    /// So many characters of an alphabet.
    pub fn string(&mut self, alphabet: &str, count: usize) -> String {
        (0..count).filter_map(|_| self.of(alphabet.as_bytes())).map(char::from).collect()
    }

    pub fn digits(&mut self, count: usize) -> String {
        self.string("0123456789", count)
    }
}
