//! Uploads an image.

use futures_util::stream;
use oci_client::RegistryOperation;
use reqwest::header::HeaderValue;

use crate::image::{Blob, Image};
use crate::reference::RegistryRef;
use crate::registry::error::RegistryError;
use crate::registry::session::Session;
use crate::registry::{Pushed, RegistryOptions};

pub(super) async fn push(
    options: &RegistryOptions,
    reference: &RegistryRef,
    image: &Image,
) -> Result<Pushed, RegistryError> {
    if reference.tag_to_write().is_none() {
        return Err(RegistryError::NoTag { reference: reference.to_string() });
    }
    if image.layer_count() != 1 {
        return Err(RegistryError::Incomplete { layers: image.layer_count() });
    }
    let digest = image.digest().clone();
    if let Some(pinned) = reference.digest().filter(|pinned| **pinned != digest) {
        return Err(RegistryError::DigestMismatch {
            reference: reference.to_string(),
            expected: pinned.clone(),
            actual: digest,
        });
    }
    let session = Session::open(options, reference, RegistryOperation::Push).await?;
    for blob in [&image.layer, &image.config] {
        upload(&session, blob).await?;
    }
    let kind = HeaderValue::from_str(image.manifest.media_type()).map_err(|_| RegistryError::Protocol {
        host: reference.host().to_owned(),
        reason: "the media type of the manifest is no header value",
    })?;
    // As raw bytes: a manifest that is parsed and written again would have another digest.
    let sent = session.uploads.push_manifest_raw(&session.target, image.manifest.bytes().to_vec(), kind).await;
    sent.map_err(|error| session.asked.client(error))?;
    Ok(Pushed { reference_by_digest: reference.at(digest.clone()), digest })
}

async fn upload(session: &Session, blob: &Blob) -> Result<(), RegistryError> {
    let digest = blob.digest().to_string();
    if session.has(&format!("blobs/{digest}")).await? {
        return Ok(());
    }
    let bytes = blob.bytes().to_vec();
    // The one upload of the client that takes any address a registry may name without a panic.
    let whole = stream::iter([Ok(bytes.into())]);
    let sent = session.uploads.push_blob_stream(&session.target, whole, &digest, Some(blob.size())).await;
    sent.map(drop).map_err(|error| session.asked.client(error))
}
