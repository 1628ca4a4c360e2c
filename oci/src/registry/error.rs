//! Why a registry did not do what was asked; no message holds a password, a token or text of the registry's own.

use std::error::Error;
use std::path::PathBuf;

use crate::digest::Digest;
use crate::image::ImageError;
use crate::reference::RegistryRef;
use crate::registry::credentials::CredentialsError;

/// Why a push or a pull failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// No connection came about, or it broke.
    #[error("cannot reach the registry {host} ({reason}); check its name and port, and that it runs{hint}")]
    Unreachable {
        /// The host of the reference.
        host: String,
        /// What the network said.
        reason: String,
        /// More advice, or nothing.
        hint: &'static str,
    },
    /// The operation took longer than it may.
    #[error("the registry {host} did not finish within {seconds} seconds; try again, or check the network")]
    Timeout {
        /// The host of the reference.
        host: String,
        /// The limit.
        seconds: u64,
    },
    /// The registry wants other credentials, or these may not do this.
    #[error("unauthorized: {host} refuses access to {repository}; {advice}")]
    Unauthorized {
        /// The host of the reference.
        host: String,
        /// The repository.
        repository: String,
        /// Which credentials were used and what to do.
        advice: String,
    },
    /// There is no such image, or a part of it is gone.
    #[error("{reference} was not found; check the repository and the tag, or push it first")]
    NotFound {
        /// The reference.
        reference: String,
    },
    /// The registry answered something else than success.
    #[error("the registry {host} refused with status {status}; its own log says why")]
    Refused {
        /// The host of the reference.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The registry does not follow the protocol.
    #[error("the registry {host} does not follow the OCI distribution protocol ({reason})")]
    Protocol {
        /// The host of the reference.
        host: String,
        /// What it did.
        reason: &'static str,
    },
    /// What came is not what the digest says.
    #[error(
        "digest mismatch in {reference}: expected {expected}, got {actual}; the registry or the reference is wrong, do not use the image"
    )]
    DigestMismatch {
        /// The reference.
        reference: String,
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
    },
    /// More came than is read.
    #[error("{reference}: the {what} is larger than {limit} bytes; this is no image of a module")]
    TooLarge {
        /// The reference.
        reference: String,
        /// Which part.
        what: &'static str,
        /// The bound in bytes.
        limit: u64,
    },
    /// A blob goes on after the length that its manifest gives.
    #[error("{reference}: the {what} is longer than the {said} bytes that its manifest gives; do not use the image")]
    LongerThanSaid {
        /// The reference.
        reference: String,
        /// Which part.
        what: &'static str,
        /// What the manifest says.
        said: u64,
    },
    /// The file with certificates cannot be used.
    #[error("cannot use the certificates in {path}: {reason}; give a file of PEM certificates", path = path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What came is no image with a module.
    #[error("{reference} is not an image of a wasm module: {source}")]
    NotAModule {
        /// The reference.
        reference: String,
        /// What is wrong with it.
        source: ImageError,
    },
    /// A push needs a tag to write.
    #[error(
        "{reference} names only a digest, and a push writes a tag; give e.g. `oci://registry.example/filters/headers:1.2.0`"
    )]
    NoTag {
        /// The reference.
        reference: String,
    },
    /// The image has layers beside the module's which are not at hand.
    #[error("the image has {layers} layers and only the module's was read; copy it whole with `skopeo copy`")]
    Incomplete {
        /// How many layers the manifest names.
        layers: usize,
    },
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// No TLS client could be set up on this machine.
    #[error(
        "cannot set up a TLS client ({reason}); install the system's CA certificates, on Debian: `apt-get install ca-certificates`"
    )]
    Client {
        /// What the library said.
        reason: String,
    },
}

/// Who was asked for what, with which credentials: everything that a message needs.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) reference: RegistryRef,
    pub(super) advice: String,
}

impl Asked {
    pub(super) fn status(&self, status: u16) -> RegistryError {
        let host = self.reference.host().to_owned();
        match status {
            401 | 403 => RegistryError::Unauthorized {
                host,
                repository: self.reference.repository().to_owned(),
                advice: self.advice.clone(),
            },
            404 => RegistryError::NotFound { reference: self.reference.to_string() },
            _ => RegistryError::Refused { host, status },
        }
    }

    pub(super) fn network(&self, error: reqwest::Error) -> RegistryError {
        // Addresses may carry a token in their query.
        let error = error.without_url();
        let host = self.reference.host().to_owned();
        let reason = innermost(&error);
        let is_tls = ["certificate", "corrupt message", "InvalidContentType", "handshake"]
            .iter()
            .any(|word| reason.contains(word));
        let hint = if is_tls { "; does it speak plain HTTP, or is its certificate not trusted here?" } else { "" };
        RegistryError::Unreachable { host, reason, hint }
    }

    pub(super) fn protocol(&self, reason: &'static str) -> RegistryError {
        RegistryError::Protocol { host: self.reference.host().to_owned(), reason }
    }
}

/// The last cause says what happened; those around it only say where.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string().chars().take(200).collect()
}
