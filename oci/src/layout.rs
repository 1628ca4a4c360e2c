//! An OCI image layout: images as plain files in a folder, which needs no registry and which other tools read too.
//!
//! A reader at any moment sees a whole layout: blobs are written first and `index.json`, which alone makes them reachable, is
//! renamed into place last.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::doctor::{Subject, Walk, Wanted};
use crate::extract::MAX_MODULE_BYTES;
use crate::files;
use crate::image::{Blob, Image, ImageError};
use crate::manifest::{self, Descriptor, Document, INDEX_TYPE, MAX_INDEX_DEPTH, MAX_MANIFEST_BYTES, ManifestError};
use crate::reference::{Selector, Tag};

const MARKER: &str = "oci-layout";
const INDEX: &str = "index.json";
const TAG_ANNOTATION: &str = "org.opencontainers.image.ref.name";
const VERSION: &str = "1.0.0";

/// Why a layout was not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The system refused.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is something else.
    #[error("{dir} is not an OCI image layout ({reason}); name a folder that `tamis push oci-layout:…` wrote, or a new one", dir = dir.display())]
    NotALayout {
        /// The folder.
        dir: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// No image has the tag or digest.
    #[error("{dir} has no image {wanted}; it has {found}", dir = dir.display())]
    NotFound {
        /// The folder.
        dir: PathBuf,
        /// The tag or digest.
        wanted: String,
        /// The tags that exist.
        found: String,
    },
    /// The index or a manifest names a blob that is not there.
    #[error("{dir} lacks the blob {digest}; write or copy the image again", dir = dir.display())]
    MissingBlob {
        /// The folder.
        dir: PathBuf,
        /// The blob.
        digest: Digest,
    },
    /// The blobs make no image with a module.
    #[error("{dir}: {source}", dir = dir.display())]
    Image {
        /// The folder.
        dir: PathBuf,
        /// What is wrong with the image.
        source: ImageError,
    },
    /// The image has layers beside the module's which are not at hand.
    #[error("the image has {layers} layers and only the module's was read; copy it whole with `skopeo copy`")]
    Incomplete {
        /// How many layers the manifest names.
        layers: usize,
    },
}

/// Adds an image under a tag; a layout that is not there yet is created, and an equal tag is replaced.
///
/// Other images, and whatever else `index.json` says, stay as they are. Writers that run at once wait for one another.
///
/// # Errors
/// When the folder holds something else, or cannot be written: `index.json` is then unchanged.
pub fn write(dir: &Path, tag: &Tag, image: &Image) -> Result<(), LayoutError> {
    if image.layer_count() != 1 {
        return Err(LayoutError::Incomplete { layers: image.layer_count() });
    }
    write_artifact(dir, tag, &Artifact::from(image))
}

/// Adds something else than an image with a module, as [`write()`] does.
///
/// # Errors
/// As there.
pub fn write_artifact(dir: &Path, tag: &Tag, artifact: &Artifact) -> Result<(), LayoutError> {
    // Whether the folder is one to write into shows before anything is written.
    if dir.join(INDEX).exists() {
        Index::read(dir)?;
    }
    for blob in artifact.blobs.iter().map(|(_, blob)| blob).chain([&artifact.manifest]) {
        put(dir, blob)?;
    }
    name(dir, Some(tag), artifact.manifest.descriptor())
}

/// Reads one image; every digest and size on the way is checked.
///
/// # Errors
/// When the folder is no layout, has no such image (the error names the tags that exist), or a blob is missing or changed.
pub fn read(dir: &Path, at: &Selector) -> Result<Image, LayoutError> {
    let wrong = |source: ImageError| LayoutError::Image { dir: dir.to_owned(), source };
    let mut descriptor = Index::read(dir)?.find(at)?;
    for _ in 0..MAX_INDEX_DEPTH {
        let bytes = read_blob(dir, "manifest", &descriptor, MAX_MANIFEST_BYTES)?;
        match Document::parse(&bytes).map_err(|error| wrong(error.into()))? {
            Document::Index(children) => {
                descriptor = manifest::child_of(&children).map_err(|error| wrong(error.into()))?.clone();
            }
            Document::Image(parsed) => {
                let config = read_blob(dir, "image configuration", &parsed.config, MAX_MANIFEST_BYTES)?;
                let layer = read_blob(dir, "layer", &parsed.module, MAX_MODULE_BYTES)?;
                return Image::from_parts(bytes, config, layer).map_err(wrong);
            }
        }
    }
    Err(wrong(ManifestError::TooDeep.into()))
}

