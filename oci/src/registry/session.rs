//! One sign-in at one repository, and bounded requests with it.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

use crate::digest::Digest;
use crate::image::Blob;
use crate::manifest::{self, Descriptor};
use crate::reference::RegistryRef;
use crate::registry::RegistryOptions;
use crate::registry::credentials::Secret;
use crate::registry::error::{Asked, RegistryError};
use crate::registry::http;
use crate::registry::progress::{Progress, Step};
use crate::registry::retry::Retry;
use crate::registry::sign_in::{self, Challenge};
use crate::{MANIFEST_TYPE, MAX_MANIFEST_BYTES};

const ACCEPT_MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.artifact.manifest.v1+json;q=0.5, */*;q=0.1";

/// A repository to which we are signed in, if it asks for that.
pub(crate) struct Session {
    pub(super) asked: Asked,
    pub(super) http: Client,
    /// `https://HOST/v2/REPOSITORY/`
    pub(super) base: Url,
    pub(super) retry: Retry,
    pub(super) progress: Progress,
    authorization: Option<Authorization>,
}

/// What may be done with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Pull,
    Push,
}

enum Authorization {
    Bearer(HeaderValue),
    Basic(String, String),
}

impl Session {
    pub(super) async fn open(
        options: &RegistryOptions,
        reference: &RegistryRef,
        access: Access,
    ) -> Result<Self, RegistryError> {
        let found = options.credentials.find(reference.host()).await?;
        let asked = Asked { reference: reference.clone(), advice: found.advice };
        let is_plain = options.is_plain(reference);
        let http = http::client(options, is_plain)?;
        let scheme = if is_plain { "http" } else { "https" };
        let root = format!("{scheme}://{}/v2/", reference.api_host());
        let no_address = |_| asked.protocol("its name makes no address");
        let base = Url::parse(&format!("{root}{}/", reference.repository())).map_err(no_address)?;
        let root = Url::parse(&root).map_err(no_address)?;

        let mut session =
            Self { asked, http, base, retry: options.retry, progress: options.progress.clone(), authorization: None };
        session.authorization = session.sign_in(&root, found.secret, access, is_plain).await?;
        Ok(session)
    }

    async fn sign_in(
        &self,
        root: &Url,
        secret: Secret,
        access: Access,
        is_plain: bool,
    ) -> Result<Option<Authorization>, RegistryError> {
        let bearer = |token: &str| {
            HeaderValue::from_str(&format!("Bearer {token}"))
                .map(|mut header| {
                    header.set_sensitive(true);
                    Some(Authorization::Bearer(header))
                })
                .map_err(|_| self.asked.protocol("its token service sent no usable token"))
        };
        match sign_in::challenge(self, root).await? {
            Challenge::Open => Ok(None),
            Challenge::Basic => match secret {
                Secret::Password(user, password) => Ok(Some(Authorization::Basic(user, password))),
                _ => Err(self.asked.status(StatusCode::UNAUTHORIZED.as_u16())),
            },
            Challenge::Token { .. } if matches!(secret, Secret::RegistryToken(_)) => match secret {
                Secret::RegistryToken(token) => bearer(&token),
                _ => Ok(None),
            },
            Challenge::Token { realm, service } => {
                let actions = if access == Access::Push { "pull,push" } else { "pull" };
                let scope = format!("repository:{}:{actions}", self.asked.reference.repository());
                let service = sign_in::Service { realm: &realm, name: service.as_deref(), is_plain };
                bearer(&sign_in::token(self, &service, &scope, &secret).await?)
            }
        }
    }

    /// The manifest behind a tag or a digest, whatever it is of.
    pub(crate) async fn manifest(&self, version: &str) -> Result<Blob, RegistryError> {
        let path = format!("manifests/{version}");
        let (headers, bytes) = self.get(&path, ACCEPT_MANIFESTS, "manifest", MAX_MANIFEST_BYTES).await?;
        let expected = version.parse::<Digest>().ok();
        check_digest(&self.asked.reference, expected.as_ref(), &bytes)?;
        let sent = headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .filter(|kind| kind.contains("manifest") || kind.contains("index"));
        let media_type = manifest::media_type_in(&bytes).or(sent.map(ToOwned::to_owned));
        Ok(Blob::new(media_type.as_deref().unwrap_or(MANIFEST_TYPE), bytes))
    }

    /// A blob that a manifest names, of at most `limit` bytes.
    pub(crate) async fn blob(
        &self,
        what: &'static str,
        wanted: &Descriptor,
        limit: u64,
    ) -> Result<Blob, RegistryError> {
        let reference = &self.asked.reference;
        if wanted.size > limit {
            return Err(RegistryError::TooLarge { reference: reference.to_string(), what, limit });
        }
        // More than the manifest says is not read.
        let (_, bytes) = self.get(&format!("blobs/{}", wanted.digest), "*/*", what, wanted.size).await.map_err(
            |error| match error {
                RegistryError::TooLarge { .. } => {
                    RegistryError::LongerThanSaid { reference: reference.to_string(), what, said: wanted.size }
                }
                error => error,
            },
        )?;
        check_digest(reference, Some(&wanted.digest), &bytes)?;
        Blob::checked(what, wanted, bytes)
            .map_err(|source| RegistryError::NotAModule { reference: reference.to_string(), source })
    }

    /// Downloads at most `limit` bytes.
    pub(super) async fn get(
        &self,
        path: &str,
        accept: &'static str,
        what: &'static str,
        limit: u64,
    ) -> Result<(HeaderMap, Vec<u8>), RegistryError> {
        let address = self.address(path)?;
        let mut response = self.send(|| self.authorized(self.http.get(address.clone())).header(ACCEPT, accept)).await?;
        if response.status() != StatusCode::OK {
            return Err(self.asked.status(response.status().as_u16()));
        }
        let too_large = || RegistryError::TooLarge { reference: self.asked.reference.to_string(), what, limit };
        let total = response.content_length();
        if total.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.asked.network(error))? {
            if bytes.len() as u64 + chunk.len() as u64 > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
            self.progress.tell(Step::Downloading { what, done: bytes.len() as u64, total });
        }
        Ok((std::mem::take(response.headers_mut()), bytes))
    }

    /// Whether something is there; also false when the registry does not say.
    pub(crate) async fn has(&self, path: &str, accept: &'static str) -> Result<bool, RegistryError> {
        let address = self.address(path)?;
        let response = self.send(|| self.authorized(self.http.head(address.clone())).header(ACCEPT, accept)).await?;
        Ok(response.status() == StatusCode::OK)
    }

    pub(crate) fn late(&self, limit: Duration) -> RegistryError {
        RegistryError::Timeout { host: self.asked.reference.host().to_owned(), seconds: limit.as_secs() }
    }

    pub(super) fn address(&self, path: &str) -> Result<Url, RegistryError> {
        // A path such as `manifests/1:2` would be read as an address of its own.
        self.base.join(&format!("./{path}")).map_err(|_| self.asked.protocol("a name in it makes no address"))
    }

    /// The request with our sign-in, which only requests to the registry's own host may get.
    pub(super) fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.authorization {
            Some(Authorization::Bearer(header)) => request.header(AUTHORIZATION, header),
            Some(Authorization::Basic(user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    /// Sends a request, and again while the registry says that it is a bad moment.
    pub(super) async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, RegistryError> {
        let mut attempt = 1;
        loop {
            let response = request().send().await.map_err(|error| self.asked.network(error))?;
            let Some(wait) = self.retry.wait(attempt, response.status(), response.headers()) else {
                return Ok(response);
            };
            self.progress.tell(Step::Waiting { status: response.status().as_u16(), wait });
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }
}

pub(super) fn check_digest(
    reference: &RegistryRef,
    expected: Option<&Digest>,
    bytes: &[u8],
) -> Result<(), RegistryError> {
    let actual = Digest::of(bytes);
    match expected {
        Some(expected) if *expected != actual => {
            Err(RegistryError::DigestMismatch { reference: reference.to_string(), expected: expected.clone(), actual })
        }
        _ => Ok(()),
    }
}
