//! Where things are, and the one way to skip.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tamis_oci::{LocalRegistry, LocalRegistryError};

/// The repository's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The target folder of this build.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

/// A module that `make modules` has built.
pub fn module(name: &str) -> PathBuf {
    let file = target().join("tamis").join(format!("{name}.wasm"));
    assert!(file.is_file(), "{} is not there; `make modules` builds it", file.display());
    file
}

/// All files below a folder of the repository that `wanted` takes, sorted; `target` and `.git` are left out.
pub fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_symlink() || name == ".git" || name == "target" {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, wanted));
        } else if wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Says on the real standard error, which the test runner does not swallow, that something was not tested; with `CI=true`
/// that is a failure.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "skipped in CI: {reason}");
    std::io::stderr().write_all(format!("skipped: {reason}\n").as_bytes()).unwrap();
}

/// The registry, or none when it is not installed.
pub fn started(outcome: Result<LocalRegistry, LocalRegistryError>) -> Option<LocalRegistry> {
    match outcome {
        Ok(registry) => Some(registry),
        Err(error @ LocalRegistryError::NotInstalled) => {
            skip(&error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}
