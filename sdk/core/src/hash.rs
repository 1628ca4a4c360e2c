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
        let mut hashing = self.begin();
        hashing.write(bytes);
        hashing.finish()
    }

    /// Begins the hash of bytes that come in pieces.
    ///
    /// ```
    /// # use tamis_core::hash::Key;
    /// let key = Key::from_salt("checkout-2026");
    /// let mut hashing = key.begin();
    /// hashing.write(b"user");
    /// hashing.write(b"-17");
    /// assert_eq!(hashing.finish(), key.hash(b"user-17"));
    /// ```
    #[must_use]
    pub fn begin(&self) -> Hashing {
        let state = State {
            a: self.0 ^ 0x736f_6d65_7073_6575,
            b: self.1 ^ 0x646f_7261_6e64_6f6d,
            c: self.0 ^ 0x6c79_6765_6e65_7261,
            d: self.1 ^ 0x7465_6462_7974_6573,
        };
        Hashing { state, tail: 0, length: 0 }
    }
}

/// The hash of bytes that come in pieces: [`Key::begin`].
#[derive(Clone)]
pub struct Hashing {
    state: State,
    /// The bytes since the last whole word, the first the lowest.
    tail: u64,
    /// How many bytes there were.
    length: u64,
}

impl Hashing {
    /// More bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        let count = rest.len() as u64;
        let word = match (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
            // The two overlap, and where they do they are the same.
            (Some(first), Some(last)) => {
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (count % 4 * 8)
            }
            _ => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        let bits = self.length % 8 * 8;
        self.tail |= word << bits;
        if bits + count * 8 >= 64 {
            self.state.word(self.tail);
            self.tail = if bits == 0 { 0 } else { word >> (64 - bits) };
        }
        self.length = self.length.wrapping_add(count);
    }

    /// One byte.
    #[inline]
    pub fn write_u8(&mut self, byte: u8) {
        let place = self.length % 8;
        self.tail |= u64::from(byte) << (place * 8);
        self.length = self.length.wrapping_add(1);
        if place == 7 {
            self.state.word(self.tail);
            self.tail = 0;
        }
    }

    /// The eight bytes of a number, the lowest first.
    #[inline]
    pub fn write_u64(&mut self, word: u64) {
        // In the tail are fewer than eight bytes; the word's own go above them, and the rest are the next tail.
        let bits = self.length % 8 * 8;
        self.state.word(self.tail | word << bits);
        self.tail = if bits == 0 { 0 } else { word >> (64 - bits) };
        self.length = self.length.wrapping_add(8);
    }

    /// The hash of all bytes.
    #[must_use]
    pub fn finish(self) -> u64 {
        let Self { mut state, tail, length } = self;
        // The last bytes, and the length above them.
        state.word(tail | length << 56);
        state.c ^= 0xff;
        state.rounds(4);
        state.a ^ state.b ^ state.c ^ state.d
    }
}

/// Shows nothing: a key may be a secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[derive(Clone)]
struct State {
    a: u64,
    b: u64,
    c: u64,
    d: u64,
}

/// Shows nothing either: key and bytes are in it.
impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashing")
    }
}

impl State {
    #[inline]
    fn word(&mut self, word: u64) {
        self.d ^= word;
        self.rounds(2);
        self.a ^= word;
    }

    /// One copy for all, and a loop: filters hash once a request, so the code comes from far away each time, and it is that which
    /// takes long.
    #[inline(never)]
    fn rounds(&mut self, count: u32) {
        let Self { mut a, mut b, mut c, mut d } = *self;
        for _ in 0..count {
            a = a.wrapping_add(b);
            b = b.rotate_left(13) ^ a;
            a = a.rotate_left(32);
            c = c.wrapping_add(d);
            d = d.rotate_left(16) ^ c;
            a = a.wrapping_add(d);
            d = d.rotate_left(21) ^ a;
            c = c.wrapping_add(b);
            b = b.rotate_left(17) ^ c;
            c = c.rotate_left(32);
        }
        *self = Self { a, b, c, d };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn pieces_make_no_difference(pieces: Vec<Vec<u8>>, number: u64, key: [u8; 16]) {
            let key = Key::new(key);
            let mut hashing = key.begin();
            pieces.iter().for_each(|piece| hashing.write(piece));
            hashing.write_u64(number);
            hashing.write_u8(b'x');
            let whole = [pieces.concat().as_slice(), &number.to_le_bytes(), b"x"].concat();
            prop_assert_eq!(hashing.finish(), key.hash(&whole));
        }
    }

    #[test]
    fn a_salt_is_the_same_key_for_ever() {
        assert_eq!(Key::from_salt("a").hash(b""), Key(Key(0, 0).hash(b"a"), Key(0, 1).hash(b"a")).hash(b""));
        assert_eq!(format!("{:?}", Key::from_salt("secret")), "Key");
    }
}
