//! Keys: PEM in, signatures out.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};

use super::container;
use crate::digest::Digest;

/// What stands before the point in the DER of a public key on P-256.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point: a byte that says so, and two coordinates.
const POINT: usize = 65;

/// Checks signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    point: [u8; POINT],
}

/// Makes signatures. Nothing of it is ever printed.
pub struct SigningKey {
    pair: EcdsaKeyPair,
}

/// Why a text is no key. Nothing of the text is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No PEM block of the right kind.
    #[error("no PEM block {wanted:?} is in it; `cosign generate-key-pair` makes keys")]
    NoKey {
        /// The label that was looked for.
        wanted: &'static str,
    },
    /// The block's content is broken.
    #[error("the key is damaged: {0}")]
    Damaged(&'static str),
    /// Another kind of key.
    #[error("only ECDSA keys on the curve P-256 are supported, which `cosign generate-key-pair` makes")]
    OtherKind,
    /// The key is encrypted, and the password is not the right one.
    #[error("the password does not open the key; it is read from COSIGN_PASSWORD")]
    WrongPassword,
}

impl PublicKey {
    /// Reads a PEM block `PUBLIC KEY`.
    ///
    /// # Errors
    /// When there is none, or it is of another kind.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        const LABEL: &str = "PUBLIC KEY";
        let der = block(text, LABEL).ok_or(KeyError::NoKey { wanted: LABEL })??;
        let point = der.strip_prefix(&P256[..]).ok_or(KeyError::OtherKind)?;
        point.try_into().map(|point| Self { point }).map_err(|_| KeyError::Damaged("it has another length"))
    }

    /// As PEM, as it is given to whoever checks.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let text = STANDARD.encode(self.der());
        let (mut lines, mut rest) = (String::new(), text.as_str());
        while !rest.is_empty() {
            let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
            lines.push_str(line);
            lines.push('\n');
            rest = after;
        }
        format!("-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n")
    }

    /// A short name for messages: the digest of the key.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.der())
    }

    pub(super) fn der(&self) -> Vec<u8> {
        [&P256[..], &self.point[..]].concat()
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point[..]).verify(message, signature).is_ok()
    }
}

impl SigningKey {
    /// Reads a key: PKCS #8 in the clear, or as cosign encrypts it, which `password` opens.
    ///
    /// Opening takes up to 128 MiB of memory and a second, by what the file asks for; more is refused.
    ///
    /// # Errors
    /// When there is no key in the text, it is of another kind, or the password is wrong.
    pub fn from_pem(text: &str, password: &[u8]) -> Result<Self, KeyError> {
        const CLEAR: &str = "PRIVATE KEY";
        let encrypted = container::LABELS.iter().find_map(|label| block(text, label));
        let der = match encrypted {
            Some(packed) => container::open(&packed?, password)?,
            None => block(text, CLEAR).ok_or(KeyError::NoKey { wanted: CLEAR })??,
        };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der, &SystemRandom::new());
        pair.map(|pair| Self { pair }).map_err(|_| KeyError::OtherKind)
    }

    /// The key that checks what this one signs.
    ///
    /// # Errors
    /// Never for a key that was read.
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        let point = self.pair.public_key().as_ref().try_into();
        point.map(|point| PublicKey { point }).map_err(|_| KeyError::Damaged("it has another length"))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signed = self.pair.sign(&SystemRandom::new(), message);
        signed.map(|signature| signature.as_ref().to_vec()).map_err(|_| KeyError::Damaged("it does not sign"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint().short())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// The bytes of the PEM block with this label.
fn block(text: &str, label: &str) -> Option<Result<Vec<u8>, KeyError>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let packed: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Some(STANDARD.decode(packed).map_err(|_| KeyError::Damaged("it is not base64")))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with `openssl ecparam -name prime256v1 -genkey | openssl pkcs8 -topk8 -nocrypt`, for these tests alone.
    const KEY: &str = include_str!("../../tests/signing/test.key");
    const COSIGN: &str = include_str!("../../tests/signing/cosign.key");

    #[test]
    fn what_a_key_signs_its_public_key_verifies() {
        for (text, password) in [(KEY, ""), (COSIGN, "pw")] {
            let key = SigningKey::from_pem(text, password.as_bytes()).unwrap();
            let public = key.public().unwrap();
            let signature = key.sign(b"message").unwrap();
            assert!(public.verifies(b"message", &signature));
            assert!(!public.verifies(b"massage", &signature));
            assert_eq!(PublicKey::from_pem(&public.to_pem()), Ok(public.clone()));
            for position in 0..signature.len() {
                let mut changed = signature.clone();
                changed[position] ^= 1;
                assert!(!public.verifies(b"message", &changed), "{position}");
            }
        }
    }

    #[test]
    fn what_is_no_key_says_so_and_nothing_of_itself() {
        for (text, password, wanted) in [
            ("", "", "no PEM block \"PRIVATE KEY\""),
            (COSIGN, "wrong", "the password does not open the key"),
            ("-----BEGIN PRIVATE KEY-----\nhunter2!\n-----END PRIVATE KEY-----", "", "not base64"),
            ("-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----", "", "only ECDSA"),
            (
                "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----",
                "",
                "damaged",
            ),
        ] {
            let error = SigningKey::from_pem(text, password.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert_eq!(format!("{:?}", SigningKey::from_pem(KEY, b"").unwrap()), "SigningKey(…)");
        let rsa = "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\n-----END PUBLIC KEY-----";
        assert!(PublicKey::from_pem(rsa).is_err());
    }
}
