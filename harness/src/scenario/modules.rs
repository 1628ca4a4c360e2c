//! Where a filter's module is found.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::model::FilterEntry;
use crate::context::Plugin;
use crate::native::Native;
use crate::stream::{FilterSpec, LoadError, LoadedModule};

/// The folder below a workspace's `target` where `tamis build` puts modules.
const BUILT: &str = "target/tamis";

/// Finds, loads and remembers modules, so that a module that many scenarios use is compiled once.
#[derive(Debug, Default)]
pub struct Modules {
    loaded: HashMap<PathBuf, LoadedModule>,
    /// The only filters there are, by name, where they run natively.
    natives: Option<HashMap<String, LoadedModule>>,
}

/// A filter that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// There is no such module.
    #[error("cannot read the module {}: {error}; `tamis build` makes it", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Filters run natively, and this one has no native form here.
    #[error("there is no native filter `{name}`")]
    NotNative {
        /// The filter's name.
        name: String,
    },
    /// The module cannot be loaded.
    #[error("{}: {error}", .file.display())]
    Load {
        /// The file.
        file: PathBuf,
        /// Why.
        error: Box<LoadError>,
    },
}

impl Modules {
    /// Filters that were compiled for this machine, in the place of the modules of the same names. There are no others.
    #[must_use]
    pub fn native(filters: impl IntoIterator<Item = Native>) -> Self {
        let named = |native: Native| (native.name().to_owned(), LoadedModule::native(native));
        Self { natives: Some(filters.into_iter().map(named).collect()), ..Self::default() }
    }

    /// A filter of a scenario, loaded.
    ///
    /// # Errors
    ///
    /// [`FilterError`] when the module is not there or no proxy would load it.
    pub fn filter(&mut self, entry: &FilterEntry, scenario: &Path) -> Result<FilterSpec, FilterError> {
        let file = path(&entry.module, scenario);
        let module = self.load(&file)?;
        let name = entry
            .name
            .clone()
            .unwrap_or_else(|| file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default());
        let configuration = entry.config.as_ref().map(|config| config.to_json().into_bytes()).unwrap_or_default();
        let plugin = Plugin {
            name,
            root_id: entry.root_id.clone(),
            vm_id: entry.vm_id.clone(),
            configuration,
            ..Plugin::default()
        };
        Ok(FilterSpec { module, plugin, failure_policy: entry.failure_policy })
    }

    fn load(&mut self, file: &Path) -> Result<LoadedModule, FilterError> {
        if let Some(natives) = &self.natives {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            return natives.get(&*name).cloned().ok_or_else(|| FilterError::NotNative { name: name.into_owned() });
        }
        if let Some(module) = self.loaded.get(file) {
            return Ok(module.clone());
        }
        let bytes = std::fs::read(file).map_err(|error| FilterError::Read { file: file.to_owned(), error })?;
        let module = LoadedModule::new(&bytes)
            .map_err(|error| FilterError::Load { file: file.to_owned(), error: Box::new(error) })?;
        self.loaded.insert(file.to_owned(), module.clone());
        Ok(module)
    }
}

/// The file of a module: a path, or the name of one that was built.
#[must_use]
pub fn path(module: &str, scenario: &Path) -> PathBuf {
    let folder = scenario.parent().unwrap_or(Path::new("."));
    if module.ends_with(".wasm") { folder.join(module) } else { built(module, folder) }
}

/// The file of a module that `tamis build` made: in `$TAMIS_MODULES`, else in the nearest `target/tamis` above `folder`.
#[must_use]
pub fn built(name: &str, folder: &Path) -> PathBuf {
    let file = format!("{name}.wasm");
    if let Some(modules) = std::env::var_os("TAMIS_MODULES") {
        return PathBuf::from(modules).join(file);
    }
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let target = folder.ancestors().map(|folder| folder.join(BUILT)).find(|target| target.is_dir());
    target.unwrap_or_else(|| PathBuf::from(BUILT)).join(file)
}
