//! Where a filter's module is found.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use tamis_module::gate::EnvoyVersion;
use tamis_module::lean_name;
use tempfile::TempDir;

use super::engine::Engine;
use super::model::FilterEntry;
use crate::context::Plugin;
use crate::document::Document;
use crate::native::Native;
use crate::stream::{FilterSpec, LoadError, LoadedModule};

/// The folder below a workspace's `target` where `tamis build` puts modules.
const BUILT: &str = "target/tamis";

/// How a reference to an image begins, in a layout and in a registry.
const REFERENCES: [&str; 2] = ["oci-layout:", "oci://"];

/// Finds, loads and remembers modules, so that a module that many scenarios use is compiled once.
#[derive(Default)]
pub struct Modules {
    loaded: HashMap<(PathBuf, Option<EnvoyVersion>), LoadedModule>,
    /// The only filters there are, by name, where they run natively.
    natives: Option<HashMap<String, LoadedModule>>,
    resolver: Option<Box<Resolver>>,
    /// Where the modules of references are, by the folder that they are relative to and their text.
    resolved: HashMap<(PathBuf, String), PathBuf>,
    /// Where they are kept.
    kept: Option<TempDir>,
}

/// Gets a module that a reference names: its bytes, or why there are none. A layout is looked for in the folder.
pub type Resolver = dyn FnMut(&str, &Path) -> Result<Vec<u8>, String>;

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
    #[error("`{name}` has no native form here")]
    NotNative {
        /// The filter's name.
        name: String,
    },
    /// A reference leads to no module.
    #[error("{error}")]
    Reference {
        /// Why; with the reference.
        error: String,
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

    /// Takes references to images too, which this crate does not know how to follow.
    #[must_use]
    pub fn with_resolver(resolver: impl FnMut(&str, &Path) -> Result<Vec<u8>, String> + 'static) -> Self {
        Self { resolver: Some(Box::new(resolver)), ..Self::default() }
    }

    /// The file of a scenario's module: what a reference names is fetched once.
    ///
    /// # Errors
    ///
    /// [`FilterError::Reference`] when a reference leads to no module. Whether a file is there is not looked at.
    pub fn file(&mut self, module: &str, scenario: &Path) -> Result<PathBuf, FilterError> {
        let folder = scenario.parent().unwrap_or(Path::new("."));
        if !REFERENCES.iter().any(|beginning| module.starts_with(beginning)) {
            return Ok(if module.ends_with(".wasm") { folder.join(module) } else { built(module, folder) });
        }
        let key = (folder.to_owned(), module.to_owned());
        if let Some(file) = self.resolved.get(&key) {
            return Ok(file.clone());
        }
        let wrong = |error: String| FilterError::Reference { error };
        let Some(resolver) = &mut self.resolver else {
            return Err(wrong(format!("`{module}` names an image, and only `tamis test` gets modules out of images")));
        };
        let bytes = resolver(module, folder).map_err(wrong)?;
        let unkept = |error: std::io::Error| wrong(format!("cannot keep the module of {module}: {error}"));
        let kept = match &mut self.kept {
            Some(kept) => kept,
            none => none.insert(tempfile::tempdir().map_err(unkept)?),
        };
        let file = kept.path().join(format!("{}.wasm", self.resolved.len()));
        std::fs::write(&file, bytes).map_err(unkept)?;
        self.resolved.insert(key, file.clone());
        Ok(file)
    }

    /// What runs scenarios with these.
    #[must_use]
    pub fn engine(&self) -> Engine {
        if self.natives.is_some() { Engine::Native } else { Engine::Wasm }
    }

    /// A filter of a scenario, loaded.
    ///
    /// # Errors
    ///
    /// [`FilterError`] when the module is not there or no proxy would load it.
    pub fn filter(&mut self, entry: &FilterEntry, scenario: &Path) -> Result<FilterSpec, FilterError> {
        self.filter_for(entry, scenario, None)
    }

    /// A filter of a scenario that is about one release of Envoy, loaded: what others would say of it does not matter.
    ///
    /// # Errors
    ///
    /// [`FilterError`] when the module is not there or that proxy would not load it.
    pub fn filter_for(
        &mut self,
        entry: &FilterEntry,
        scenario: &Path,
        envoy: Option<EnvoyVersion>,
    ) -> Result<FilterSpec, FilterError> {
        let module = match &self.natives {
            Some(natives) => {
                let name = &entry.module.value;
                // What is compiled for this machine has all that its full image has.
                natives
                    .get(name)
                    .or_else(|| natives.get(lean_name(name)))
                    .cloned()
                    .ok_or_else(|| FilterError::NotNative { name: name.clone() })?
            }
            None => {
                let file = self.file(&entry.module, scenario)?;
                self.load(&file, envoy)?
            }
        };
        let bytes = |config: &Option<Document>| match config {
            Some(config) => config.to_configuration().into_bytes(),
            None => Vec::new(),
        };
        let plugin = Plugin {
            name: entry.plugin_name().to_owned(),
            root_id: entry.root_id.clone(),
            vm_id: entry.vm_id.clone(),
            configuration: bytes(&entry.config),
            vm_configuration: bytes(&entry.vm_configuration),
            environment: entry.environment.clone().into_iter().collect(),
            allowed_capabilities: entry.allowed_capabilities.clone(),
            allow_on_headers_stop_iteration: entry.held_headers,
        };
        Ok(FilterSpec { module, plugin, failure_policy: entry.failure_policy })
    }

    fn load(&mut self, file: &Path, envoy: Option<EnvoyVersion>) -> Result<LoadedModule, FilterError> {
        let key = (file.to_owned(), envoy);
        if let Some(module) = self.loaded.get(&key) {
            return Ok(module.clone());
        }
        let bytes = std::fs::read(file).map_err(|error| FilterError::Read { file: file.to_owned(), error })?;
        let module = envoy
            .map_or_else(|| LoadedModule::new(&bytes), |envoy| LoadedModule::for_envoy(&bytes, envoy))
            .map_err(|error| FilterError::Load { file: file.to_owned(), error: Box::new(error) })?
            .with_debug_file(file.with_extension("debug.wasm"));
        self.loaded.insert(key, module.clone());
        Ok(module)
    }
}

impl fmt::Debug for Modules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Modules").field("loaded", &self.loaded).field("kept", &self.kept).finish_non_exhaustive()
    }
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
