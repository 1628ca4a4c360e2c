//! A keyed hash that is the same in every build, on every machine and in every release.

use std::fmt;

/// A key for hashing what clients send: SipHash-2-4, 64 bits.
///
/// Who does not know the key cannot choose inputs that meet in one place, so it is fit for tables and for buckets. It is no
/// signature: 64 bits are too few.
///
/// ```
/// use tamis_core::hash::Key;
///
/// let key = Key::from_salt("checkout-2026");
/// assert_eq!(key.hash(b"user-17"), Key::from_salt("checkout-2026").hash(b"user-17"));
/// assert_ne!(key.hash(b"user-17"), Key::from_salt("checkout-2027").hash(b"user-17"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(u64, u64);

impl Key {
    /// A key from 16 random bytes, or from a secret.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        let number = u128::from_le_bytes(key);
        Self(number as u64, (number >> 64) as u64)
    }

    /// A key from a text that somebody can write down: the same text makes the same key for ever. Whoever knows the text
    /// has the key.
    #[must_use]
    pub fn from_salt(salt: &str) -> Self {
        Self(Self(0, 0).hash(salt.as_bytes()), Self(0, 1).hash(salt.as_bytes()))
    }

    /// The hash of some bytes.
    #[must_use]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let mut state = State {
            a: self.0 ^ 0x736f_6d65_7073_6575,
            b: self.1 ^ 0x646f_7261_6e64_6f6d,
            c: self.0 ^ 0x6c79_6765_6e65_7261,
            d: self.1 ^ 0x7465_6462_7974_6573,
        };
        let mut words = bytes.chunks_exact(8);
        for word in words.by_ref() {
            state.word(little_endian(word));
        }
        // The last bytes, and the length above them.
        state.word(little_endian(words.remainder()) | (bytes.len() as u64) << 56);
        state.c ^= 0xff;
        (0..4).for_each(|_| state.round());
        state.a ^ state.b ^ state.c ^ state.d
    }
}

/// Shows nothing: a key may be a secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

struct State {
    a: u64,
    b: u64,
    c: u64,
    d: u64,
}

impl State {
    fn word(&mut self, word: u64) {
        self.d ^= word;
        self.round();
        self.round();
        self.a ^= word;
    }

    fn round(&mut self) {
        self.a = self.a.wrapping_add(self.b);
        self.b = self.b.rotate_left(13) ^ self.a;
        self.a = self.a.rotate_left(32);
        self.c = self.c.wrapping_add(self.d);
        self.d = self.d.rotate_left(16) ^ self.c;
        self.a = self.a.wrapping_add(self.d);
        self.d = self.d.rotate_left(21) ^ self.a;
        self.c = self.c.wrapping_add(self.b);
        self.b = self.b.rotate_left(17) ^ self.c;
        self.c = self.c.rotate_left(32);
    }
}

/// Up to eight bytes, the first the lowest.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the paper (Aumasson and Bernstein, appendix A), and the first ones of its reference vectors.
    #[test]
    fn is_siphash_2_4() {
        let bytes: Vec<u8> = (0..16).collect();
        let key = Key::new(bytes.as_slice().try_into().unwrap());
        assert_eq!(key.hash(&bytes[..15]), 0xa129_ca61_49be_45e5);
        assert_eq!(key.hash(&bytes[..0]), 0x726f_db47_dd0e_0e31);
        assert_eq!(key.hash(&bytes[..1]), 0x74f8_39c5_93dc_67fd);
        assert_eq!(key.hash(&bytes[..8]), 0x93f5_f579_9a93_2462);
    }

    #[test]
    fn a_salt_is_the_same_key_for_ever() {
        assert_eq!(Key::from_salt("a").hash(b""), Key(Key(0, 0).hash(b"a"), Key(0, 1).hash(b"a")).hash(b""));
        assert_eq!(format!("{:?}", Key::from_salt("secret")), "Key");
    }
}
