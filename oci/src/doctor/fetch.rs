//! How the fetchers of meshes take a module out of an image. Istio's and Envoy Gateway's are the same in this.

use super::manifest::Document;
use super::subject::{ImageParts, Subject, What};
use super::{Finding, Taken};
use crate::extract;
use crate::image::Blob;
use crate::manifest::{Descriptor, LAYER_TYPE, RAW_WASM_TYPE, list};

/// Where the rules were read.
const SOURCE: &str = "istio.io/istio pkg/wasm/imagefetcher.go; Envoy Gateway internal/wasm/imagefetcher.go";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const ADVICE: &str = "make the image with `tamis push`: one layer, a gzipped tar with `plugin.wasm`";

/// What comes out of it.
///
/// # Errors
/// Why nothing does.
pub(super) fn mesh(subject: &Subject) -> Result<Taken, Vec<Finding>> {
    let parts = match &subject.what {
        What::File(wasm) => return Ok(Taken { wasm: wasm.clone(), manifest: None }),
        What::Image(parts) => parts,
    };
    let refused = |what: String, advice: &str| vec![Finding::refused(what, advice, SOURCE)];
    let Some((digest, image)) = parts.image() else {
        let reason = parts.stopped.clone().unwrap_or_else(|| "it leads to no image".to_owned());
        return Err(refused(reason, "push a plain image manifest"));
    };
    let found = if image.media_type.as_deref() == Some(DOCKER_MANIFEST) {
        last_layer(parts, image, DOCKER_LAYER).map_err(|reason| refused(reason, ADVICE))
    } else {
        last_layer(parts, image, LAYER_TYPE).or_else(|no_archive| {
            artifact(parts, image).map_err(|no_artifact| {
                let mut findings = refused(no_archive, ADVICE);
                findings.push(Finding::remark(format!("nor is it the older form of an image: {no_artifact}"), SOURCE));
                findings
            })
        })
    };
    let wasm = found?;
    if let Err(error) = extract::check_magic(&wasm) {
        return Err(refused(error.to_string(), ""));
    }
    // The digest of an index is compared with that of the image in it, and never is the same.
    if let Some(pinned) = parts.pinned.as_ref().filter(|pinned| *pinned != digest) {
        let what = format!(
            "the reference pins an index ({pinned}); its digest is compared with that of the image in it, and differs"
        );
        return Err(refused(what, &format!("name the image by its own digest, {digest}")));
    }
    Ok(Taken { wasm, manifest: Some(digest.clone()) })
}

/// `plugin.wasm` of the last layer, which has to be of this type.
fn last_layer(parts: &ImageParts, image: &Document, wanted: &str) -> Result<Vec<u8>, String> {
    let layer = image.layers.last().ok_or_else(|| "the image has no layer".to_owned())?;
    let found = image.layer_type(layer);
    if found != wanted {
        return Err(format!("the last layer has to be {wanted:?} and is {}", list([found.to_owned()])));
    }
    let blob = parts.blob(layer).ok_or_else(|| too_large(layer))?;
    extract::plugin(&Blob::new(wanted, blob.bytes().to_vec())).map_err(|error| error.to_string())
}

/// The raw wasm of the older form, which has exactly two layers.
fn artifact(parts: &ImageParts, image: &Document) -> Result<Vec<u8>, String> {
    if image.layers.len() != 2 {
        return Err(format!("it has {} layers and not 2", image.layers.len()));
    }
    let layer = image.layers.iter().find(|layer| image.layer_type(layer) == RAW_WASM_TYPE);
    let layer = layer.ok_or_else(|| format!("no layer is {RAW_WASM_TYPE:?}"))?;
    Ok(parts.blob(layer).ok_or_else(|| too_large(layer))?.bytes().to_vec())
}

fn too_large(layer: &Descriptor) -> String {
    format!("the layer has {} bytes, more than the {} that are fetched", layer.size, extract::MAX_MODULE_BYTES)
}
