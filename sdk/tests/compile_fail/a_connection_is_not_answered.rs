// error[E0308]: mismatched types
use tamis::{ConfigError, NewConnection, NoConfig, Outcome, PluginContext, TcpFilter, TcpOutcome};

struct Asks;

#[tamis::filter(callouts)]
impl TcpFilter for Asks {
    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn connection(&self, _: &mut (), connection: &mut NewConnection) -> TcpOutcome {
        connection.wait(self, async |_, _| Outcome::Continue)
    }
}
