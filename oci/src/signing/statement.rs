//! Statements in the form of in-toto, and the envelope in which they are signed.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::digest::Digest;

/// The type of a predicate that says how something was built.
pub const PROVENANCE_TYPE: &str = "https://slsa.dev/provenance/v1";
/// The type of a predicate that says nothing but: signed.
pub(super) const SIGNED_TYPE: &str = "https://sigstore.dev/cosign/sign/v1";
/// The media type of statements.
pub(super) const MEDIA_TYPE: &str = "application/vnd.in-toto+json";
const TYPE: &str = "https://in-toto.io/Statement/v1";

/// Something that is said about an image: what kind of thing, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The type of the predicate, an address.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

/// A statement as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    #[serde(rename = "_type")]
    kind: String,
    pub(super) subject: Vec<Subject>,
    pub(super) predicate_type: String,
    predicate: Value,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Subject {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    pub(super) digest: SubjectDigest,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SubjectDigest {
    pub(super) sha256: Option<String>,
}

impl Statement {
    /// That the image is what the holder of the key means.
    pub(super) fn signed() -> Self {
        Self { predicate_type: SIGNED_TYPE.to_owned(), predicate: json!({}) }
    }

    /// The JSON, about the manifest with this digest.
    pub(super) fn about(&self, subject: &Digest) -> Vec<u8> {
        let digest = SubjectDigest { sha256: Some(subject.hex().to_owned()) };
        crate::image::json(&Written {
            kind: TYPE.to_owned(),
            subject: vec![Subject { name: None, digest }],
            predicate_type: self.predicate_type.clone(),
            predicate: self.predicate.clone(),
        })
    }
}

impl Written {
    /// Whether it is about this manifest, among others maybe.
    pub(super) fn is_about(&self, subject: &Digest) -> bool {
        self.kind.starts_with("https://in-toto.io/Statement/")
            && self.subject.iter().any(|named| named.digest.sha256.as_deref() == Some(subject.hex()))
    }
}

/// The bytes over which an envelope's signature goes.
pub(super) fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}
