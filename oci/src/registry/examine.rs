//! Downloads all of an image that somebody might read, without a judgement.

use oci_client::RegistryOperation;

use super::pull::{ACCEPT_MANIFESTS, blob, check_digest};
use crate::doctor::{Subject, Walk, Wanted};
use crate::extract::MAX_MODULE_BYTES;
use crate::manifest::MAX_MANIFEST_BYTES;
use crate::reference::RegistryRef;
use crate::registry::RegistryOptions;
use crate::registry::error::RegistryError;
use crate::registry::session::Session;

pub(super) async fn examine(options: &RegistryOptions, reference: &RegistryRef) -> Result<Subject, RegistryError> {
    let session = Session::open(options, reference, RegistryOperation::Pull).await?;
    let mut walk = Walk::new(reference.digest().cloned());
    while let Some(wanted) = walk.wanted() {
        let (version, pinned) = match &wanted {
            Wanted::Named => (reference.version(), reference.digest().cloned()),
            Wanted::Manifest(child) => (child.digest.to_string(), Some(child.digest.clone())),
            Wanted::Layer(layer) => {
                let bytes = blob(&session, "layer", layer, MAX_MODULE_BYTES).await?;
                walk.layer(layer, bytes);
                continue;
            }
        };
        let path = format!("manifests/{version}");
        let bytes = session.get(&path, ACCEPT_MANIFESTS, "manifest", MAX_MANIFEST_BYTES).await?;
        check_digest(reference, pinned.as_ref(), &bytes)?;
        walk.document(&bytes);
    }
    Ok(walk.finish())
}
