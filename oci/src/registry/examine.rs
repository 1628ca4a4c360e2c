//! Downloads all of an image that somebody might read, without a judgement.

use reqwest::header::WWW_AUTHENTICATE;

use crate::doctor::{Subject, Walk, Wanted};
use crate::extract::MAX_MODULE_BYTES;
use crate::reference::RegistryRef;
use crate::registry::RegistryOptions;
use crate::registry::error::RegistryError;
use crate::registry::session::{Access, Session};

pub(super) async fn examine(options: &RegistryOptions, reference: &RegistryRef) -> Result<Subject, RegistryError> {
    let session = Session::open(options, reference, Access::Pull).await?;
    let mut walk = Walk::new(reference.digest().cloned());
    let mut root = session.base.clone();
    root.set_path("/v2/");
    // Without credentials, as every client begins.
    let answer = session.send(|| session.http.get(root.clone())).await?;
    walk.challenged(answer.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|header| header.to_str().ok()));
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
