//! One sign-in at one repository, and bounded requests with it.

use std::sync::Once;
use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Method, Response, StatusCode};

use crate::reference::RegistryRef;
use crate::registry::RegistryOptions;
use crate::registry::error::{Asked, RegistryError, innermost};
use crate::registry::sign_in::{self, Challenge};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 5;
const USER_AGENT: &str = concat!("tamis/", env!("CARGO_PKG_VERSION"));

/// A repository to which we are signed in, if it asks for that.
pub(super) struct Session {
    /// Uploads; it holds the same sign-in.
    pub(super) uploads: Client,
    /// The reference as that client writes it.
    pub(super) target: Reference,
    pub(super) asked: Asked,
    http: reqwest::Client,
    base: String,
    authorization: Option<Authorization>,
}

enum Authorization {
    Bearer(HeaderValue),
    Basic(String, String),
}

impl Session {
    pub(super) async fn open(
        options: &RegistryOptions,
        reference: &RegistryRef,
        operation: RegistryOperation,
    ) -> Result<Self, RegistryError> {
        install_tls();
        let found = options.credentials.find(reference.host())?;
        let asked = Asked { reference: reference.clone(), advice: found.advice };
        let is_plain = options.plain_http || reference.is_loopback();
        let tag = reference.tag_to_write().unwrap_or_default().to_owned();
        let target = Reference::with_tag(reference.host().to_owned(), reference.repository().to_owned(), tag);

        let http = http_client(is_plain).map_err(|error| RegistryError::Client { reason: innermost(&error) })?;
        let scheme = if is_plain { "http" } else { "https" };
        let base = format!("{scheme}://{}/v2/{}", target.resolve_registry(), reference.repository());

        let uploads = upload_client(is_plain, options.timeout)?;
        let registry = format!("{scheme}://{}/v2/", target.resolve_registry());
        let authorization = match sign_in::challenge(&http, &registry, &asked).await? {
            Challenge::Open => None,
            Challenge::Basic => match found.auth {
                RegistryAuth::Basic(user, password) => {
                    let auth = RegistryAuth::Basic(user.clone(), password.clone());
                    uploads.store_auth_if_needed(target.resolve_registry(), &auth).await;
                    Some(Authorization::Basic(user, password))
                }
                _ => return Err(asked.status(StatusCode::UNAUTHORIZED.as_u16())),
            },
            Challenge::Token { realm, service } => {
                let credentials = match &found.auth {
                    RegistryAuth::Basic(user, password) => Some((user.as_str(), password.as_str())),
                    _ => None,
                };
                let actions = if matches!(operation, RegistryOperation::Push) { "pull,push" } else { "pull" };
                let scope = format!("repository:{}:{actions}", reference.repository());
                let service = (realm.as_str(), service.as_deref());
                let token = sign_in::token(&http, service, &scope, credentials, is_plain, &asked).await?;
                let header = HeaderValue::from_str(&format!("Bearer {token}"))
                    .map_err(|_| asked.protocol("its token service sent no usable token"))?;
                // The client puts the token into a header without a check of its own, so it only gets one that was checked.
                uploads.store_auth_if_needed(target.resolve_registry(), &RegistryAuth::Bearer(token)).await;
                Some(Authorization::Bearer(header))
            }
        };
        Ok(Self { uploads, target, asked, http, base, authorization })
    }

    /// Downloads at most `limit` bytes.
    pub(super) async fn get(
        &self,
        path: &str,
        accept: &'static str,
        what: &'static str,
        limit: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut response = self.send(Method::GET, path, accept).await?;
        if response.status() != StatusCode::OK {
            return Err(self.asked.status(response.status().as_u16()));
        }
        let too_large = || RegistryError::TooLarge { reference: self.asked.reference.to_string(), what, limit };
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.asked.network(error))? {
            if bytes.len() as u64 + chunk.len() as u64 > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Whether something is there; also false when the registry does not say.
    pub(super) async fn has(&self, path: &str) -> Result<bool, RegistryError> {
        Ok(self.send(Method::HEAD, path, "*/*").await?.status() == StatusCode::OK)
    }

    async fn send(&self, method: Method, path: &str, accept: &'static str) -> Result<Response, RegistryError> {
        let request = self.http.request(method, format!("{}/{path}", self.base)).header(ACCEPT, accept);
        let request = match &self.authorization {
            Some(Authorization::Bearer(header)) => request.header(AUTHORIZATION, header),
            Some(Authorization::Basic(user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        };
        request.send().await.map_err(|error| self.asked.network(error))
    }
}

/// Makes ring the cryptography of this process, unless the process has chosen already.
pub(super) fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that another one is in place, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

pub(super) fn http_client(is_plain: bool) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        // Also holds for redirects: what begins under TLS stays under TLS.
        .https_only(!is_plain)
        .redirect(reqwest::redirect::Policy::limited(MAX_REDIRECTS))
        .build()
}

fn upload_client(is_plain: bool, timeout: Duration) -> Result<Client, RegistryError> {
    let config = ClientConfig {
        protocol: if is_plain { ClientProtocol::Http } else { ClientProtocol::Https },
        use_monolithic_push: true,
        connect_timeout: Some(CONNECT_TIMEOUT),
        read_timeout: Some(timeout),
        user_agent: USER_AGENT,
        ..ClientConfig::default()
    };
    Client::try_from(config).map_err(|error| RegistryError::Client { reason: innermost(&error) })
}
