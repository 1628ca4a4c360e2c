//! The foreign functions `verify_signature` and `sign` (rule `FF-3`): their messages, and Envoy's words for what is wrong.
//!
//! Envoy has BoringSSL; the harness has `ring`, which signs and verifies less: see [`Unavailable`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature as algorithms;
use ring::signature::{EcdsaKeyPair, RsaEncoding, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm};

use super::proto::{self, Writer};
use crate::abi::Status;

/// What the harness has no implementation of: SHA-224, signing with SHA-1, curves with other hashes than SHA-256 and SHA-384,
/// and signing with them but for P-256 with SHA-256 and P-384 with SHA-384. The answer is `Unimplemented`, and the log says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unavailable;

/// What one of the functions answers.
pub(super) type Answer = Result<Result<Vec<u8>, Status>, Unavailable>;

/// `verify_signature`; keys as text are known `since_37`.
pub(super) fn verify(argument: &[u8], since_37: bool) -> Answer {
    let Some(fields) = proto::fields(argument) else { return Ok(Err(Status::BadArgument)) };
    let [signature, text] = [3, 4].map(|number| proto::bytes_of(&fields, number));
    let key = match key(proto::bytes_of(&fields, 2), proto::bytes_of(&fields, 5), since_37) {
        Ok(key) => key,
        Err(status) => return Ok(Err(status)),
    };
    let refused = |why: &str| Ok(Ok(Writer::default().bytes(2, why.as_bytes()).finish()));
    let hash = match Hash::named(proto::bytes_of(&fields, 1)) {
        Ok(hash) => hash,
        Err(why) => return refused(&why),
    };
    let der = match key {
        Key::Der(der) => Some(der.to_vec()),
        Key::Pem(text) => pem(text, "PUBLIC KEY"),
    };
    let Some(key) = der.as_deref().and_then(PublicKey::parse) else {
        return refused("Failed to initialize digest verify.");
    };
    match UnparsedPublicKey::new(key.algorithm(hash)?, key.bytes()).verify(text, signature) {
        Ok(()) => Ok(Ok(Writer::default().some_number(1, 1).finish())),
        Err(_) => refused("Failed to verify digest. Error code: 0"),
    }
}

/// `sign`
pub(super) fn sign(argument: &[u8]) -> Answer {
    let Some(fields) = proto::fields(argument) else { return Ok(Err(Status::BadArgument)) };
    let key = match key(proto::bytes_of(&fields, 2), proto::bytes_of(&fields, 4), true) {
        Ok(key) => key,
        Err(status) => return Ok(Err(status)),
    };
    let refused = |why: &str| Ok(Ok(Writer::default().bytes(3, why.as_bytes()).finish()));
    let hash = match Hash::named(proto::bytes_of(&fields, 1)) {
        Ok(hash) => hash,
        Err(why) => return refused(&why),
    };
    let der = match key {
        Key::Der(der) => Some(der.to_vec()),
        Key::Pem(text) => pem(text, "PRIVATE KEY"),
    };
    let Some(signer) = der.as_deref().and_then(Signer::parse) else {
        return refused("Invalid key type: private key required for signing operation.");
    };
    match signer.sign(hash, proto::bytes_of(&fields, 3))? {
        Some(signature) => Ok(Ok(Writer::default().some_number(1, 1).bytes(2, &signature).finish())),
        None => refused("Failed to create signature."),
    }
}

