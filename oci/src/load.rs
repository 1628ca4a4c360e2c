//! Takes a module from wherever it is: the one way in for every command.

use std::io;
use std::path::PathBuf;

use crate::doctor::Subject;
use crate::extract::{self, ExtractError, MAX_MODULE_BYTES, NotWasm};
use crate::files;
use crate::image::Image;
use crate::layout::{self, LayoutError};
use crate::reference::ModuleRef;
use crate::registry::{Registry, RegistryError};

/// A module and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedModule {
    /// The bytes of the module; only their beginning was looked at.
    pub wasm: Vec<u8>,
    /// The digest of the image's manifest, in its `sha256:…` form; none for a plain file.
    pub digest: Option<String>,
    /// The reference as it was given, for messages.
    pub origin: String,
}

/// Why no module came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said; [`io::ErrorKind::FileTooLarge`] above [`MAX_MODULE_BYTES`].
        source: io::Error,
    },
    /// The file is something else.
    #[error("{path}: {source}", path = path.display())]
    NotWasm {
        /// The file.
        path: PathBuf,
        /// What it begins with.
        source: NotWasm,
    },
    /// The image is there, the module in it is not.
    #[error("{origin}: {source}")]
    Extract {
        /// The reference.
        origin: String,
        /// What was found instead.
        source: ExtractError,
    },
    /// The layout on disk cannot be used.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The registry did not give it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Reads a module from a file, a layout or a registry; `registry` is only used for the last.
///
/// # Errors
/// When it is not there, over a bound, changed on the way, or no wasm module.
pub async fn load(reference: &ModuleRef, registry: &Registry) -> Result<LoadedModule, LoadError> {
    let origin = reference.to_string();
    match reference {
        ModuleRef::File(path) => {
            let wasm = files::read_bounded(path, MAX_MODULE_BYTES)
                .map_err(|source| LoadError::File { path: path.clone(), source })?;
            extract::check_magic(&wasm).map_err(|source| LoadError::NotWasm { path: path.clone(), source })?;
            Ok(LoadedModule { wasm, digest: None, origin })
        }
        ModuleRef::Layout { dir, at } => unpack(&layout::read(dir, at)?, origin),
        ModuleRef::Registry(address) => unpack(&registry.pull(address).await?, origin),
    }
}

/// Reads all that a consumer might read of it, without a judgement; `registry` is only used for images in one.
///
/// # Errors
/// When it is not there, over a bound, or changed on the way.
pub async fn examine(reference: &ModuleRef, registry: &Registry) -> Result<Subject, LoadError> {
    match reference {
        ModuleRef::File(path) => {
            let wasm = files::read_bounded(path, MAX_MODULE_BYTES)
                .map_err(|source| LoadError::File { path: path.clone(), source })?;
            Ok(Subject::file(wasm))
        }
        ModuleRef::Layout { dir, at } => Ok(layout::examine(dir, at)?),
        ModuleRef::Registry(address) => Ok(registry.examine(address).await?),
    }
}

fn unpack(image: &Image, origin: String) -> Result<LoadedModule, LoadError> {
    let digest = Some(image.digest().to_string());
    match image.module() {
        Ok(wasm) => Ok(LoadedModule { wasm, digest, origin }),
        Err(source) => Err(LoadError::Extract { origin, source }),
    }
}
