//! Downloads all of an image that somebody might read, without a judgement.

use crate::doctor::{Subject, Walk, Wanted};
use crate::extract::MAX_MODULE_BYTES;
use crate::reference::RegistryRef;
use crate::registry::RegistryOptions;
use crate::registry::error::RegistryError;
use crate::registry::session::{Access, Session};

pub(super) async fn examine(options: &RegistryOptions, reference: &RegistryRef) -> Result<Subject, RegistryError> {
    let session = Session::open(options, reference, Access::Pull).await?;
    let mut walk = Walk::new(reference.digest().cloned());
    while let Some(wanted) = walk.wanted() {
        let version = match &wanted {
            Wanted::Named => reference.version(),
            Wanted::Manifest(child) => child.digest.to_string(),
            Wanted::Layer(layer) => {
                let blob = session.blob("layer", layer, MAX_MODULE_BYTES).await?;
                walk.layer(layer, blob.into_bytes());
                continue;
            }
        };
        walk.document(session.manifest(&version).await?.bytes());
    }
    Ok(walk.finish())
}
