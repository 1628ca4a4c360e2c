//! What a manifest says, as far as it matters for finding the module in an image.
//!
//! The rules are those that Istio's agent and Envoy Gateway follow, so that what Tamis reads is what a mesh would load:
//! the media type *inside* the manifest decides, and of all layers only the last one counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Media type of an OCI image manifest.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI image index: several manifests, one per platform.
pub const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of an ordinary OCI image configuration.
pub const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of a gzipped tar layer: the one that the `compat` layout needs.
pub const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Media type of a raw wasm layer in the older two-layer layout, which is read but never written.
pub const RAW_WASM_TYPE: &str = "application/vnd.module.wasm.content.layer.v1+wasm";

const DOCKER_MANIFEST_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LAYER_TYPE: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// The largest manifest or index that is read: 4 MiB.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// How many indexes may point to one another before reading stops.
pub(crate) const MAX_INDEX_DEPTH: usize = 4;
/// An error names at most this many layers or platforms.
const NAMED_IN_ERRORS: usize = 8;

/// A manifest that says of which blobs an image consists, and where the module is.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    pub(crate) media_type: &'static str,
    pub(crate) config: Descriptor,
    pub(crate) module: Descriptor,
    pub(crate) layer_count: usize,
}

/// Either document that may stand behind a tag or a digest.
#[derive(Debug, Clone)]
pub(crate) enum Document {
    Image(Box<Manifest>),
    Index(Vec<Descriptor>),
}

/// Points to a blob or a manifest by content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Descriptor {
    /// What the bytes are.
    pub media_type: String,
    /// Their digest.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// What is said about them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// For which platform they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The kind of artifact that a manifest is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// A processor and a system, as an index names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Platform {
    /// The processor, as in `amd64`.
    pub architecture: String,
    /// The system, as in `linux`.
    pub os: String,
}

/// Why a manifest leads to no module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The document is not the JSON of an image manifest or an index.
    #[error("the manifest is not an OCI or Docker image manifest ({reason}); was the image pushed by `tamis push`?")]
    Malformed {
        /// What the parser met, with line and column.
        reason: String,
    },
    /// The form of manifests from before 2016, which has no digests of layers to check.
    #[error("the manifest has schema version 1, which nothing loads any more; push the image again with `tamis push`")]
    FirstSchema,
    /// No layer, or not the right one, is where a mesh looks for the module.
    #[error("no layer that a mesh would load: {expected}, found {found}; build the image with `tamis push`")]
    WrongLayers {
        /// What the rules ask for.
        expected: &'static str,
        /// The media types of the layers, in order.
        found: String,
    },
    /// An index has no image for the platform that meshes ask for.
    #[error("the index has no image for linux/amd64, only {found}; push a plain image manifest")]
    NoPlatform {
        /// The platforms of the index, in order.
        found: String,
    },
    /// Indexes point to indexes without end.
    #[error("more than {MAX_INDEX_DEPTH} indexes point to one another; push a plain image manifest")]
    TooDeep,
}

impl Document {
    /// Parses a manifest or an index and finds the layer with the module.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let wire: Wire =
            serde_json::from_slice(bytes).map_err(|error| ManifestError::Malformed { reason: error.to_string() })?;
        if wire.schema_version == Some(1) {
            return Err(ManifestError::FirstSchema);
        }
        if let Some(children) = wire.manifests {
            return Ok(Self::Index(children));
        }
        let (Some(config), Some(layers)) = (wire.config, wire.layers) else {
            return Err(ManifestError::Malformed {
                reason: "neither `config` and `layers` nor `manifests` are there".to_owned(),
            });
        };
        let layer_count = layers.len();
        let is_docker = wire.media_type.as_deref() == Some(DOCKER_MANIFEST_TYPE);
        let module = module_layer(is_docker, layers)?;
        Ok(Self::Image(Box::new(Manifest {
            media_type: if is_docker { DOCKER_MANIFEST_TYPE } else { MANIFEST_TYPE },
            config,
            module,
            layer_count,
        })))
    }
}

/// The child of an index that meshes take: the first for linux/amd64, or without a platform.
pub(crate) fn child_of(children: &[Descriptor]) -> Result<&Descriptor, ManifestError> {
    let is_ours = |child: &&Descriptor| {
        child.platform.as_ref().is_none_or(|platform| platform.os == "linux" && platform.architecture == "amd64")
    };
    children.iter().find(is_ours).ok_or_else(|| ManifestError::NoPlatform {
        found: list(
            children
                .iter()
                .filter_map(|child| child.platform.as_ref())
                .map(|platform| format!("{}/{}", platform.os, platform.architecture)),
        ),
    })
}

/// The media type that a manifest gives itself.
pub(crate) fn media_type_in(manifest: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        media_type: Option<String>,
    }
    serde_json::from_slice::<Typed>(manifest).ok()?.media_type
}

/// Whether a layer holds a gzipped tar (and not the wasm itself).
pub(crate) fn is_archive(media_type: &str) -> bool {
    media_type == LAYER_TYPE || media_type == DOCKER_LAYER_TYPE
}

/// Quotes names that a stranger chose, and cuts a list that is long.
pub(crate) fn list(names: impl IntoIterator<Item = String>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<String> = names
        .by_ref()
        .take(NAMED_IN_ERRORS)
        .map(|name| format!("{:?}", name.chars().take(100).collect::<String>()))
        .collect();
    match (shown.is_empty(), names.count()) {
        (true, _) => "none".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

fn module_layer(is_docker: bool, layers: Vec<Descriptor>) -> Result<Descriptor, ManifestError> {
    let expected = if is_docker { DOCKER_LAYER_TYPE } else { LAYER_TYPE };
    let found = list(layers.iter().map(|layer| layer.media_type.clone()));
    let is_pair = layers.len() == 2;
    let last = layers.last().filter(|layer| layer.media_type == expected).cloned();
    let raw = || layers.into_iter().find(|layer| layer.media_type == RAW_WASM_TYPE).filter(|_| is_pair && !is_docker);
    last.or_else(raw).ok_or(ManifestError::WrongLayers {
        expected: if is_docker {
            "the last layer of a docker manifest must be \"application/vnd.docker.image.rootfs.diff.tar.gzip\""
        } else {
            "the last layer must be \"application/vnd.oci.image.layer.v1.tar+gzip\""
        },
        found,
    })
}
