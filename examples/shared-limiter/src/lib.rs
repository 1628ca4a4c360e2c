//! Lets so many requests through in each second, over all workers together: one shared value, changed by compare-and-swap.
//! The value is the second and what is left of it, eight bytes each.

use schemars::JsonSchema;
use tamis::shared::{SharedCell, SharedError, Update};
use tamis::{ConfigError, Configuration, Filter, OnError, Outcome, PluginContext, RequestHeaders, Response, clock};

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many requests go through in a second.
    pub per_second: u64,
    /// What to do when the proxy does not keep the value.
    #[serde(default)]
    pub on_error: OnError,
}

/// The filter.
#[derive(Debug)]
pub struct Limit {
    config: Config,
    left: SharedCell,
}

#[tamis::filter]
impl Filter for Limit {
    type Config = Config;

    fn new(config: Config, plugin: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self { config, left: SharedCell::new(plugin, "left", 1)? })
    }

    fn request_headers(&self, _: &mut (), _: &mut RequestHeaders) -> Outcome {
        match self.take() {
            Ok(Update::Stored) => Outcome::Continue,
            Ok(Update::Left) => Response::new(429).body("too many requests\n").details("shared_limiter").into(),
            Err(error) => self.config.on_error.over([Err(error)]),
        }
    }
}

impl Limit {
    /// Takes one of what is left of this second; a value from another second, or of another form, is a whole one.
    fn take(&self) -> Result<Update, SharedError> {
        let now = clock::wall()?.as_secs().to_le_bytes();
        self.left.update(|old| {
            let left = old.and_then(|old| old.strip_prefix(&now)?.try_into().ok()).map(u64::from_le_bytes);
            let left = left.unwrap_or(self.config.per_second).checked_sub(1)?;
            Some([now, left.to_le_bytes()].concat())
        })
    }
}
