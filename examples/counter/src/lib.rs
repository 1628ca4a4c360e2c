//! Counts requests by the tier that a header names: a metric with a label.
//!
//! Only the tiers of the configuration are counted apart. Whatever else a client sends is `other`, so no client can make
//! metrics.

use schemars::JsonSchema;
use tamis::metrics::{Counter, Label, Labelled};
use tamis::{ConfigError, Configuration, Filter, HeaderName, Outcome, PluginContext, RequestHeaders};

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The header that names the tier.
    pub header: HeaderName,
    /// The tiers, each counted as `requests.tier.NAME`; all others are `requests.tier.other`.
    pub tiers: Vec<String>,
}

/// The filter.
#[derive(Debug)]
pub struct Count {
    header: HeaderName,
    requests: Labelled<Counter, 1>,
}

#[tamis::filter]
impl Filter for Count {
    type Config = Config;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        let tier = Label::new("tier", config.tiers)?;
        Ok(Self { header: config.header, requests: Labelled::define("requests", [tier])? })
    }

    fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
        let tier = request.headers().get(&self.header).map(|tier| tier.unwrap_or_default().to_vec());
        tier.and_then(|tier| self.requests.with([&tier]).add(1)).into()
    }
}
