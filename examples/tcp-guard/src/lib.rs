//! Lets connections through whose first bytes are those of a protocol that is allowed, and closes all others: nothing of
//! theirs gets to the upstream. Bytes wait until they say which protocol it is, at most 14 of them.

use schemars::JsonSchema;
use tamis::config::ReadConfig;
use tamis::metrics::{Counter, Metric};
use tamis::{ConfigError, Configuration, DownstreamData, PluginContext, TcpFilter, TcpOutcome};

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The protocols that clients may speak.
    pub allow: Vec<Protocol>,
}

/// A protocol whose client speaks first.
#[derive(Debug, Clone, Copy, ReadConfig, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TLS, since SSL 3.
    Tls,
    /// HTTP/2 without TLS.
    Http2,
}

/// The filter.
#[derive(Debug)]
pub struct Guard(Vec<Protocol>, Counter);

#[tamis::filter]
impl TcpFilter for Guard {
    type Config = Config;
    /// Whether the protocol is known to be allowed.
    type Stream = bool;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self(config.allow, Counter::define("tcp_guard.refused")?))
    }

    fn downstream_data(&self, allowed: &mut bool, data: &mut DownstreamData) -> TcpOutcome {
        if *allowed || data.is_empty() {
            return TcpOutcome::Continue;
        }
        let Ok(begin) = data.read(0, 14) else { return TcpOutcome::Close };
        let firsts = || {
            self.0.iter().map(|protocol| match protocol {
                Protocol::Tls => b"\x16\x03".as_slice(),
                Protocol::Http2 => b"PRI * HTTP/2.0",
            })
        };
        *allowed = firsts().any(|first| begin.starts_with(first));
        match (*allowed, firsts().any(|first| first.starts_with(&begin)) && !data.is_last()) {
            (true, _) => TcpOutcome::Continue,
            (false, true) => TcpOutcome::Wait,
            (false, false) => self.1.add(1).map_or(TcpOutcome::Close, |()| TcpOutcome::Close),
        }
    }
}
