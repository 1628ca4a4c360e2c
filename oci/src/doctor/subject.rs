//! What is examined: a module's file, or an image with all of its documents and the layers that somebody might read.

use std::collections::BTreeMap;

use super::manifest::Document;
use crate::Digest;
use crate::extract::MAX_MODULE_BYTES;
use crate::image::Blob;
use crate::manifest::{Descriptor, MAX_INDEX_DEPTH, MAX_MANIFEST_BYTES, child_of};

/// Layers that are read at most; a consumer that looks into more is not known.
const MAX_LAYERS: usize = 4;

/// A file or an image, read and not judged.
#[derive(Debug, Clone)]
pub struct Subject {
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    File(Vec<u8>),
    Image(Box<ImageParts>),
}

/// An image and how one comes to it.
#[derive(Debug, Clone, Default)]
pub(super) struct ImageParts {
    /// The digest that the reference names.
    pub(super) pinned: Option<Digest>,
    /// From what the reference names down to the image, each with its digest.
    pub(super) documents: Vec<(Digest, Document)>,
    /// Why there is no further document, where the last one is no image.
    pub(super) stopped: Option<String>,
    /// Layers by digest.
    pub(super) blobs: BTreeMap<Digest, Blob>,
    /// What the registry calls the realm of its passwords or the address of its token service, if it asks for either.
    pub(super) realms: Vec<String>,
}

/// Reads an image step by step; whoever holds the bytes asks what is wanted next.
#[derive(Debug)]
pub(crate) struct Walk {
    parts: ImageParts,
    next: Option<Descriptor>,
    first: bool,
}

/// What a [`Walk`] wants next.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// What the reference names.
    Named,
    /// A manifest of an index.
    Manifest(Descriptor),
    /// A layer.
    Layer(Descriptor),
}

impl Subject {
    /// A module's file.
    #[must_use]
    pub fn file(wasm: Vec<u8>) -> Self {
        Self { what: What::File(wasm) }
    }

    /// The digest of what the reference names, and of the image that it leads to, where these are two.
    #[must_use]
    pub fn digests(&self) -> Vec<&Digest> {
        match &self.what {
            What::File(_) => Vec::new(),
            What::Image(parts) => parts.documents.iter().map(|(digest, _)| digest).collect(),
        }
    }
}

impl Walk {
    pub(crate) fn new(pinned: Option<Digest>) -> Self {
        Self { parts: ImageParts { pinned, ..ImageParts::default() }, next: None, first: true }
    }

    /// The next thing to read; nothing when all is there.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        if self.first {
            return Some(Wanted::Named);
        }
        if let Some(next) = &self.next {
            return Some(Wanted::Manifest(next.clone()));
        }
        self.parts.layers().into_iter().find(|layer| !self.parts.blobs.contains_key(&layer.digest)).map(Wanted::Layer)
    }

    /// Takes a document.
    pub(crate) fn document(&mut self, bytes: &[u8]) {
        self.first = false;
        self.next = None;
        let document = match Document::parse(bytes) {
            Ok(document) => document,
            Err(reason) => {
                self.parts.documents.push((Digest::of(bytes), Document::default()));
                self.parts.stopped = Some(format!("the manifest cannot be read: {reason}"));
                return;
            }
        };
        match document.manifests.as_deref().map(child_of) {
            None => {}
            Some(Ok(child)) if self.parts.documents.len() < MAX_INDEX_DEPTH && child.size <= MAX_MANIFEST_BYTES => {
                self.next = Some(child.clone());
            }
            Some(Ok(_)) => self.parts.stopped = Some("its indexes point to one another without end".to_owned()),
            Some(Err(error)) => self.parts.stopped = Some(error.to_string()),
        }
        self.parts.documents.push((Digest::of(bytes), document));
    }

    /// Takes a layer, whose digest was checked.
    pub(crate) fn layer(&mut self, descriptor: &Descriptor, bytes: Vec<u8>) {
        self.parts.blobs.insert(descriptor.digest.clone(), Blob::new(&descriptor.media_type, bytes));
    }

    /// Notes what the registry asks of those who say nothing of themselves.
    pub(crate) fn challenged<'a>(&mut self, headers: impl Iterator<Item = &'a str>) {
        self.parts.realms = headers.flat_map(super::realm::realms).collect();
    }

    pub(crate) fn finish(self) -> Subject {
        Subject { what: What::Image(Box::new(self.parts)) }
    }
}

impl ImageParts {
    /// The image itself, if one comes to it.
    pub(super) fn image(&self) -> Option<(&Digest, &Document)> {
        let (digest, document) = self.documents.last()?;
        (self.stopped.is_none() && document.manifests.is_none()).then_some((digest, document))
    }

    /// The layers that somebody might read: the last one, and those that say that they are wasm.
    fn layers(&self) -> Vec<Descriptor> {
        let Some((_, image)) = self.image() else { return Vec::new() };
        let is_wasm = |layer: &&Descriptor| layer.media_type.contains("wasm");
        let some = image.layers.last().into_iter().chain(image.layers.iter().filter(is_wasm));
        let mut layers: Vec<Descriptor> = Vec::new();
        for layer in some.filter(|layer| layer.size <= MAX_MODULE_BYTES) {
            if layers.len() < MAX_LAYERS && !layers.iter().any(|known| known.digest == layer.digest) {
                layers.push(layer.clone());
            }
        }
        layers
    }

    pub(super) fn blob(&self, layer: &Descriptor) -> Option<&Blob> {
        self.blobs.get(&layer.digest)
    }
}
