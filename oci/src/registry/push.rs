//! Uploads an image.

use crate::artifact::Artifact;
use crate::image::Image;
use crate::reference::RegistryRef;
use crate::registry::error::RegistryError;
use crate::registry::session::{Access, Session};
use crate::registry::{Pushed, RegistryOptions};

pub(super) async fn push(
    options: &RegistryOptions,
    reference: &RegistryRef,
    image: &Image,
) -> Result<Pushed, RegistryError> {
    if image.layer_count() != 1 {
        return Err(RegistryError::Incomplete { layers: image.layer_count() });
    }
    push_artifact(options, reference, &Artifact::from(image)).await
}

pub(super) async fn push_artifact(
    options: &RegistryOptions,
    reference: &RegistryRef,
    artifact: &Artifact,
) -> Result<Pushed, RegistryError> {
    let Some(tag) = reference.tag_to_write() else {
        return Err(RegistryError::NoTag { reference: reference.to_string() });
    };
    let digest = artifact.manifest.digest().clone();
    if let Some(pinned) = reference.digest().filter(|pinned| **pinned != digest) {
        return Err(RegistryError::DigestMismatch {
            reference: reference.to_string(),
            expected: pinned.clone(),
            actual: digest,
        });
    }
    let session = Session::open(options, reference, Access::Push).await?;
    for (what, blob) in &artifact.blobs {
        session.put_blob(what, blob).await?;
    }
    session.put_manifest(tag, &artifact.manifest).await?;
    Ok(Pushed { reference_by_digest: reference.at(digest.clone()), digest })
}
