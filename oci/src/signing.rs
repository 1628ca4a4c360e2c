//! Who made an image: signatures with a key, and statements about it, stored beside it in the forms that cosign reads.
//!
//! A signature is over the image's digest and nothing else, so it stays good wherever the image is copied. New ones are Sigstore
//! bundles, attached to the image as referrers; those that older tools keep under a tag `sha256-….sig` are read as well, and written when
//! asked for ([`OlderSignature`]), because admission controllers look there. Keys are
//! ECDSA on P-256, what `cosign generate-key-pair` and `openssl ecparam -name prime256v1` make. No service is asked: neither a
//! log nor a clock vouches for *when* something was signed.

mod attach;
mod bundle;
mod container;
mod key;
mod simple;
mod statement;
mod verify;

pub use attach::Attachment;
pub use key::{KeyError, PublicKey, SigningKey};
pub use simple::OlderSignature;
pub use statement::{PROVENANCE_TYPE, Statement};
pub use verify::{Form, MAX_SIGNATURES, Verified, VerifyError};
