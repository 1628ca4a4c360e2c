//! Requests of the module's own.

use super::done;
use crate::Pairs;
use crate::sys::{HostError, imports};

/// The buffer that holds the body of an answer, while the host tells of it (rule `HC-8`).
pub(crate) const HTTP_CALL_BODY: u32 = 4;

/// What a request of the module's own says.
#[derive(Debug, Clone, Copy)]
pub struct HttpCallParts<'a> {
    /// The cluster that is asked.
    pub cluster: &'a [u8],
    /// Its headers, in their wire form.
    pub headers: &'a [u8],
    /// Its body.
    pub body: &'a [u8],
    /// How long the host waits, in milliseconds; 0 means for ever.
    pub timeout: u32,
}

/// Sends a request; the answer comes later, to the plugin, with this token (rule `HC-7`). Trailers would not be sent
/// (rule `HC-2`), so there are none.
///
/// # Errors
///
/// [`HostError`]: rules `HC-1` and `HC-4`.
pub fn http_call(parts: HttpCallParts<'_>) -> Result<u32, HostError> {
    let HttpCallParts { cluster, headers, body, timeout } = parts;
    let trailers = Pairs::encode([]);
    let mut token = 0;
    done("proxy_http_call", unsafe {
        imports::proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout,
            &raw mut token,
        )
    })?;
    Ok(token)
}
