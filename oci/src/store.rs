//! One repository of images, whether in a registry or in a folder: manifests and blobs as they are.

use std::path::PathBuf;
use std::time::Duration;

use crate::digest::Digest;
use crate::image::{Blob, ImageError};
use crate::layout::{self, LayoutError};
use crate::manifest::{Descriptor, ManifestError};
use crate::reference::{RegistryRef, Selector, Tag};
use crate::registry::{Access, Registry, RegistryError, Session, fallback_tag};
use crate::{Anatomy, MAX_MODULE_BYTES};

/// So many of a layout's manifests are looked at for what is attached to one of them.
const MAX_LISTED: usize = 10_000;

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a registry.
    Registry(RegistryRef),
    /// In an OCI layout on disk.
    Layout(PathBuf),
}

/// A repository, open for reading or for writing; each call is bounded by the registry's time limit.
pub struct Store {
    inner: Inner,
    name: String,
}

enum Inner {
    Registry(Box<Session>, Duration),
    Layout(PathBuf),
}

/// Why a repository did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The registry did not.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The folder did not.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A manifest is none.
    #[error("{place}: {source}")]
    Manifest {
        /// The repository.
        place: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// A blob is another one than its manifest names.
    #[error("{place}: {source}")]
    Blob {
        /// The repository.
        place: String,
        /// What differs.
        source: ImageError,
    },
    /// More manifests than anything honest has.
    #[error("{place}: more than {limit} manifests belong to it; name one of them by digest")]
    TooMany {
        /// The repository.
        place: String,
        /// The bound.
        limit: usize,
    },
}

impl Store {
    /// Opens a repository for reading.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses. A layout is looked at when it is read.
    pub async fn open(place: &Place, registry: &Registry) -> Result<Self, StoreError> {
        Self::with(place, registry, Access::Pull).await
    }

