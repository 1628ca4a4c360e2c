//! Content addresses: `sha256:` and 64 lower-case hexadecimal digits.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "sha256:";
const HEX_LENGTH: usize = 64;
const SHORT_LENGTH: usize = 12;

/// The SHA-256 content address of a blob or manifest.
///
/// ```
/// use tamis_oci::Digest;
///
/// let empty = Digest::of(b"");
/// assert_eq!(empty.short(), "e3b0c44298fc");
/// assert_eq!(empty.to_string().parse::<Digest>().ok(), Some(empty));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    hex: String,
}

/// A text that is not a digest that Tamis can check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a digest: expected `sha256:` and 64 lower-case hexadecimal digits")]
pub struct DigestError {
    text: String,
}

impl Digest {
    /// Hashes the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hex = String::with_capacity(HEX_LENGTH);
        for byte in Sha256::digest(bytes) {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Self { hex }
    }

    /// The 64 hexadecimal digits without the algorithm: the name of a blob file in a layout.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The first 12 hexadecimal digits: what goes into a `vm_id` where one must change with the code.
    #[must_use]
    pub fn short(&self) -> &str {
        self.hex.get(..SHORT_LENGTH).unwrap_or(&self.hex)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.strip_prefix(PREFIX)
            .filter(|hex| hex.len() == HEX_LENGTH && hex.bytes().all(is_digit))
            .map(|hex| Self { hex: hex.to_owned() })
            .ok_or_else(|| DigestError { text: text.chars().take(100).collect() })
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lower_case_sha256_is_a_digest() {
        let good = Digest::of(b"x").to_string();
        assert!(good.parse::<Digest>().is_ok());
        for bad in
            ["", "sha256:", "sha512:00", &good.to_uppercase(), &format!("{good}0"), good.trim_start_matches("sha256:")]
        {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
