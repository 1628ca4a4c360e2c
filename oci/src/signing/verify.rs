//! Whether an image is signed with a key: whatever is attached to it is looked at, and one good signature is enough.

use std::str::FromStr as _;

use super::key::PublicKey;
use super::statement::SIGNED_TYPE;
use super::{bundle, simple};
use crate::digest::Digest;
use crate::image::Blob;
use crate::layout::LayoutError;
use crate::manifest::Descriptor;
use crate::reference::{Selector, Tag};
use crate::registry::{RegistryError, fallback_tag};
use crate::store::{Store, StoreError};

/// So many of an image's signatures are looked at.
pub const MAX_SIGNATURES: usize = 200;
/// The largest signature that is read.
const MAX_BYTES: u64 = 1 << 20;
/// An error tells of so many.
const NAMED: usize = 4;

/// A signature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The image that it is about.
    pub image: Digest,
    /// The manifest of the signature.
    pub signature: Digest,
    /// How it is stored.
    pub form: Form,
}

/// How signatures are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A Sigstore bundle, attached to the image.
    Bundle,
    /// A text under the tag `sha256-….sig`.
    Tag,
}

/// Why an image is not to be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Nobody has signed it.
    #[error("{image} has no signature; do not use it, or ask its maker to run `tamis sign`")]
    Unsigned {
        /// The image.
        image: String,
    },
    /// There are signatures, and none is good.
    #[error("no signature of {image} holds ({reasons}); do not use it")]
    NoneHolds {
        /// The image.
        image: String,
        /// What is wrong with each.
        reasons: String,
    },
    /// The repository cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Looks for a signature of the image that this key has made.
    ///
    /// # Errors
    /// When there is none that holds, or the repository cannot be read. An answer is either of the two: what cannot be read does
    /// not count as a signature.
    pub async fn verify(&self, image: &Digest, key: &PublicKey) -> Result<Verified, VerifyError> {
        let mut reasons = Vec::new();
        let candidates = self.referrers(image).await?;
        let is_bundle = |entry: &&Descriptor| {
            entry.artifact_type.as_deref().is_none_or(|kind| kind.starts_with(bundle::ANY_MEDIA_TYPE))
        };
        for entry in candidates.iter().filter(is_bundle).take(MAX_SIGNATURES) {
            match self.bundle(entry, image, key).await {
                Ok(()) => {
                    return Ok(Verified { image: image.clone(), signature: entry.digest.clone(), form: Form::Bundle });
                }
                Err(Some(reason)) => reasons.push(format!("{} {reason}", entry.digest)),
                Err(None) => {}
            }
        }
        match self.older(image, key, &mut reasons).await? {
            Some(signature) => Ok(Verified { image: image.clone(), signature, form: Form::Tag }),
            None if reasons.is_empty() => Err(VerifyError::Unsigned { image: format!("{}@{image}", self.name()) }),
            None => {
                let more = reasons.len().saturating_sub(NAMED);
                reasons.truncate(NAMED);
                let mut reasons = reasons.join("; ");
                if more > 0 {
                    reasons.push_str(&format!("; and {more} more"));
                }
                Err(VerifyError::NoneHolds { image: format!("{}@{image}", self.name()), reasons })
            }
        }
    }

    /// Checks one referrer. The error says what is wrong with the signature; nothing, when it is none.
    async fn bundle(&self, entry: &Descriptor, image: &Digest, key: &PublicKey) -> Result<(), Option<String>> {
        let shown = |error: StoreError| Some(format!("cannot be read: {error}"));
        let manifest = self.manifest(&Selector::Digest(entry.digest.clone())).await.map_err(shown)?;
        let anatomy = self.anatomy(&manifest).map_err(shown)?;
        let layer =
            anatomy.layers.iter().find(|layer| layer.media_type.starts_with(bundle::ANY_MEDIA_TYPE)).ok_or(None)?;
        if anatomy.subject.as_ref().is_none_or(|subject| subject.digest != *image) {
            return Err(Some("is attached to another image".to_owned()));
        }
        let blob = self.blob("signature", layer, MAX_BYTES).await.map_err(shown)?;
        bundle::verify(blob.bytes(), image, SIGNED_TYPE, key).map_err(|reason| Some(reason.to_owned()))
    }

    /// Looks under the tag of older tools.
    async fn older(
        &self,
        image: &Digest,
        key: &PublicKey,
        reasons: &mut Vec<String>,
    ) -> Result<Option<Digest>, StoreError> {
        let Some(manifest) = self.older_manifest(image).await? else { return Ok(None) };
        let anatomy = self.anatomy(&manifest)?;
        for layer in anatomy.layers.iter().filter(|layer| layer.media_type == simple::MEDIA_TYPE).take(MAX_SIGNATURES) {
            let Some(signature) = layer.annotations.get(simple::ANNOTATION) else { continue };
            let verdict = match self.blob("signature", layer, MAX_BYTES).await {
                Ok(payload) => simple::verify(payload.bytes(), signature, image, key).map_err(ToOwned::to_owned),
                Err(error) => Err(format!("cannot be read: {error}")),
            };
            match verdict {
                Ok(()) => return Ok(Some(manifest.digest().clone())),
                Err(reason) => reasons.push(format!("{} {reason}", layer.digest)),
            }
        }
        Ok(None)
    }

    /// The manifest with signatures of older tools, if there is one.
    pub(super) async fn older_manifest(&self, image: &Digest) -> Result<Option<Blob>, StoreError> {
        let Some(tag) = older_tag(image) else { return Ok(None) };
        match self.manifest(&Selector::Tag(tag)).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(
                StoreError::Registry(RegistryError::NotFound { .. }) | StoreError::Layout(LayoutError::NotFound { .. }),
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Where older tools look for the signatures of an image.
pub(super) fn older_tag(image: &Digest) -> Option<Tag> {
    Tag::from_str(&format!("{}.sig", fallback_tag(image))).ok()
}
