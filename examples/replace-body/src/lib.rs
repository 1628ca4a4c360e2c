//! Replaces a text in responses while they stream through: what may be the beginning of it is held back until more came.

use schemars::JsonSchema;
use tamis::{
    Body, BodyError, BodyMode, ConfigError, Configuration, Filter, LateOutcome, Outcome, PluginContext, ResponseBody,
    ResponseHeaders,
};

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The text to look for. Not empty.
    pub find: String,
    /// What stands in its place.
    pub replace: String,
}

/// The filter.
#[derive(Debug)]
pub struct Replace(Config);

#[tamis::filter]
impl Filter for Replace {
    type Config = Config;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        if config.find.is_empty() { Err(ConfigError::new("find", "expected some text")) } else { Ok(Self(config)) }
    }

    fn response_headers(&self, _: &mut (), response: &mut ResponseHeaders) -> Outcome {
        response.body(BodyMode::stream(self.0.find.len()));
        Outcome::Continue
    }

    fn response_body(&self, _: &mut (), body: &mut ResponseBody) -> LateOutcome {
        self.edit(body).into()
    }
}

impl Replace {
    fn edit(&self, body: &mut Body) -> Result<(), BodyError> {
        let (find, last, mut out) = (self.0.find.as_bytes(), body.is_last(), Vec::new());
        let mut rest = body.bytes()?;
        while let Some((first, more)) = rest.split_first() {
            if let Some(behind) = rest.strip_prefix(find) {
                out.extend_from_slice(self.0.replace.as_bytes());
                rest = behind;
            } else if !last && find.starts_with(rest) {
                break;
            } else {
                out.push(*first);
                rest = more;
            }
        }
        let held = rest.len();
        body.replace(out)?;
        if last { Ok(()) } else { body.hold_back(held) }
    }
}
