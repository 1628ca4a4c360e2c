// error[E0277]: `Asks` makes callouts, and its attribute does not say so
use tamis::{ConfigError, DownstreamData, NoConfig, PluginContext, TcpFilter, TcpOutcome};

struct Asks;

#[tamis::filter]
impl TcpFilter for Asks {
    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn downstream_data(&self, _: &mut (), data: &mut DownstreamData) -> TcpOutcome {
        data.wait(self, async |_, _| TcpOutcome::Continue)
    }
}