/// A key as it is given: one way or the other.
enum Key<'a> {
    Der(&'a [u8]),
    Pem(&'a [u8]),
}

fn key<'a>(der: &'a [u8], pem: &'a [u8], since_37: bool) -> Result<Key<'a>, Status> {
    match (der.is_empty(), pem.is_empty()) {
        _ if !since_37 => Ok(Key::Der(der)),
        (false, true) => Ok(Key::Der(der)),
        (true, false) => Ok(Key::Pem(pem)),
        _ => Err(Status::BadArgument),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// Upper and lower case are one, but in what is said of a name.
    fn named(name: &[u8]) -> Result<Self, String> {
        Ok(match name.to_ascii_lowercase().as_slice() {
            b"sha1" => Self::Sha1,
            b"sha224" => Self::Sha224,
            b"sha256" => Self::Sha256,
            b"sha384" => Self::Sha384,
            b"sha512" => Self::Sha512,
            _ => return Err(format!("{} is not supported.", String::from_utf8_lossy(name))),
        })
    }
}

/// What a `SubjectPublicKeyInfo` holds; bytes after it do not matter.
#[derive(Debug, PartialEq, Eq)]
enum PublicKey<'a> {
    Rsa(&'a [u8]),
    P256(&'a [u8]),
    P384(&'a [u8]),
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const CURVE: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;
const BITS: u8 = 0x03;
const INTEGER: u8 = 0x02;

impl<'a> PublicKey<'a> {
    fn parse(der: &'a [u8]) -> Option<Self> {
        let (info, _) = element(der, SEQUENCE)?;
        let (algorithm, rest) = element(info, SEQUENCE)?;
        let (bits, _) = element(rest, BITS)?;
        let (unused, bytes) = bits.split_first()?;
        let (kind, parameters) = element(algorithm, OBJECT)?;
        match (unused, kind) {
            (0, RSA) => {
                let (numbers, _) = element(bytes, SEQUENCE)?;
                let (_, exponent) = element(numbers, INTEGER)?;
                element(exponent, INTEGER).map(|_| Self::Rsa(bytes))
            }
            (0, CURVE) => match element(parameters, OBJECT)?.0 {
                P256 => Some(Self::P256(bytes)),
                P384 => Some(Self::P384(bytes)),
                _ => None,
            },
            _ => None,
        }
    }

    fn bytes(&self) -> &'a [u8] {
        let (Self::Rsa(bytes) | Self::P256(bytes) | Self::P384(bytes)) = self;
        bytes
    }

    fn algorithm(&self, hash: Hash) -> Result<&'static dyn VerificationAlgorithm, Unavailable> {
        Ok(match (self, hash) {
            (Self::Rsa(_), Hash::Sha1) => &algorithms::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            (Self::Rsa(_), Hash::Sha256) => &algorithms::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            (Self::Rsa(_), Hash::Sha384) => &algorithms::RSA_PKCS1_2048_8192_SHA384,
            (Self::Rsa(_), Hash::Sha512) => &algorithms::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
            (Self::P256(_), Hash::Sha256) => &algorithms::ECDSA_P256_SHA256_ASN1,
            (Self::P256(_), Hash::Sha384) => &algorithms::ECDSA_P256_SHA384_ASN1,
            (Self::P384(_), Hash::Sha256) => &algorithms::ECDSA_P384_SHA256_ASN1,
            (Self::P384(_), Hash::Sha384) => &algorithms::ECDSA_P384_SHA384_ASN1,
            _ => return Err(Unavailable),
        })
    }
}

/// A private key; of RSA from 2048 bits.
enum Signer {
    Rsa(Box<RsaKeyPair>),
    Curve(Box<EcdsaKeyPair>, Hash),
}

impl Signer {
    fn parse(der: &[u8]) -> Option<Self> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)) {
            return Some(Self::Rsa(Box::new(pair)));
        }
        let curve = |algorithm, hash| {
            let pair = EcdsaKeyPair::from_pkcs8(algorithm, der, &SystemRandom::new());
            Some(Self::Curve(Box::new(pair.ok()?), hash))
        };
        curve(&algorithms::ECDSA_P256_SHA256_ASN1_SIGNING, Hash::Sha256)
            .or_else(|| curve(&algorithms::ECDSA_P384_SHA384_ASN1_SIGNING, Hash::Sha384))
    }

    fn sign(&self, hash: Hash, text: &[u8]) -> Result<Option<Vec<u8>>, Unavailable> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let padding: &dyn RsaEncoding = match hash {
                    Hash::Sha256 => &algorithms::RSA_PKCS1_SHA256,
                    Hash::Sha384 => &algorithms::RSA_PKCS1_SHA384,
                    Hash::Sha512 => &algorithms::RSA_PKCS1_SHA512,
                    Hash::Sha1 | Hash::Sha224 => return Err(Unavailable),
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                let signed = pair.sign(padding, &random, text, &mut signature);
                Ok(signed.is_ok().then_some(signature))
            }
            Self::Curve(pair, own) if *own == hash => {
                Ok(pair.sign(&random, text).ok().map(|signature| signature.as_ref().to_vec()))
            }
            Self::Curve(..) => Err(Unavailable),
        }
    }
}

/// An element of DER with this tag: what is in it, and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (size, rest) = match first {
        0..=127 => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |size, byte| size << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    if *found == tag { rest.split_at_checked(size) } else { None }
}

/// What is between the lines of a text's first block whose kind ends so.
fn pem(text: &[u8], kind: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (found, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    if !found.ends_with(kind) {
        return None;
    }
    STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()
}
