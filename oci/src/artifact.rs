//! Manifests of other things than an image that a mesh loads.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::image::{self, Blob, Image, Metadata};
use crate::manifest::{CONFIG_TYPE, Descriptor, MANIFEST_TYPE};
use crate::time;

/// Media type of the configuration of a CNCF Wasm artifact.
const CNCF_CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// Media type of the module in it.
const CNCF_LAYER_TYPE: &str = "application/wasm";

/// Media type of a configuration that says nothing.
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// A manifest and the blobs that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The manifest: its digest is the artifact's.
    pub manifest: Blob,
    /// The blobs, each with what it is.
    pub(crate) blobs: Vec<(&'static str, Blob)>,
}

impl Artifact {
    /// The layout of the CNCF for a core module, which container runtimes and artifact tools expect and no mesh accepts.
    ///
    /// Its form wants a time of creation; without one in `metadata` that is the year 1970.
    #[must_use]
    pub fn cncf(wasm: &[u8], metadata: &Metadata) -> Self {
        let layer = Blob::new(CNCF_LAYER_TYPE, wasm.to_vec());
        let config = Blob::new(
            CNCF_CONFIG_TYPE,
            image::json(&json!({
                "created": time::rfc3339(metadata.created.unwrap_or(0)),
                "architecture": "wasm",
                "os": "wasip1",
                "layerDigests": [layer.digest()],
            })),
        );
        let manifest = manifest(&config, &layer, &metadata.annotations(), &[]);
        Self { manifest, blobs: vec![("module", layer), ("configuration", config)] }
    }

    /// A manifest of one layer that is attached to another manifest.
    pub(crate) fn attached(subject: &Descriptor, layer: Blob, annotations: &BTreeMap<String, String>) -> Self {
        let config = Blob::new(EMPTY_TYPE, b"{}".to_vec());
        let more = [("artifactType", json!(layer.media_type())), ("subject", json!(subject))];
        let manifest = manifest(&config, &layer, annotations, &more);
        Self { manifest, blobs: vec![("attachment", layer), ("configuration", config)] }
    }

    /// An image of layers that are stored already, none of them packed.
    pub(crate) fn of_layers(layers: &[Descriptor]) -> Self {
        let diff_ids: Vec<&Digest> = layers.iter().map(|layer| &layer.digest).collect();
        let config = Blob::new(
            CONFIG_TYPE,
            image::json(&json!({
                "architecture": "",
                "os": "",
                "config": {},
                "rootfs": { "type": "layers", "diff_ids": diff_ids },
            })),
        );
        let manifest = Blob::new(
            MANIFEST_TYPE,
            image::json(&json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": config.descriptor(),
                "layers": layers,
            })),
        );
        Self { manifest, blobs: vec![("configuration", config)] }
    }

    /// The digest of the manifest.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        self.manifest.digest()
    }
}

impl From<&Image> for Artifact {
    fn from(image: &Image) -> Self {
        Self {
            manifest: image.manifest.clone(),
            blobs: vec![("layer", image.layer.clone()), ("image configuration", image.config.clone())],
        }
    }
}

/// A manifest of one layer, with further members.
fn manifest(config: &Blob, layer: &Blob, annotations: &BTreeMap<String, String>, more: &[(&str, Value)]) -> Blob {
    let mut document = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
        "annotations": annotations,
    });
    if let Some(members) = document.as_object_mut() {
        members.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
    Blob::new(MANIFEST_TYPE, image::json(&document))
}
