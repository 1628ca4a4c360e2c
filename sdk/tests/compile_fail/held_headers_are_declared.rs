// error: the method `held_headers` needs `#[tamis::filter(held_headers)]`, so that the module says it
use tamis::{ConfigError, Filter, NoConfig, PluginContext};

pub struct F;

#[tamis::filter]
impl Filter for F {
    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn held_headers(&self) -> bool {
        true
    }
}
