//! Where an image goes: a tag in a registry, or in a layout on disk.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use tamis_oci::{Artifact, LayoutError, ModuleRef, Place, Registry, RegistryRef, Selector, Tag, layout};

use super::super::common;
use crate::failure::Failure;

const DEFAULT_TAG: &str = "latest";

/// A place for one image.
#[derive(Debug, Clone)]
pub enum Target {
    /// In a registry.
    Registry(RegistryRef),
    /// In a folder.
    Layout(PathBuf, Tag),
}

impl Target {
    /// What the reference says; with a folder, the reference (or the version) only gives the tag.
    pub fn parse(reference: Option<&str>, to: Option<&Path>, version: Option<&str>) -> Result<Self, Failure> {
        let target = reference.map(Self::named).transpose()?;
        match (to, target) {
            (None, Some(target)) => Ok(target),
            (Some(dir), Some(target)) => {
                Ok(Self::Layout(dir.to_owned(), Tag::from_str(&target.tag()).map_err(Failure::user)?))
            }
            (dir, None) => {
                let tag = version.and_then(|version| Tag::from_str(version).ok());
                let tag = tag.map_or_else(|| Tag::from_str(DEFAULT_TAG).map_err(Failure::user), Ok)?;
                Ok(Self::Layout(dir.unwrap_or(Path::new(".")).to_owned(), tag))
            }
        }
    }

    fn named(reference: &str) -> Result<Self, Failure> {
        match ModuleRef::from_str(reference).map_err(Failure::user)? {
            ModuleRef::File(file) => {
                Err(Failure::user(format_args!("{} is a file, not a place for images", file.display()))
                    .hint("write oci://HOST/REPOSITORY:TAG, or oci-layout:DIR:TAG"))
            }
            ModuleRef::Layout { dir, at: Selector::Tag(tag) } => Ok(Self::Layout(dir, tag)),
            ModuleRef::Layout { .. } => {
                Err(Failure::user("an image is stored under a tag, not a digest").hint("write oci-layout:DIR:TAG"))
            }
            ModuleRef::Registry(reference) => Ok(Self::Registry(reference)),
        }
    }

    /// The tag that is written.
    pub fn tag(&self) -> String {
        match self {
            Self::Registry(reference) => reference.tag().map_or(DEFAULT_TAG.to_owned(), ToString::to_string),
            Self::Layout(_, tag) => tag.to_string(),
        }
    }

    /// The repository that it is in.
    pub fn place(&self) -> Place {
        match self {
            Self::Registry(reference) => Place::Registry(reference.clone()),
            Self::Layout(dir, _) => Place::Layout(dir.clone()),
        }
    }

    /// Whether it is in a registry.
    pub fn is_registry(&self) -> bool {
        matches!(self, Self::Registry(_))
    }

    /// The same place under a longer tag.
    pub fn with_suffix(&self, suffix: &str) -> Result<Self, Failure> {
        let tag = Tag::from_str(&format!("{}{suffix}", self.tag())).map_err(Failure::user)?;
        Ok(match self {
            Self::Registry(reference) => Self::Registry(reference.tagged(tag)),
            Self::Layout(dir, _) => Self::Layout(dir.clone(), tag),
        })
    }

    /// Stores an artifact; the reference by digest.
    pub fn store(&self, artifact: &Artifact, client: &Registry) -> Result<String, Failure> {
        match self {
            Self::Layout(dir, tag) => {
                layout::write_artifact(dir, tag, artifact).map_err(|error| match error {
                    LayoutError::Io { .. } => Failure::environment(error),
                    _ => Failure::user(error),
                })?;
                Ok(format!("oci-layout:{}@{}", dir.display(), artifact.digest()))
            }
            Self::Registry(reference) => {
                let pushed = common::block_on(client.push_artifact(reference, artifact))?;
                Ok(pushed.map_err(Failure::environment)?.reference_by_digest.to_string())
            }
        }
    }
}
