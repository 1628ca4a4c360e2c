//! Images in a registry: push, pull, and errors that say what to do.
//!
//! `oci-client` signs in and uploads. What a registry *sends* is read here, because everything that comes from it is bounded:
//! manifests, blobs and the time that an operation may take.

mod credentials;
mod error;
mod examine;
mod pull;
mod push;
mod session;
mod sign_in;

use std::time::Duration;

use crate::digest::Digest;
use crate::doctor::Subject;
use crate::image::Image;
use crate::reference::RegistryRef;

pub use credentials::{Credentials, CredentialsError};
pub use error::RegistryError;

/// A client for registries; one value serves any number of operations.
///
/// Only `https` is spoken, except to this machine (`localhost`, `127.0.0.0/8`, `::1`) or when plain HTTP is asked for.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    options: RegistryOptions,
}

/// How a [`Registry`] behaves.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Speak HTTP without TLS to any host: the password and the module can be read and changed on the way.
    pub plain_http: bool,
    /// Where user names and passwords come from.
    pub credentials: Credentials,
    /// The longest that one push or pull may take as a whole.
    pub timeout: Duration,
}

/// What a push left in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The digest of the manifest.
    pub digest: Digest,
    /// The repository pinned to that digest: what a resource should name.
    pub reference_by_digest: RegistryRef,
}

impl Default for RegistryOptions {
    /// TLS, Docker's own configuration file for credentials, five minutes.
    fn default() -> Self {
        Self { plain_http: false, credentials: Credentials::from_environment(), timeout: Duration::from_secs(300) }
    }
}

impl Registry {
    /// A client with these options.
    #[must_use]
    pub fn new(options: RegistryOptions) -> Self {
        Self { options }
    }

    /// Uploads an image under the tag of the reference (`latest` when it names neither tag nor digest).
    ///
    /// The blobs go first and the manifest last, byte for byte as it was built, so that the digest stays the same and a push that
    /// fails half-way changes no tag.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses, when a reference is pinned to another digest than the image's, or when
    /// nothing but a digest is named.
    pub async fn push(&self, reference: &RegistryRef, image: &Image) -> Result<Pushed, RegistryError> {
        self.in_time(reference, push::push(&self.options, reference, image)).await
    }

    /// Downloads an image: the manifest, the configuration and the layer with the module, with every digest and size checked.
    ///
    /// An index is followed to its image for linux/amd64, as meshes do.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses, when there is no such image, or when it is not one with a module.
    pub async fn pull(&self, reference: &RegistryRef) -> Result<Image, RegistryError> {
        self.in_time(reference, pull::pull(&self.options, reference)).await
    }

    /// Downloads all of an image that a consumer might read: its documents, and its layers, whatever they hold.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses, when there is no such image, or when what comes is not what was named.
    pub async fn examine(&self, reference: &RegistryRef) -> Result<Subject, RegistryError> {
        self.in_time(reference, examine::examine(&self.options, reference)).await
    }

    async fn in_time<T>(
        &self,
        reference: &RegistryRef,
        work: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        let timeout = self.options.timeout;
        let late = |_| RegistryError::Timeout { host: reference.host().to_owned(), seconds: timeout.as_secs() };
        tokio::time::timeout(timeout, work).await.map_err(late)?
    }
}
