//! The HTTP client: which certificates it trusts, where it follows, how long it waits.

use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use reqwest::{Certificate, Client};

use crate::files;
use crate::registry::RegistryOptions;
use crate::registry::error::{RegistryError, innermost};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest silence in the middle of an answer. A shorter limit on the whole operation ends that first, and says so.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_REDIRECTS: usize = 5;
const MAX_CA_BYTES: u64 = 1 << 20;
const USER_AGENT: &str = concat!("tamis/", env!("CARGO_PKG_VERSION"));

/// A client that speaks TLS only, unless `is_plain`; a redirect to another host gets no credentials.
pub(super) fn client(options: &RegistryOptions, is_plain: bool) -> Result<Client, RegistryError> {
    install_tls();
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        // Also holds for redirects: what begins under TLS stays under TLS.
        .https_only(!is_plain)
        .redirect(reqwest::redirect::Policy::limited(MAX_REDIRECTS));
    let builder = match &options.ca {
        Some(file) => builder.tls_certs_merge(certificates(file)?),
        None => builder,
    };
    builder.build().map_err(|error| RegistryError::Client { reason: innermost(&error) })
}

fn certificates(file: &Path) -> Result<Vec<Certificate>, RegistryError> {
    let wrong = |reason: String| RegistryError::Ca { path: file.to_owned(), reason };
    let bytes = files::read_bounded(file, MAX_CA_BYTES).map_err(|error| wrong(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&bytes).map_err(|error| wrong(innermost(&error)))?;
    if found.is_empty() { Err(wrong("it holds no certificate".to_owned())) } else { Ok(found) }
}

/// Makes ring the cryptography of this process, unless the process has chosen already.
fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that another one is in place, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
