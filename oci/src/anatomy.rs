//! What any manifest or index says, whether a mesh would load it or not.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::manifest::{Descriptor, ManifestError};

/// A manifest or an index as it is, of whatever.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Anatomy {
    /// The version of the form; 2 everywhere today.
    #[serde(default)]
    pub schema_version: u64,
    /// The media type that it gives itself.
    pub media_type: Option<String>,
    /// What kind of artifact it is, where it says so.
    pub artifact_type: Option<String>,
    /// The configuration; an index has none.
    pub config: Option<Descriptor>,
    /// The layers of a manifest, in order.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// The manifests of an index, in order.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
    /// The manifest to which this one is attached.
    pub subject: Option<Descriptor>,
    /// What it says about itself.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl Anatomy {
    /// Reads the JSON of a manifest or an index.
    ///
    /// # Errors
    /// When it is neither: a manifest has a configuration or a subject, an index a list of manifests.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let malformed = |reason: String| ManifestError::Malformed { reason };
        let read: Self = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        if read.schema_version == 1 {
            return Err(ManifestError::FirstSchema);
        }
        if read.config.is_none() && read.manifests.is_empty() && read.subject.is_none() && !read.is_index() {
            return Err(malformed("neither `config` and `layers` nor `manifests` are there".to_owned()));
        }
        Ok(read)
    }

    /// Whether it lists other manifests.
    #[must_use]
    pub fn is_index(&self) -> bool {
        let kind = self.media_type.as_deref().unwrap_or_default();
        self.config.is_none()
            && (!self.manifests.is_empty() || kind.contains("index") || kind.contains("manifest.list"))
    }

    /// What it is an artifact of: its own word, else the media type of its configuration.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.artifact_type.as_deref().or_else(|| self.config.as_ref().map(|config| config.media_type.as_str()))
    }

    /// Every blob that it names.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = (&'static str, &Descriptor)> {
        let layers = self.layers.iter().map(|layer| ("layer", layer));
        self.config.iter().map(|config| ("configuration", config)).chain(layers)
    }
}
