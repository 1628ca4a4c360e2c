//! Asks a gRPC service whether a tenant has some of its quota left, with messages of the crate `prost`.
use prost::Message;
use schemars::JsonSchema;
use tamis::grpc::GrpcRequest;
use tamis::{ConfigError, Configuration, Filter, HeaderName, OnError, Outcome, PluginContext, RequestHeaders};

/// `quota.v1.TakeRequest`
#[derive(Message)]
struct TakeRequest {
    #[prost(string, tag = "1")]
    tenant: String,
    #[prost(uint32, tag = "2")]
    units: u32,
}

/// `quota.v1.TakeResponse`
#[derive(Message)]
struct TakeResponse {
    #[prost(bool, tag = "1")]
    granted: bool,
}

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The proxy's cluster with the service `quota.v1.Quota`.
    pub cluster: String,
    /// The header that names the tenant.
    pub header: HeaderName,
    /// What to do when there is no answer: 500 when it is left out.
    #[serde(default)]
    pub on_error: OnError,
}

/// The filter.
#[derive(Debug)]
pub struct Quota(Config);

#[tamis::filter(callouts)]
impl Filter for Quota {
    type Config = Config;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self(config))
    }

    fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
        let tenant = request.headers().get(&self.0.header).ok().flatten().unwrap_or_default();
        let take = TakeRequest { tenant: String::from_utf8_lossy(tenant).into_owned(), units: 1 };
        request.wait(self, async move |quota, _| {
            match GrpcRequest::new(&quota.0.cluster, "quota.v1.Quota", "Take").call_message(&take).await {
                Ok(TakeResponse { granted: true }) => Outcome::Continue,
                Ok(_) => tamis::Response::new(429).body("no quota left\n").details("quota").into(),
                Err(error) => quota.0.on_error.over([Err(error)]),
            }
        })
    }
}
