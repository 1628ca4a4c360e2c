//! What is in a layer.

use super::manifest::Document;
use super::subject::ImageParts;
use crate::extract;
use crate::image::Blob;
use crate::manifest::{LAYER_TYPE, is_archive};

/// The names of the files in the last layer; nothing, when it is no archive.
pub(super) fn names(parts: &ImageParts, image: &Document) -> Option<Vec<String>> {
    let layer = image.layers.last().filter(|layer| is_archive(&layer.media_type))?;
    let blob = parts.blob(layer)?;
    extract::names(&Blob::new(LAYER_TYPE, blob.bytes().to_vec())).ok()
}