/// Reads all of an image that a consumer might read: its documents, and its layers, whatever they hold.
///
/// # Errors
/// When the folder is no layout, has no such image, or a blob is missing or changed.
pub fn examine(dir: &Path, at: &Selector) -> Result<Subject, LayoutError> {
    let named = Index::read(dir)?.find(at)?;
    let pinned = match at {
        Selector::Digest(digest) => Some(digest.clone()),
        Selector::Tag(_) => None,
    };
    let mut walk = Walk::new(pinned);
    while let Some(wanted) = walk.wanted() {
        match wanted {
            Wanted::Named => walk.document(&read_blob(dir, "manifest", &named, MAX_MANIFEST_BYTES)?),
            Wanted::Manifest(child) => walk.document(&read_blob(dir, "manifest", &child, MAX_MANIFEST_BYTES)?),
            Wanted::Layer(layer) => {
                let bytes = read_blob(dir, "layer", &layer, MAX_MODULE_BYTES)?;
                walk.layer(&layer, bytes);
            }
        }
    }
    Ok(walk.finish())
}

/// The tags of a layout, in the order of its index.
///
/// # Errors
/// When the folder is no layout.
pub fn tags(dir: &Path) -> Result<Vec<String>, LayoutError> {
    Ok(Index::read(dir)?.tags())
}

/// Reads a manifest or an index as it is: one that `index.json` names, or by digest any that lies there.
pub(crate) fn manifest(dir: &Path, at: &Selector) -> Result<Blob, LayoutError> {
    let index = Index::read(dir)?;
    let digest = match (index.find(at), at) {
        (Ok(entry), _) => entry.digest,
        (Err(_), Selector::Digest(digest)) if blob_path(dir, digest).is_file() => digest.clone(),
        (Err(error), _) => return Err(error),
    };
    let path = blob_path(dir, &digest);
    let bytes = files::read_bounded(&path, MAX_MANIFEST_BYTES).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LayoutError::MissingBlob { dir: dir.to_owned(), digest: digest.clone() },
        _ => LayoutError::Io { action: "read", path: path.clone(), source },
    })?;
    let media_type = manifest::media_type_in(&bytes).unwrap_or_else(|| manifest::MANIFEST_TYPE.to_owned());
    let size = bytes.len() as u64;
    let expected = Descriptor { digest, ..Blob::new(&media_type, Vec::new()).descriptor() };
    Blob::checked("manifest", &Descriptor { size, ..expected }, bytes)
        .map_err(|source| LayoutError::Image { dir: dir.to_owned(), source })
}

/// Reads a blob that a manifest names, of at most `limit` bytes.
pub(crate) fn blob(dir: &Path, what: &'static str, wanted: &Descriptor, limit: u64) -> Result<Blob, LayoutError> {
    Ok(Blob::new(&wanted.media_type, read_blob(dir, what, wanted, limit)?))
}

/// Whether a blob or a manifest lies there.
pub(crate) fn has(dir: &Path, digest: &Digest) -> bool {
    blob_path(dir, digest).is_file()
}

/// Writes a blob, or a manifest that `index.json` need not name.
pub(crate) fn put(dir: &Path, blob: &Blob) -> Result<(), LayoutError> {
    if !dir.join(MARKER).exists() {
        begin(dir)?;
    }
    let folder = blob_folder(dir);
    fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
    let path = blob_path(dir, blob.digest());
    let is_there = files::read_bounded(&path, blob.size()).is_ok_and(|bytes| bytes == blob.bytes());
    if is_there {
        return Ok(());
    }
    files::write_atomically(&path, blob.bytes()).map_err(io_error("write", &path))
}

/// Names a manifest that lies there in `index.json`: under a tag, or without one.
pub(crate) fn name(dir: &Path, tag: Option<&Tag>, descriptor: Descriptor) -> Result<(), LayoutError> {
    let marker = dir.join(MARKER);
    let lock = File::open(&marker).map_err(io_error("open", &marker))?;
    lock.lock().map_err(io_error("lock", &marker))?;
    let mut index = Index::read_or_new(dir)?;
    match tag {
        Some(tag) => index.put(tag, descriptor)?,
        None => index.put_unnamed(descriptor)?,
    }
    index.save()
}

/// All that `index.json` names, with or without a tag.
pub(crate) fn named(dir: &Path) -> Result<Vec<Descriptor>, LayoutError> {
    let entries = Index::read(dir)?;
    Ok(entries.entries().filter_map(|entry| serde_json::from_value(entry.clone()).ok()).collect())
}

/// `index.json`, with the members that Tamis does not know kept.
struct Index {
    dir: PathBuf,
    document: Value,
}

