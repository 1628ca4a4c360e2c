// error[E0599]: no method named `wait` found for mutable reference `&mut TcpData` in the current scope
use tamis::{ConfigError, NoConfig, PluginContext, TcpData, TcpFilter, TcpOutcome};

struct Asks;

#[tamis::filter(callouts)]
impl TcpFilter for Asks {
    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn upstream_data(&self, _: &mut (), data: &mut TcpData) -> TcpOutcome {
        data.wait(self, async |_, _| TcpOutcome::Continue)
    }
}
