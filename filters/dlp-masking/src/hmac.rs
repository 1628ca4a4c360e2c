//! HMAC-SHA-256 (RFC 2104).

use std::fmt;

use sha2::{Digest, Sha256};

/// The bytes that the hash takes at a time.
const BLOCK: usize = 64;
/// The shortest key, in bytes: 128 bits.
pub const LEAST: usize = 16;

/// A key, ready to begin hashes with.
#[derive(Clone)]
pub struct Key {
    inner: Sha256,
    outer: Sha256,
}

/// A hash under way.
#[derive(Clone)]
pub(crate) struct Hmac {
    inner: Sha256,
    outer: Sha256,
}

impl Key {
    /// A key; nothing for one that is shorter than [`LEAST`].
    #[must_use]
    pub fn new(secret: &[u8]) -> Option<Self> {
        if secret.len() < LEAST {
            return None;
        }
        let hashed;
        let secret = if secret.len() > BLOCK {
            hashed = Sha256::digest(secret);
            &hashed[..]
        } else {
            secret
        };
        let padded = |with: u8| {
            let mut block = [with; BLOCK];
            block.iter_mut().zip(secret).for_each(|(place, byte)| *place ^= byte);
            Sha256::new_with_prefix(block)
        };
        Some(Self { inner: padded(0x36), outer: padded(0x5c) })
    }

    pub(crate) fn begin(&self) -> Hmac {
        Hmac { inner: self.inner.clone(), outer: self.outer.clone() }
    }
}

impl Hmac {
    pub fn add(&mut self, bytes: &[u8]) {
        self.inner.update(bytes);
    }

    pub fn finish(self) -> [u8; 32] {
        self.outer.chain_update(self.inner.finalize()).finalize().into()
    }
}

/// Shows nothing: it is a secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl fmt::Debug for Hmac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hmac")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(key: &[u8], text: &[u8]) -> String {
        let mut hmac = Key::new(key).unwrap().begin();
        hmac.add(text);
        hmac.finish().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 4231, test cases 1, 3 and 6.
    #[test]
    fn is_hmac_sha_256() {
        assert_eq!(hex(&[0x0b; 20], b"Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        assert_eq!(hex(&[0xaa; 20], &[0xdd; 50]), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
        assert_eq!(
            hex(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
        assert!(Key::new(&[0; 15]).is_none());
    }
}
