//! Refuses requests below certain paths, segment by segment: `/admin` is `/admin` and `/admin/users`, not `/administrator`.
//!
//! The path is looked at as the proxy's router sees it: let the proxy normalise paths (`normalize_path`, `merge_slashes`)
//! where an upstream decodes them.

use schemars::JsonSchema;
use tamis::{ConfigError, Configuration, Filter, GrpcStatus, Outcome, PluginContext, RequestHeaders, Response};

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The paths, each with all that is below it. They begin with `/`.
    pub paths: Vec<String>,
}

/// The filter.
#[derive(Debug)]
pub struct Block(Config);

#[tamis::filter]
impl Filter for Block {
    type Config = Config;

    fn new(mut config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        for (i, path) in config.paths.iter_mut().enumerate() {
            if !path.starts_with('/') {
                return Err(ConfigError::new(format!("paths[{i}]"), "expected a path that begins with `/`"));
            }
            path.truncate(path.trim_end_matches('/').len());
        }
        Ok(Self(config))
    }

    fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
        match request.path() {
            Ok(path) if self.is_blocked(path.unwrap_or_default()) => {
                let refused = Response::new(403).body("not here\n").details("blocked_by_path");
                refused.grpc_status(GrpcStatus::PERMISSION_DENIED).into()
            }
            result => result.map(|_| ()).into(),
        }
    }
}

impl Block {
    fn is_blocked(&self, path: &[u8]) -> bool {
        let path = path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
        let below =
            |prefix: &String| path.strip_prefix(prefix.as_bytes()).is_some_and(|rest| matches!(rest, [] | [b'/', ..]));
        self.0.paths.iter().any(below)
    }
}
