//! One module as one OCI image, the same bytes on every machine.
//!
//! The layout is the one called `compat`: a single gzipped tar layer with `plugin.wasm` at its root, which Istio, Envoy Gateway,
//! Higress, Google's Service Extensions and every container tool accept. Nothing in it depends on when or where it was built.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use flate2::{Compression, GzBuilder};
use serde::Serialize;

use crate::digest::Digest;
use crate::extract::{self, ExtractError};
use crate::manifest::{CONFIG_TYPE, Descriptor, Document, LAYER_TYPE, MANIFEST_TYPE, ManifestError};
use crate::time;

/// The name of the module inside the layer, fixed by the consumers.
pub const PLUGIN_FILE: &str = "plugin.wasm";

/// The annotation that names the layout, and its value.
pub const VARIANT_ANNOTATION: (&str, &str) = ("module.wasm.image/variant", "compat");

/// An image with a module: its manifest, its configuration and the layer that holds the module.
///
/// Whoever has one knows that the digests fit and that a mesh would look at this layer; what is inside of it shows
/// [`Image::module`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The manifest: its digest is the image's.
    pub manifest: Blob,
    /// The image configuration, which no mesh reads but every container tool does.
    pub config: Blob,
    /// The layer with the module.
    pub layer: Blob,
    layer_count: usize,
}

/// Bytes with their media type and content address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    media_type: String,
    digest: Digest,
    bytes: Vec<u8>,
}

/// What an image says about itself, as annotations of its manifest.
///
/// A build time is only there where one is given: the time of the day would change the digest of an unchanged module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Name for people (`org.opencontainers.image.title`).
    pub title: Option<String>,
    /// Version of the filter (`….version`).
    pub version: Option<String>,
    /// One sentence on what it does (`….description`).
    pub description: Option<String>,
    /// Address of the source (`….source`).
    pub source: Option<String>,
    /// SPDX expression (`….licenses`).
    pub licenses: Option<String>,
    /// When it was built, in seconds since 1970 (`….created`): what `SOURCE_DATE_EPOCH` says, never the clock.
    pub created: Option<u64>,
    /// Further annotations; the ones above and the layout's own win over an equal key.
    pub extra: BTreeMap<String, String>,
}

/// Why blobs do not make an image with a module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The manifest leads to no module.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The manifest is an index of several images.
    #[error("this is an index of several images, not an image; name one of its manifests by digest")]
    Index,
    /// A blob is not the one that the manifest names.
    #[error(
        "the {what} does not match its digest or size: expected {expected} ({expected_size} bytes), got {actual} ({actual_size} bytes); push or copy the image again"
    )]
    Mismatch {
        /// Which blob.
        what: &'static str,
        /// The digest that was asked for.
        expected: Digest,
        /// The size that was asked for, in bytes.
        expected_size: u64,
        /// The digest of what is there.
        actual: Digest,
        /// The size of what is there, in bytes.
        actual_size: u64,
    },
}

impl Image {
    /// Packs a module; the same input gives the same bytes, and so the same digest.
    ///
    /// ```
    /// use tamis_oci::{Image, Metadata};
    ///
    /// let image = Image::build(b"\0asm\x01\0\0\0", &Metadata { title: Some("empty".into()), ..Metadata::default() });
    /// assert_eq!(image.module().ok().as_deref(), Some(&b"\0asm\x01\0\0\0"[..]));
    /// ```
    #[must_use]
    pub fn build(wasm: &[u8], metadata: &Metadata) -> Self {
        let archive = tar(wasm);
        let layer = Blob::new(LAYER_TYPE, gzip(&archive));
        let config = Blob::new(CONFIG_TYPE, json(&Config::of(&archive)));
        let manifest = Blob::new(
            MANIFEST_TYPE,
            json(&WrittenManifest {
                schema_version: 2,
                media_type: MANIFEST_TYPE,
                config: config.descriptor(),
                layers: [layer.descriptor()],
                annotations: {
                    let (variant, compat) = VARIANT_ANNOTATION;
                    let mut all = metadata.annotations();
                    all.insert(variant.to_owned(), compat.to_owned());
                    all
                },
            }),
        );
        Self { manifest, config, layer, layer_count: 1 }
    }

