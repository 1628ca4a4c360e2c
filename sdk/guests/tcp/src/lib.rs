//! A filter for TCP that changes bytes in both directions: the guest of the SDK's own tests.
//!
//! The client's bytes wait for the end of a line and go on in upper case; a line `close` closes the connection. The
//! upstream's first bytes get `> ` in front.

use tamis::{
    ClosedBy, ConfigError, DownstreamData, HostError, NoConfig, PluginContext, TcpData, TcpFilter, TcpOutcome,
};

/// The filter.
#[derive(Debug)]
pub struct Lines;

/// What it remembers of a connection.
#[derive(Debug, Default)]
pub struct Seen {
    answered: bool,
}

#[tamis::filter]
impl TcpFilter for Lines {
    type Stream = Seen;

    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn downstream_data(&self, _: &mut Seen, data: &mut DownstreamData) -> TcpOutcome {
        match line(data) {
            Ok(None) => TcpOutcome::Wait,
            Ok(Some(line)) if line == b"CLOSE\n" => TcpOutcome::Close,
            Ok(Some(line)) => data.replace(&line).into(),
            Err(error) => Err(error).into(),
        }
    }

    fn upstream_data(&self, seen: &mut Seen, data: &mut TcpData) -> TcpOutcome {
        if std::mem::replace(&mut seen.answered, true) || data.is_empty() {
            return TcpOutcome::Continue;
        }
        data.bytes().and_then(|bytes| data.replace(&[b"> ".as_slice(), &bytes].concat())).into()
    }

    fn downstream_close(&self, _: &mut Seen, by: ClosedBy) {
        tamis::log::info(format_args!("closed by {by:?}"));
    }
}

/// The bytes in upper case, once they end with a line, or with the connection.
fn line(data: &TcpData) -> Result<Option<Vec<u8>>, HostError> {
    let bytes = data.bytes()?;
    Ok((data.is_last() || bytes.ends_with(b"\n")).then(|| bytes.to_ascii_uppercase()))
}
