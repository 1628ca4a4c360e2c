//! Signatures of older tools: a short JSON text in a layer, and the signature over it as the layer's annotation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::key::{KeyError, PublicKey, SigningKey};
use crate::digest::Digest;
use crate::image;

/// The media type of such layers.
pub(super) const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation with the signature.
pub(super) const ANNOTATION: &str = "dev.cosignproject.cosign/signature";
const TYPE: &str = "cosign container image signature";
const TYPES: [&str; 2] = [TYPE, "https://sigstore.dev/cosign/sign/v1"];

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    r#type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: Digest,
}

/// A signature in the form of cosign 2, which admission controllers such as Kyverno read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OlderSignature {
    pub(super) payload: Vec<u8>,
    /// In base64.
    pub(super) signature: String,
}

impl OlderSignature {
    /// Signs that an image has this digest; `repository` is its name without a tag, for people.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn new(repository: &str, subject: &Digest, key: &SigningKey) -> Result<Self, KeyError> {
        let payload = image::json(&json!({
            "critical": {
                "identity": { "docker-reference": repository },
                "image": { "docker-manifest-digest": subject },
                "type": TYPE,
            },
            "optional": null,
        }));
        let signature = STANDARD.encode(key.sign(&payload)?);
        Ok(Self { payload, signature })
    }
}

/// Checks that a text is signed with this key and about this manifest. The error says what is wrong.
pub(super) fn verify(payload: &[u8], signature: &str, subject: &Digest, key: &PublicKey) -> Result<(), &'static str> {
    let signature = STANDARD.decode(signature).map_err(|_| "has a signature that is not base64")?;
    if !key.verifies(payload, &signature) {
        return Err("is not signed with this key, or was changed");
    }
    let payload: Payload = serde_json::from_slice(payload).map_err(|_| "signs something else than an image")?;
    if payload.critical.image.docker_manifest_digest != *subject {
        return Err("is about another image");
    }
    if TYPES.contains(&payload.critical.r#type.as_str()) { Ok(()) } else { Err("signs something else than an image") }
}
