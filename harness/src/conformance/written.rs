//! What an Envoy writes into its log, as it comes.

use crate::envoy::EnvoyProcess;

/// What Envoy writes to its log when it dies of a signal.
const CRASH: &str = "[critical][backtrace] Caught ";

/// A reader that gives every line of a log once.
pub(super) struct Written<'e> {
    pub envoy: &'e EnvoyProcess,
    read: u64,
    rest: Vec<u8>,
    /// Envoy has said that it dies. It does so after it has closed its connections.
    pub crashed: bool,
}

impl<'e> Written<'e> {
    pub(super) fn new(envoy: &'e EnvoyProcess) -> Self {
        Self { envoy, read: 0, rest: Vec::new(), crashed: false }
    }

    /// The lines that are new, with their ends; none when there are none.
    pub(super) fn news(&mut self) -> Option<String> {
        if self.envoy.log_size() <= self.read {
            return None;
        }
        let new = self.envoy.log_from(self.read);
        self.read += new.len() as u64;
        self.rest.extend(new);
        let end = self.rest.iter().rposition(|byte| *byte == b'\n')?;
        let lines = self.rest.drain(..=end).collect::<Vec<_>>();
        let lines = String::from_utf8_lossy(&lines).into_owned();
        self.crashed |= lines.contains(CRASH);
        Some(lines)
    }
}
