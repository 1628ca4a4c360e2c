//! Docker's configuration file, as `docker login` and its like write it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{CredentialsError, Found, Secret, helper};
use crate::files;

const FILE: &str = "config.json";
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What the file says of a host: a helper for just this host, an entry with something in it, the helper for all hosts.
pub(super) async fn find(folder: &Path, host: &str) -> Result<Found, CredentialsError> {
    let path = folder.join(FILE);
    let config = DockerConfig::read(&path)?;
    let shown = path.display();
    let own = config.cred_helpers.iter().find(|(key, _)| is_for(key, host)).map(|(_, helper)| helper);
    if own.is_none()
        && let Some(secret) = config.entry(&path, host)?
    {
        let advice = format!(
            "the credentials for {host} in {shown} were not accepted: run `docker login {host}` again, or ask for access"
        );
        return Ok(Found { secret, advice });
    }
    let Some(helper) = own.or(config.creds_store.as_ref()).filter(|helper| !helper.is_empty()) else {
        let advice = format!("there are no credentials for {host} in {shown}: run `docker login {host}`");
        return Ok(Found { secret: Secret::None, advice });
    };
    let secret = helper::ask(helper, host).await.map_err(|problem| CredentialsError::Helper {
        helper: helper.chars().take(100).collect(),
        problem,
        path: path.clone(),
        host: host.to_owned(),
    })?;
    let advice = match secret {
        Secret::None => format!("the credential helper {helper:?} has none for {host}: run `docker login {host}`"),
        _ => format!(
            "the credentials for {host} of the helper {helper:?} were not accepted: run `docker login {host}` again"
        ),
    };
    Ok(Found { secret, advice })
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
    identitytoken: Option<String>,
    registrytoken: Option<String>,
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

    fn entry(&self, path: &Path, host: &str) -> Result<Option<Secret>, CredentialsError> {
        let Some((_, entry)) = self.auths.iter().find(|(key, _)| is_for(key, host)) else { return Ok(None) };
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = some(&entry.registrytoken) {
            return Ok(Some(Secret::RegistryToken(token)));
        }
        if let Some(token) = some(&entry.identitytoken) {
            return Ok(Some(Secret::IdentityToken(token)));
        }
        let Some(auth) = some(&entry.auth) else { return Ok(None) };
        let wrong = || CredentialsError::Entry { path: path.to_owned(), host: host.to_owned() };
        let (user, password) = decode(&auth).ok_or_else(wrong)?;
        Ok(Some(Secret::Password(user, password)))
    }
}

/// Keys are hosts, but older ones are addresses, and Docker Hub has one of its own.
pub(in crate::registry) fn is_for(key: &str, host: &str) -> bool {
    let key = key.trim_start_matches("https://").trim_start_matches("http://");
    let key = key.split('/').next().unwrap_or(key);
    key == host || (host == "docker.io" && key == "index.docker.io")
}

fn decode(auth: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(auth).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    // Some clients pad the password with zero bytes.
    Some((user.to_owned(), password.trim_end_matches('\0').to_owned()))
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
