//! The phases.

use tamis::{ConfigError, Filter, Outcome, PluginContext, RequestHeaders, ResponseHeaders};

use crate::config::{Config, Edits, Rule};

/// The filter.
#[derive(Debug)]
pub struct Transformation {
    rules: Vec<Rule>,
}

#[tamis::filter]
impl Filter for Transformation {
    type Config = Config;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        if config.rules.is_empty() {
            return Err(ConfigError::new("rules", "expected at least one rule"));
        }
        for (i, rule) in config.rules.iter().enumerate() {
            if rule.request == Edits::default() && rule.response == Edits::default() {
                return Err(ConfigError::new(
                    format!("rules[{i}]"),
                    "the rule edits nothing: give it `request` or `response`",
                ));
            }
        }
        Ok(Self { rules: config.rules })
    }

    fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
        self.rules.iter().try_for_each(|rule| rule.request.headers.apply(request.headers())).into()
    }

    fn response_headers(&self, _: &mut (), response: &mut ResponseHeaders) -> Outcome {
        self.rules.iter().try_for_each(|rule| rule.response.headers.apply(response.headers())).into()
    }
}