    /// Puts an image together from blobs that came from elsewhere; every digest and size is checked.
    ///
    /// # Errors
    /// When the manifest leads to no module, or a blob is not the one it names.
    pub fn from_parts(manifest: Vec<u8>, config: Vec<u8>, layer: Vec<u8>) -> Result<Self, ImageError> {
        let Document::Image(parsed) = Document::parse(&manifest)? else {
            return Err(ImageError::Index);
        };
        Ok(Self {
            config: Blob::checked("image configuration", &parsed.config, config)?,
            layer: Blob::checked("layer", &parsed.module, layer)?,
            manifest: Blob::new(parsed.media_type, manifest),
            layer_count: parsed.layer_count,
        })
    }

    /// The digest of the manifest: what a resource pins, and what `sha256` means in a `WasmPlugin` with an `oci://` address.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.manifest.digest
    }

    /// How many layers the manifest names; only the one with the module is held here.
    #[must_use]
    pub fn layer_count(&self) -> usize {
        self.layer_count
    }

    /// Takes the module out of the layer, in memory, by the rules of Istio and Envoy Gateway.
    ///
    /// # Errors
    /// When the layer cannot be unpacked, is larger than [`crate::MAX_MODULE_BYTES`] unpacked, or holds no `plugin.wasm` that
    /// begins like a wasm module.
    pub fn module(&self) -> Result<Vec<u8>, ExtractError> {
        extract::module(&self.layer)
    }
}

impl Blob {
    pub(crate) fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { media_type: media_type.to_owned(), digest: Digest::of(&bytes), bytes }
    }

    pub(crate) fn checked(what: &'static str, expected: &Descriptor, bytes: Vec<u8>) -> Result<Self, ImageError> {
        let blob = Self::new(&expected.media_type, bytes);
        if blob.digest != expected.digest || blob.size() != expected.size {
            return Err(ImageError::Mismatch {
                what,
                expected: expected.digest.clone(),
                expected_size: expected.size,
                actual_size: blob.size(),
                actual: blob.digest,
            });
        }
        Ok(blob)
    }

    /// The media type under which the manifest names the bytes.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The digest of the bytes.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How a manifest names the bytes.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.clone(),
            digest: self.digest.clone(),
            size: self.size(),
            annotations: BTreeMap::new(),
            platform: None,
            artifact_type: None,
        }
    }
}

impl Metadata {
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        let created = self.created.map(time::rfc3339);
        let named = [
            ("created", &created),
            ("title", &self.title),
            ("version", &self.version),
            ("description", &self.description),
            ("source", &self.source),
            ("licenses", &self.licenses),
        ];
        let mut all = self.extra.clone();
        for (name, value) in named {
            if let Some(value) = value {
                all.insert(format!("org.opencontainers.image.{name}"), value.clone());
            }
        }
        all
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenManifest {
    schema_version: u8,
    media_type: &'static str,
    config: Descriptor,
    layers: [Descriptor; 1],
    annotations: BTreeMap<String, String>,
}

/// An ordinary linux/amd64 configuration: meshes on every processor ask an index for that platform, and a wasm module has none.
#[derive(Serialize)]
struct Config {
    architecture: &'static str,
    os: &'static str,
    config: BTreeMap<String, String>,
    rootfs: RootFs,
}

#[derive(Serialize)]
struct RootFs {
    r#type: &'static str,
    diff_ids: [Digest; 1],
}

impl Config {
    fn of(archive: &[u8]) -> Self {
        Self {
            architecture: "amd64",
            os: "linux",
            config: BTreeMap::new(),
            rootfs: RootFs { r#type: "layers", diff_ids: [Digest::of(archive)] },
        }
    }
}

pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    // Strings, numbers and maps with string keys always have a JSON form.
    serde_json::to_vec(value).unwrap_or_default()
}

fn tar(wasm: &[u8]) -> Vec<u8> {
    in_memory(|bytes| {
        let mut header = tar::Header::new_ustar();
        header.set_path(PLUGIN_FILE)?;
        header.set_size(wasm.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        let mut archive = tar::Builder::new(bytes);
        archive.append(&header, wasm)?;
        archive.finish()
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    const UNKNOWN_SYSTEM: u8 = 255;
    in_memory(|out| {
        let mut encoder = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM).write(out, Compression::best());
        encoder.write_all(bytes)?;
        encoder.finish().map(drop)
    })
}

/// Runs a writer over memory, where writing cannot fail.
fn in_memory(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let done = write(&mut bytes);
    debug_assert!(done.is_ok(), "writing to memory failed: {done:?}");
    bytes
}
