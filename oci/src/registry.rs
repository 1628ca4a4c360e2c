//! Images in a registry: push, pull, and errors that say what to do.
//!
//! The protocol is small and spoken here, over `reqwest`: everything that comes from a registry is bounded (manifests, blobs, the
//! time that an operation may take), and credentials go to the host that they are for and nowhere else.

mod credentials;
mod error;
mod examine;
mod http;
mod listing;
mod progress;
mod pull;
mod push;
mod retry;
mod session;
mod sign_in;
mod upload;

use std::path::PathBuf;
use std::time::Duration;

use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::doctor::Subject;
use crate::image::Image;
use crate::reference::RegistryRef;

pub use credentials::{Credentials, CredentialsError, Password};
pub use error::RegistryError;
pub(crate) use listing::fallback_tag;
pub use progress::{Progress, Step};
pub use retry::Retry;
pub(crate) use session::{Access, Session};

/// A client for registries; one value serves any number of operations.
///
/// Only `https` is spoken, except to this machine (`localhost`, `127.0.0.0/8`, `::1`) or when plain HTTP is asked for. Where a
/// CA is named, this machine is spoken to by `https` too.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    options: RegistryOptions,
}

/// How a [`Registry`] behaves.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Speak HTTP without TLS to any host: the password and the module can be read and changed on the way.
    pub plain_http: bool,
    /// A file of PEM certificates that are trusted beside the system's.
    pub ca: Option<PathBuf>,
    /// Where user names and passwords come from.
    pub credentials: Credentials,
    /// The longest that one push or pull may take as a whole.
    pub timeout: Duration,
    /// How often a request is sent again when the registry has a bad moment.
    pub retry: Retry,
    /// Who is told what goes on.
    pub progress: Progress,
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
    /// TLS, the environment and Docker's own configuration file for credentials, five minutes.
    fn default() -> Self {
        Self {
            plain_http: false,
            ca: None,
            credentials: Credentials::from_environment(),
            timeout: Duration::from_secs(300),
            retry: Retry::default(),
            progress: Progress::default(),
        }
    }
}

impl RegistryOptions {
    fn is_plain(&self, reference: &RegistryRef) -> bool {
        self.plain_http || (reference.is_loopback() && self.ca.is_none())
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

    /// Uploads something else than an image with a module, as [`Registry::push`] does.
    ///
    /// # Errors
    /// As there.
    pub async fn push_artifact(&self, reference: &RegistryRef, artifact: &Artifact) -> Result<Pushed, RegistryError> {
        self.in_time(reference, push::push_artifact(&self.options, reference, artifact)).await
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

    /// Signs in at a repository; with the time that each operation there may take.
    pub(crate) async fn session(
        &self,
        reference: &RegistryRef,
        access: Access,
    ) -> Result<(Session, Duration), RegistryError> {
        let session = self.in_time(reference, Session::open(&self.options, reference, access)).await?;
        Ok((session, self.options.timeout))
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
