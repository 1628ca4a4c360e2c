//! Sigstore's bundle: an envelope with a statement, and what is needed to check it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::key::{KeyError, PublicKey, SigningKey};
use super::statement::{self, Statement, Written};
use crate::digest::Digest;
use crate::image;

/// The media type of bundles that are written, and the beginning of those that are read.
pub(super) const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
pub(super) const ANY_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle";
/// The most signatures of one envelope that are looked at.
const MAX_IN_ENVELOPE: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Option<Envelope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

/// Signs a statement about a manifest.
pub(super) fn sign(statement: &Statement, subject: &Digest, key: &SigningKey) -> Result<Vec<u8>, KeyError> {
    let payload = statement.about(subject);
    let signature = key.sign(&statement::signed_bytes(statement::MEDIA_TYPE, &payload))?;
    let fingerprint = ring::digest::digest(&ring::digest::SHA256, &key.public()?.der());
    Ok(image::json(&json!({
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": { "publicKey": { "hint": STANDARD.encode(fingerprint) } },
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": statement::MEDIA_TYPE,
            "signatures": [{ "sig": STANDARD.encode(signature) }],
        },
    })))
}

/// Checks that a bundle's statement is this key's, is about this manifest and is of this type. The error says what is wrong.
pub(super) fn verify(
    bundle: &[u8],
    subject: &Digest,
    predicate_type: &str,
    key: &PublicKey,
) -> Result<(), &'static str> {
    let bundle: Bundle = serde_json::from_slice(bundle).map_err(|_| "is no bundle")?;
    let envelope = bundle.dsse_envelope.ok_or("has no envelope with a statement")?;
    let payload = STANDARD.decode(&envelope.payload).map_err(|_| "has a payload that is not base64")?;
    let message = statement::signed_bytes(&envelope.payload_type, &payload);
    let is_ours =
        |signature: &Signature| STANDARD.decode(&signature.sig).is_ok_and(|bytes| key.verifies(&message, &bytes));
    // Only a payload that the key's holder has signed is read.
    if !envelope.signatures.iter().take(MAX_IN_ENVELOPE).any(is_ours) {
        return Err("is not signed with this key, or was changed");
    }
    if envelope.payload_type != statement::MEDIA_TYPE {
        return Err("signs something else than a statement");
    }
    let statement: Written = serde_json::from_slice(&payload).map_err(|_| "signs something else than a statement")?;
    if !statement.is_about(subject) {
        return Err("is about another image");
    }
    if statement.predicate_type != predicate_type { Err("is a statement of another type") } else { Ok(()) }
}
