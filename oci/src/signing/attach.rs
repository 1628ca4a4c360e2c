//! Attaching: a manifest of one layer that names the image as its subject.

use std::collections::BTreeMap;

use super::bundle;
use super::key::{KeyError, SigningKey};
use super::simple::{self, OlderSignature};
use super::statement::{self, Statement};
use super::verify::older_tag;
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

    /// Puts a signature beside those that are there under the tag `sha256-DIGEST.sig`, where older tools look; the digest of the
    /// manifest behind it. Two that sign at the same moment may lose one of the two.
    ///
    /// # Errors
    /// When what is there cannot be read, or the repository cannot be written.
    pub async fn add_older(&self, subject: &Digest, signature: &OlderSignature) -> Result<Digest, StoreError> {
        let mut layers = match self.older_manifest(subject).await? {
            Some(there) => self.anatomy(&there)?.layers,
            None => Vec::new(),
        };
        let payload = Blob::new(simple::MEDIA_TYPE, signature.payload.clone());
        let mut layer = payload.descriptor();
        layer.annotations.insert(simple::ANNOTATION.to_owned(), signature.signature.clone());
        layers.push(layer);
        let artifact = Artifact::of_layers(&layers);
        self.put_blob("signature", &payload).await?;
        for (what, blob) in &artifact.blobs {
            self.put_blob(what, blob).await?;
        }
        self.put_manifest(older_tag(subject).as_ref(), &artifact.manifest).await?;
        Ok(artifact.manifest.digest().clone())
    }
}
