//! Lets a request in when an authorization service says so. The service sees the path and the key; a 200 lets
//! the request in, and tells the upstream who it is. Any other answer is the client's.

use std::time::Duration;

use schemars::JsonSchema;
use tamis::callouts::HttpRequest;
use tamis::{
    ConfigError, Configuration, Filter, HeaderMap, HeaderName, OnError, Outcome, PluginContext, RequestHeaders,
    Response,
};

const AUTHORIZATION: HeaderName = HeaderName::from_static("authorization");
const X_USER: HeaderName = HeaderName::from_static("x-user");

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The proxy's cluster with the service.
    pub cluster: String,
    /// How long the service may take, in milliseconds.
    pub timeout_ms: u32,
    /// What to do when there is no answer.
    #[serde(default)]
    pub on_error: OnError,
}

/// The filter.
#[derive(Debug)]
pub struct Auth(Config);

#[tamis::filter(callouts)]
impl Filter for Auth {
    type Config = Config;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self(config))
    }

    fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
        if let Err(error) = request.headers().remove(&X_USER) {
            return Err(error).into();
        }
        let path = request.path().ok().flatten().unwrap_or_default().to_vec();
        let key = request.headers().get(&AUTHORIZATION).ok().flatten().unwrap_or_default().to_vec();
        request.wait(self, async move |auth, request| {
            let Config { cluster, timeout_ms, on_error } = &auth.0;
            let check = HttpRequest::get(cluster.as_str(), cluster.as_str(), path).header(AUTHORIZATION, key);
            match check.timeout(Duration::from_millis(u64::from(*timeout_ms))).send().await {
                Ok(yes) if yes.status() == 200 => {
                    let add = |user| request.headers(|headers| headers.add(&X_USER, user));
                    on_error.over(yes.headers().get_all(&X_USER).map(add))
                }
                Ok(no) => Response::new(no.status()).body(no.body().unwrap_or_default()).details("auth_denied").into(),
                Err(error) => on_error.over([Err(error)]),
            }
        })
    }
}
