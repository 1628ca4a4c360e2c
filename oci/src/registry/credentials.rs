//! User names and passwords from Docker's configuration file; they are never printed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

use crate::files;

const FILE: &str = "config.json";
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Where user names and passwords come from.
///
/// Only the entries under `auths` are read, with `auth` as `docker login` writes it; no credential helper is run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    /// None are sent.
    #[default]
    Anonymous,
    /// Those in `config.json` of this folder; a file that is not there means none.
    DockerConfig(PathBuf),
}

/// Why Docker's configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The system refused.
    #[error("cannot read the credentials in {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what Docker writes; nothing of its text is repeated.
    #[error("{path} is not a Docker configuration file (line {line}, column {column}); write it anew with `docker login`", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column.
        column: usize,
    },
    /// The entry of a host cannot be decoded; nothing of it is repeated.
    #[error("{path}: the `auth` of {host} is not base64 of `user:password`; write it anew with `docker login {host}`", path = path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The host.
        host: String,
    },
}

/// What was found for a host, and what to tell someone whom the registry then refuses.
pub(super) struct Found {
    pub(super) auth: RegistryAuth,
    pub(super) advice: String,
}

impl Credentials {
    /// The folder in `DOCKER_CONFIG`, else `.docker` in the home folder.
    #[must_use]
    pub fn from_environment() -> Self {
        let named = std::env::var_os("DOCKER_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || std::env::home_dir().map(|home| home.join(".docker"));
        named.or_else(home).map_or(Self::Anonymous, Self::DockerConfig)
    }

    pub(super) fn find(&self, host: &str) -> Result<Found, CredentialsError> {
        let anonymous = |advice: String| Found { auth: RegistryAuth::Anonymous, advice };
        let Self::DockerConfig(folder) = self else {
            return Ok(anonymous("no credentials were sent, as asked for".to_owned()));
        };
        let path = folder.join(FILE);
        let config = DockerConfig::read(&path)?;
        let shown = path.display();
        if let Some(auth) = config.entry(host) {
            let (user, password) =
                decode(auth).ok_or_else(|| CredentialsError::Entry { path: path.clone(), host: host.to_owned() })?;
            let advice = format!(
                "the credentials for {host} in {shown} were not accepted: run `docker login {host}` again, or ask for access"
            );
            return Ok(Found { auth: RegistryAuth::Basic(user, password), advice });
        }
        Ok(anonymous(match config.helper(host) {
            Some(helper) => format!(
                "{shown} leaves the credentials to the helper {helper:?}, and tamis runs no helpers yet: put an entry for {host} under `auths`"
            ),
            None => format!("there are no credentials for {host} in {shown}: run `docker login {host}`"),
        }))
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct DockerConfig {
    auths: BTreeMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
}

impl DockerConfig {
    fn read(path: &Path) -> Result<Self, CredentialsError> {
        let bytes = match files::read_bounded(path, MAX_FILE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Self::default());
            }
            Err(source) => return Err(CredentialsError::Io { path: path.to_owned(), source }),
        };
        serde_json::from_slice(&bytes).map_err(|error| CredentialsError::Malformed {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
        })
    }

    fn entry(&self, host: &str) -> Option<&str> {
        let (_, entry) = self.auths.iter().find(|(key, _)| is_for(key, host))?;
        entry.auth.as_deref().filter(|auth| !auth.is_empty())
    }

    fn helper(&self, host: &str) -> Option<&str> {
        let own = self.cred_helpers.iter().find(|(key, _)| is_for(key, host)).map(|(_, helper)| helper);
        own.or(self.creds_store.as_ref()).map(String::as_str).filter(|helper| !helper.is_empty())
    }
}

/// Keys are hosts, but older ones are addresses, and Docker Hub has one of its own.
fn is_for(key: &str, host: &str) -> bool {
    let key = key.trim_start_matches("https://").trim_start_matches("http://");
    let key = key.split('/').next().unwrap_or(key);
    key == host || (host == "docker.io" && key == "index.docker.io")
}

fn decode(auth: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(auth).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_age_name_a_host() {
        for (key, host) in [
            ("registry.example:5000", "registry.example:5000"),
            ("https://registry.example", "registry.example"),
            ("https://registry.example/v1/", "registry.example"),
            ("https://index.docker.io/v1/", "docker.io"),
        ] {
            assert!(is_for(key, host), "{key}");
        }
        assert!(!is_for("registry.example", "registry.example:5000"));
        assert!(!is_for("registry.example.evil", "registry.example"));
    }
}
