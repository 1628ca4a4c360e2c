//! Attaching: a manifest of one layer that names the image as its subject.

use std::collections::BTreeMap;

use super::bundle;
use super::key::{KeyError, SigningKey};
use super::statement::{self, Statement};
use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::image::Blob;
use crate::store::{Store, StoreError};
use crate::time;

const CREATED: &str = "org.opencontainers.image.created";

/// Something to attach to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    media_type: String,
    bytes: Vec<u8>,
    annotations: BTreeMap<String, String>,
}

impl Attachment {
    /// A document of this media type, such as a bill of material.
    #[must_use]
    pub fn document(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { media_type: media_type.to_owned(), bytes, annotations: BTreeMap::new() }
    }

    /// A statement about the image with this digest that nobody has signed.
    #[must_use]
    pub fn statement(statement: &Statement, subject: &Digest) -> Self {
        let annotations = [("in-toto.io/predicate-type".to_owned(), statement.predicate_type.clone())].into();
        Self { media_type: statement::MEDIA_TYPE.to_owned(), bytes: statement.about(subject), annotations }
    }

    /// A statement about the image with this digest, signed.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn signed_statement(statement: &Statement, subject: &Digest, key: &SigningKey) -> Result<Self, KeyError> {
        let annotations = [
            ("dev.sigstore.bundle.content".to_owned(), "dsse-envelope".to_owned()),
            ("dev.sigstore.bundle.predicateType".to_owned(), statement.predicate_type.clone()),
        ];
        let bytes = bundle::sign(statement, subject, key)?;
        Ok(Self { media_type: bundle::MEDIA_TYPE.to_owned(), bytes, annotations: annotations.into() })
    }

    /// The image's signature.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn signature(subject: &Digest, key: &SigningKey) -> Result<Self, KeyError> {
        Self::signed_statement(&Statement::signed(), subject, key)
    }

    /// The same with the moment, in seconds since 1970, at which it was made.
    #[must_use]
    pub fn created(mut self, seconds: u64) -> Self {
        self.annotations.insert(CREATED.to_owned(), time::rfc3339(seconds));
        self
    }
}

impl Store {
    /// Attaches something to an image that is there; the digest of the new manifest.
    ///
    /// Where the registry has no API for referrers, the list of them under the tag `sha256-DIGEST` is written anew: two that
    /// attach to one image at the same moment may then lose one of the two.
    ///
    /// # Errors
    /// When the repository cannot be written.
    pub async fn add(&self, subject: &Blob, attachment: &Attachment) -> Result<Digest, StoreError> {
        let layer = Blob::new(&attachment.media_type, attachment.bytes.clone());
        let artifact = Artifact::attached(&subject.descriptor(), layer, &attachment.annotations);
        for (what, blob) in &artifact.blobs {
            self.put_blob(what, blob).await?;
        }
        self.attach(&artifact.manifest, subject.digest()).await?;
        Ok(artifact.manifest.digest().clone())
    }
}
