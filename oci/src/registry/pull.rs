//! Downloads an image.

use oci_client::RegistryOperation;

use crate::digest::Digest;
use crate::extract::MAX_MODULE_BYTES;
use crate::image::{Blob, Image, ImageError};
use crate::manifest::{self, Descriptor, Document, MAX_INDEX_DEPTH, MAX_MANIFEST_BYTES, ManifestError};
use crate::reference::RegistryRef;
use crate::registry::RegistryOptions;
use crate::registry::error::RegistryError;
use crate::registry::session::Session;

pub(super) const ACCEPT_MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

pub(super) async fn pull(options: &RegistryOptions, reference: &RegistryRef) -> Result<Image, RegistryError> {
    let session = Session::open(options, reference, RegistryOperation::Pull).await?;
    let not_a_module = |source: ImageError| RegistryError::NotAModule { reference: reference.to_string(), source };
    let mut version = reference.version();
    let mut pinned = reference.digest().cloned();
    for _ in 0..MAX_INDEX_DEPTH {
        let bytes =
            session.get(&format!("manifests/{version}"), ACCEPT_MANIFESTS, "manifest", MAX_MANIFEST_BYTES).await?;
        check_digest(reference, pinned.as_ref(), &bytes)?;
        match Document::parse(&bytes).map_err(|error| not_a_module(error.into()))? {
            Document::Index(children) => {
                let child = manifest::child_of(&children).map_err(|error| not_a_module(error.into()))?;
                version = child.digest.to_string();
                pinned = Some(child.digest.clone());
            }
            Document::Image(parsed) => {
                let config = blob(&session, "image configuration", &parsed.config, MAX_MANIFEST_BYTES).await?;
                let layer = blob(&session, "layer", &parsed.module, MAX_MODULE_BYTES).await?;
                return Image::from_parts(bytes, config, layer).map_err(not_a_module);
            }
        }
    }
    Err(not_a_module(ManifestError::TooDeep.into()))
}

pub(super) async fn blob(
    session: &Session,
    what: &'static str,
    wanted: &Descriptor,
    limit: u64,
) -> Result<Vec<u8>, RegistryError> {
    let reference = &session.asked.reference;
    if wanted.size > limit {
        return Err(RegistryError::TooLarge { reference: reference.to_string(), what, limit });
    }
    let bytes = session.get(&format!("blobs/{}", wanted.digest), "*/*", what, limit).await?;
    check_digest(reference, Some(&wanted.digest), &bytes)?;
    let checked = Blob::checked(what, wanted, bytes)
        .map_err(|source| RegistryError::NotAModule { reference: reference.to_string(), source })?;
    Ok(checked.into_bytes())
}

pub(super) fn check_digest(
    reference: &RegistryRef,
    expected: Option<&Digest>,
    bytes: &[u8],
) -> Result<(), RegistryError> {
    let actual = Digest::of(bytes);
    match expected {
        Some(expected) if *expected != actual => {
            Err(RegistryError::DigestMismatch { reference: reference.to_string(), expected: expected.clone(), actual })
        }
        _ => Ok(()),
    }
}
