//! What several commands do alike: take a module, take a configuration, wait.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tamis_harness::document::Document;
use tamis_oci::{Credentials, LayoutError, ModuleRef, Registry, RegistryOptions, StoreError};

use super::progress;
use crate::failure::Failure;

/// How a module is named, for help texts.
pub const MODULE_HELP: &str = "A module: FILE.wasm, oci-layout:DIR:TAG or oci://HOST/REPOSITORY:TAG";

/// How to speak to a registry.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct RegistryFlags {
    /// Speak plain HTTP to the registry (a registry on loopback may always)
    #[arg(long, conflicts_with = "ca")]
    pub plain_http: bool,

    /// Trust the certificates in this PEM file too; a registry on loopback is then spoken to with TLS
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

impl RegistryFlags {
    /// A client, with the credentials of the environment or of the user's Docker configuration.
    pub fn client(&self) -> Registry {
        Registry::new(self.options())
    }

    /// A client that shows on a terminal what it is doing.
    pub fn client_with_progress(&self) -> Registry {
        Registry::new(RegistryOptions { progress: progress::on_terminal(), ..self.options() })
    }

    fn options(&self) -> RegistryOptions {
        RegistryOptions {
            plain_http: self.plain_http,
            ca: self.ca.clone(),
            credentials: Credentials::from_environment(),
            ..RegistryOptions::default()
        }
    }
}

/// A module with where it comes from.
#[derive(Clone)]
pub struct Loaded {
    /// Its bytes.
    pub wasm: Vec<u8>,
    /// The digest of the image it came in.
    pub digest: Option<String>,
    /// The reference as it was given.
    pub origin: String,
}

/// Reads a module from wherever it is.
pub fn load(module: &str, registry: &RegistryFlags) -> Result<Loaded, Failure> {
    fetch(&ModuleRef::from_str(module).map_err(Failure::user)?, registry)
}

/// Reads a module that a reference leads to.
pub fn fetch(reference: &ModuleRef, registry: &RegistryFlags) -> Result<Loaded, Failure> {
    let client = registry.client();
    let loaded = block_on(tamis_oci::load(reference, &client))?.map_err(|error| match error {
        tamis_oci::LoadError::Registry { .. } => Failure::environment(error),
        tamis_oci::LoadError::File { .. } => Failure::user(error).hint("`tamis build` makes modules, in target/tamis"),
        _ => Failure::user(error),
    })?;
    Ok(Loaded { wasm: loaded.wasm, digest: loaded.digest, origin: loaded.origin })
}

/// A repository that did not do what was asked: the machine's turn where the network or the disk failed, else the user's.
pub fn of_store(error: StoreError) -> Failure {
    match error {
        StoreError::Registry(_) | StoreError::Layout(LayoutError::Io { .. }) => Failure::environment(error),
        _ => Failure::user(error),
    }
}

/// Compiles a module for the harness.
pub fn compile(module: &Loaded) -> Result<tamis_harness::stream::LoadedModule, Failure> {
    let compiled = tamis_harness::stream::LoadedModule::new(&module.wasm)
        .map_err(|error| Failure::user(format_args!("{}: {error}", module.origin)))?;
    // Of a module that came from elsewhere there are no names.
    let file = Path::new(&module.origin);
    Ok(if file.is_file() { compiled.with_debug_file(file.with_extension("debug.wasm")) } else { compiled })
}

/// What helps whoever wrote no configuration.
const CONFIGURATION: &str = "a configuration is a file of YAML or JSON; `tamis inspect MODULE` shows what it can hold";

/// Reads a configuration: YAML or JSON.
pub fn configuration(file: &Path) -> Result<Document, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::user(format_args!("cannot read {}: {error}", file.display())).hint(CONFIGURATION))?;
    Document::parse(&text).map_err(|error| {
        let at = error.place.map(|place| format!("{place}:")).unwrap_or_default();
        Failure::user(format_args!("{}:{at} {}", file.display(), error.message)).hint(CONFIGURATION)
    })
}

/// Asks a module whether it accepts a configuration, and turns its no into lines with a place.
pub fn accepted(
    module: &tamis_harness::stream::LoadedModule,
    origin: &str,
    configuration: Option<(&Path, &Document)>,
) -> Result<(), Failure> {
    let verdict = tamis_harness::check::check(module, configuration.map(|(_, document)| document))
        .map_err(|error| Failure::user(format_args!("{origin}: {error}")))?;
    verdict.map_err(|rejection| {
        let message = match (configuration, rejection.place) {
            (Some((file, _)), Some(place)) => format!("{}:{place}: {}", file.display(), rejection.message),
            (Some((file, _)), None) => format!("{}: {}", file.display(), rejection.message),
            (None, _) => format!("without a configuration: {}", rejection.message),
        };
        // A lean image says so when a configuration needs an engine that only the full one has.
        let hint = match rejection.message.contains("the full image") {
            true => format!("name the full image of the filter instead, {}", full_image(origin)),
            false => format!("`tamis inspect {origin}` shows what the configuration can hold"),
        };
        Failure::user(message).hint(hint)
    })
}

/// The reference to the full image of a filter, beside that of the lean one: what is asked for when the lean one refuses.
pub fn full_image(lean: &str) -> String {
    let folder = lean.rfind('/').map_or(0, |at| at + 1);
    let (folder, name) = lean.split_at_checked(folder).unwrap_or(("", lean));
    // A digest is that of the lean image.
    let name = name.split('@').next().unwrap_or(name);
    let end = name.find([':', '.']).unwrap_or(name.len());
    let (name, rest) = name.split_at_checked(end).unwrap_or((name, ""));
    format!("{folder}{name}{}{rest}", tamis_module::FULL_IMAGE)
}

/// Writes a file so that it is there whole or not at all.
pub fn write_whole(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::environment(format_args!("cannot write {}: {error}", file.display()))
            .hint("check the rights and the free space there")
    };
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    std::fs::create_dir_all(&folder).map_err(|error| cannot(&error))?;
    let temporary = tempfile::Builder::new()
        .prefix(".tamis-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(&folder)
        .map_err(|error| cannot(&error))?;
    std::fs::write(temporary.path(), bytes).map_err(|error| cannot(&error))?;
    temporary.persist(file).map_err(|error| cannot(&error.error))?;
    Ok(())
}

/// Runs a future on a runtime of its own.
pub fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(format_args!("cannot start the asynchronous runtime: {error}")))?;
    Ok(runtime.block_on(future))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_image_stands_beside_the_lean_one() {
        for (lean, full) in [
            ("oci://registry.example:5000/filters/limiter:1.0", "oci://registry.example:5000/filters/limiter-full:1.0"),
            ("oci://registry.example/filters/limiter:1.0@sha256:00", "oci://registry.example/filters/limiter-full:1.0"),
            ("target/tamis/limiter.wasm", "target/tamis/limiter-full.wasm"),
            ("limiter.wasm", "limiter-full.wasm"),
        ] {
            assert_eq!(full_image(lean), full);
        }
    }
}
