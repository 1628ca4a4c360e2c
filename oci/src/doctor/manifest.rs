//! What manifests say, without a judgement: each consumer has its own.

use serde::Deserialize;

use crate::manifest::Descriptor;

/// A manifest or an index, as it was written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    /// The media type inside the document, which is what fetchers look at.
    pub(super) media_type: Option<String>,
    pub(super) config: Option<Descriptor>,
    #[serde(default)]
    pub(super) layers: Vec<Descriptor>,
    /// The images of an index.
    pub(super) manifests: Option<Vec<Descriptor>>,
    /// Only schema 1 has them.
    pub(super) fs_layers: Option<serde::de::IgnoredAny>,
}

impl Document {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document: Self =
            serde_json::from_slice(bytes).map_err(|error| error.to_string().chars().take(200).collect::<String>())?;
        if document.fs_layers.is_some() {
            return Err("it is of schema 1, which registries gave up long ago".to_owned());
        }
        if document.manifests.is_none() && document.config.is_none() && document.layers.is_empty() {
            return Err("it names neither layers nor images".to_owned());
        }
        Ok(document)
    }

    /// The media type of a layer, as go-containerregistry finds it: of the first layer that has its digest.
    pub(super) fn layer_type<'a>(&'a self, layer: &'a Descriptor) -> &'a str {
        let first = self.layers.iter().find(|other| other.digest == layer.digest);
        &first.unwrap_or(layer).media_type
    }
}