    /// Opens a repository for reading and writing.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_to_write(place: &Place, registry: &Registry) -> Result<Self, StoreError> {
        Self::with(place, registry, Access::Push).await
    }

    async fn with(place: &Place, registry: &Registry, access: Access) -> Result<Self, StoreError> {
        Ok(match place {
            Place::Registry(reference) => {
                let (session, limit) = registry.session(reference, access).await?;
                let name = format!("oci://{}/{}", reference.host(), reference.repository());
                Self { inner: Inner::Registry(Box::new(session), limit), name }
            }
            Place::Layout(dir) => {
                Self { inner: Inner::Layout(dir.clone()), name: format!("oci-layout:{}", dir.display()) }
            }
        })
    }

    /// The repository without tag or digest, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The manifest or index behind a tag or a digest, with its digest checked.
    ///
    /// # Errors
    /// When there is none, or it is larger than [`crate::MAX_MANIFEST_BYTES`].
    pub async fn manifest(&self, at: &Selector) -> Result<Blob, StoreError> {
        match &self.inner {
            Inner::Registry(session, limit) => Ok(in_time(session, *limit, session.manifest(&at.to_string())).await?),
            Inner::Layout(dir) => Ok(layout::manifest(dir, at)?),
        }
    }

    /// Reads a manifest or an index.
    ///
    /// # Errors
    /// When it is neither.
    pub fn anatomy(&self, manifest: &Blob) -> Result<Anatomy, StoreError> {
        Anatomy::parse(manifest.bytes())
            .map_err(|source| StoreError::Manifest { place: format!("{}@{}", self.name, manifest.digest()), source })
    }

    /// A blob of at most `limit` bytes, with digest and size checked.
    ///
    /// # Errors
    /// When it is not there, is larger, or is another one.
    pub async fn blob(&self, what: &'static str, wanted: &Descriptor, limit: u64) -> Result<Blob, StoreError> {
        let limit = limit.min(MAX_MODULE_BYTES);
        match &self.inner {
            Inner::Registry(session, time) => Ok(in_time(session, *time, session.blob(what, wanted, limit)).await?),
            Inner::Layout(dir) => Ok(layout::blob(dir, what, wanted, limit)?),
        }
    }

    /// Whether a blob is there already.
    pub(crate) async fn has_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        match &self.inner {
            Inner::Registry(session, limit) => {
                Ok(in_time(session, *limit, session.has(&format!("blobs/{digest}"), "*/*")).await?)
            }
            Inner::Layout(dir) => Ok(layout::has(dir, digest)),
        }
    }

    /// Stores a blob.
    pub(crate) async fn put_blob(&self, what: &'static str, blob: &Blob) -> Result<(), StoreError> {
        match &self.inner {
            Inner::Registry(session, limit) => Ok(in_time(session, *limit, session.put_blob(what, blob)).await?),
            Inner::Layout(dir) => Ok(layout::put(dir, blob)?),
        }
    }

    /// Stores a manifest whose blobs are there: under a tag, or as part of what names it by digest.
    pub(crate) async fn put_manifest(&self, tag: Option<&Tag>, manifest: &Blob) -> Result<(), StoreError> {
        match &self.inner {
            Inner::Registry(session, limit) => {
                let version = tag.map_or_else(|| manifest.digest().to_string(), ToString::to_string);
                in_time(session, *limit, session.put_manifest(&version, manifest)).await?;
            }
            Inner::Layout(dir) => {
                layout::put(dir, manifest)?;
                if tag.is_some() {
                    layout::name(dir, tag, manifest.descriptor())?;
                }
            }
        }
        Ok(())
    }

    /// Stores a manifest that names its subject, so that who looks at the subject finds it.
    pub(crate) async fn attach(&self, manifest: &Blob, subject: &Digest) -> Result<(), StoreError> {
        let anatomy = self.anatomy(manifest)?;
        let mut entry = manifest.descriptor();
        entry.artifact_type = anatomy.kind().map(ToOwned::to_owned);
        entry.annotations = anatomy.annotations;
        match &self.inner {
            Inner::Registry(session, limit) => {
                Ok(in_time(session, *limit, session.attach(manifest, entry, subject)).await?)
            }
            Inner::Layout(dir) => {
                layout::put(dir, manifest)?;
                Ok(layout::name(dir, None, entry)?)
            }
        }
    }

    /// The tags: in a registry in its order, in a layout in that of its index. Where a registry has no API for
    /// what is attached to an image, the lists of that are among them, as `sha256-…`.
    ///
    /// # Errors
    /// When the registry refuses, or the folder is no layout.
    pub async fn tags(&self) -> Result<Vec<String>, StoreError> {
        match &self.inner {
            Inner::Registry(session, limit) => Ok(in_time(session, *limit, session.tags()).await?),
            Inner::Layout(dir) => Ok(layout::tags(dir)?),
        }
    }

    /// What is attached to a manifest: signatures, bills of material, provenance.
    ///
    /// # Errors
    /// When a list of them is there and cannot be read.
    pub async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, StoreError> {
        match &self.inner {
            Inner::Registry(session, limit) => Ok(in_time(session, *limit, session.referrers(subject)).await?),
            Inner::Layout(dir) => {
                let named = layout::named(dir)?;
                if named.len() > MAX_LISTED {
                    return Err(StoreError::TooMany { place: self.name.clone(), limit: MAX_LISTED });
                }
                let is_attached = |descriptor: &Descriptor| {
                    let read = layout::manifest(dir, &Selector::Digest(descriptor.digest.clone())).ok();
                    let anatomy = read.and_then(|manifest| Anatomy::parse(manifest.bytes()).ok());
                    anatomy.and_then(|anatomy| anatomy.subject).is_some_and(|of| of.digest == *subject)
                };
                let mut found: Vec<Descriptor> = named.into_iter().filter(is_attached).collect();
                // What other tools have brought from a registry is listed under the fallback tag.
                if let Ok(list) = fallback_tag(subject).parse::<Tag>()
                    && let Ok(index) = layout::manifest(dir, &Selector::Tag(list))
                {
                    let listed = self.anatomy(&index)?.manifests;
                    found.extend(listed);
                }
                found.sort_by(|a, b| a.digest.cmp(&b.digest));
                found.dedup_by(|a, b| a.digest == b.digest);
                Ok(found)
            }
        }
    }
}

async fn in_time<T>(
    session: &Session,
    limit: Duration,
    work: impl Future<Output = Result<T, RegistryError>>,
) -> Result<T, RegistryError> {
    tokio::time::timeout(limit, work).await.map_err(|_| session.late(limit))?
}