impl Index {
    fn read(dir: &Path) -> Result<Self, LayoutError> {
        let path = dir.join(INDEX);
        let bytes = files::read_bounded(&path, MAX_MANIFEST_BYTES).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => not_a_layout(dir, "it has no `index.json`"),
            _ => LayoutError::Io { action: "read", path: path.clone(), source },
        })?;
        let document: Value =
            serde_json::from_slice(&bytes).map_err(|error| not_a_layout(dir, &format!("`index.json`: {error}")))?;
        if !document.get("manifests").is_some_and(Value::is_array) {
            return Err(not_a_layout(dir, "`index.json` has no list `manifests`"));
        }
        Ok(Self { dir: dir.to_owned(), document })
    }

    fn read_or_new(dir: &Path) -> Result<Self, LayoutError> {
        if dir.join(INDEX).exists() {
            return Self::read(dir);
        }
        Ok(Self {
            dir: dir.to_owned(),
            document: json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [] }),
        })
    }

    fn entries(&self) -> impl Iterator<Item = &Value> {
        self.document.get("manifests").and_then(Value::as_array).into_iter().flatten()
    }

    fn tags(&self) -> Vec<String> {
        self.entries().filter_map(tag_of).map(ToOwned::to_owned).collect()
    }

    fn find(&self, at: &Selector) -> Result<Descriptor, LayoutError> {
        let matches = |entry: &&Value| match at {
            Selector::Tag(tag) => tag_of(entry) == Some(tag.as_str()),
            Selector::Digest(digest) => entry.get("digest").and_then(Value::as_str) == Some(&digest.to_string()),
        };
        let entry = self.entries().find(matches).ok_or_else(|| LayoutError::NotFound {
            dir: self.dir.clone(),
            wanted: at.to_string(),
            found: manifest::list(self.tags()),
        })?;
        serde_json::from_value(entry.clone())
            .map_err(|error| not_a_layout(&self.dir, &format!("`index.json`, entry {at}: {error}")))
    }

    fn put(&mut self, tag: &Tag, mut descriptor: Descriptor) -> Result<(), LayoutError> {
        descriptor.annotations.insert(TAG_ANNOTATION.to_owned(), tag.to_string());
        let entry = serde_json::to_value(descriptor).map_err(|error| not_a_layout(&self.dir, &error.to_string()))?;
        if let Some(entries) = self.document.get_mut("manifests").and_then(Value::as_array_mut) {
            entries.retain(|entry| tag_of(entry) != Some(tag.as_str()));
            entries.push(entry);
        }
        Ok(())
    }

    fn put_unnamed(&mut self, descriptor: Descriptor) -> Result<(), LayoutError> {
        let digest = Value::from(descriptor.digest.to_string());
        let entry = serde_json::to_value(descriptor).map_err(|error| not_a_layout(&self.dir, &error.to_string()))?;
        if let Some(entries) = self.document.get_mut("manifests").and_then(Value::as_array_mut)
            && entries.iter().all(|entry| entry.get("digest") != Some(&digest))
        {
            entries.push(entry);
        }
        Ok(())
    }

    fn save(&self) -> Result<(), LayoutError> {
        let path = self.dir.join(INDEX);
        let bytes =
            serde_json::to_vec_pretty(&self.document).map_err(|error| not_a_layout(&self.dir, &error.to_string()))?;
        files::write_atomically(&path, &bytes).map_err(io_error("write", &path))
    }
}

fn begin(dir: &Path) -> Result<(), LayoutError> {
    let marker = dir.join(MARKER);
    // Another writer may be at the same point: its temporary file is no stranger's.
    let is_ours = |name: &str| name == "blobs" || name == MARKER || name.starts_with(files::TEMPORARY);
    let is_used = dir.read_dir().is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| !is_ours(&entry.file_name().to_string_lossy())))
    });
    if is_used && !marker.exists() {
        return Err(not_a_layout(dir, "it holds other files and no `oci-layout`"));
    }
    fs::create_dir_all(dir).map_err(io_error("create", dir))?;
    let text = json!({ "imageLayoutVersion": VERSION }).to_string();
    files::write_once(&marker, text.as_bytes()).map_err(io_error("write", &marker))
}

fn read_blob(dir: &Path, what: &'static str, expected: &Descriptor, limit: u64) -> Result<Vec<u8>, LayoutError> {
    let path = blob_path(dir, &expected.digest);
    let bytes = files::read_bounded(&path, limit).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LayoutError::MissingBlob { dir: dir.to_owned(), digest: expected.digest.clone() },
        _ => LayoutError::Io { action: "read", path: path.clone(), source },
    })?;
    let blob =
        Blob::checked(what, expected, bytes).map_err(|source| LayoutError::Image { dir: dir.to_owned(), source })?;
    Ok(blob.into_bytes())
}

fn tag_of(entry: &Value) -> Option<&str> {
    entry.get("annotations")?.get(TAG_ANNOTATION)?.as_str()
}

fn blob_folder(dir: &Path) -> PathBuf {
    dir.join("blobs").join("sha256")
}

fn blob_path(dir: &Path, digest: &Digest) -> PathBuf {
    blob_folder(dir).join(digest.hex())
}

fn not_a_layout(dir: &Path, reason: &str) -> LayoutError {
    LayoutError::NotALayout { dir: dir.to_owned(), reason: reason.to_owned() }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LayoutError {
    let path = path.to_owned();
    move |source| LayoutError::Io { action, path, source }
}
