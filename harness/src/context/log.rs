//! The proxy's log.

use std::fmt;

use super::VmContext;
use crate::abi::Status;

/// The most bytes of a message that are kept.
const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// A line's level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For whoever follows every step.
    Trace,
    /// For whoever debugs.
    Debug,
    /// Worth a line in ordinary operation.
    Info,
    /// Odd, but handled.
    Warn,
    /// Something failed.
    Error,
    /// The module cannot go on.
    Critical,
}

impl LogLevel {
    /// The level that a number stands for.
    #[must_use]
    pub const fn from_word(word: u32) -> Option<Self> {
        Some(match word {
            0 => Self::Trace,
            1 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warn,
            4 => Self::Error,
            5 => Self::Critical,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A line in the proxy's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its level.
    pub level: LogLevel,
    /// Which plugin wrote it, in Envoy's words: name, root id and VM id, what is empty left out (rule `LOG-1`). Lines that
    /// belong to no stream, as while it is configured, leave the name out too.
    pub from: String,
    /// What it says.
    pub message: String,
}

impl LogLine {
    /// How many bytes its texts have.
    pub(super) fn size(&self) -> usize {
        self.from.len() + self.message.len()
    }
}

/// As Envoy prints it.
impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] wasm log{}: {}", self.level, self.from, self.message)
    }
}

impl VmContext {
    /// `proxy_log`, and what the harness itself has to say about a guest.
    pub(crate) fn log(&mut self, level: u32, message: &[u8]) -> Result<(), Status> {
        let level = LogLevel::from_word(level).ok_or(Status::BadArgument)?;
        let from = self.plugin().map(|plugin| {
            let name = if self.stream().is_some() { plugin.name.as_str() } else { "" };
            let words = [name, &plugin.root_id, &plugin.vm_id];
            words.iter().filter(|word| !word.is_empty()).map(|word| format!(" {word}")).collect::<String>()
        });
        let kept = message.get(..MAX_MESSAGE_BYTES).unwrap_or(message);
        let message = String::from_utf8_lossy(kept).into_owned();
        self.process().log(LogLine { level, from: from.unwrap_or_default(), message });
        Ok(())
    }
}
