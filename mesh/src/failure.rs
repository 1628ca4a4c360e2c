//! Why a check, or the whole run, could not go on.

use std::fmt;

/// A message in lower case; whether the user has interrupted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    message: String,
    interrupted: bool,
}

impl Failure {
    /// What went wrong.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), interrupted: false }
    }

    /// Ctrl-C.
    pub fn interrupt() -> Self {
        Self { message: "interrupted; everything that was started is stopped".to_owned(), interrupted: true }
    }

    /// Whether nothing more should be tried.
    pub fn is_interrupt(&self) -> bool {
        self.interrupted
    }
}

/// Names what was tried in front of what the system said.
pub fn cannot<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Failure {
    move |error| Failure::new(format_args!("cannot {what}: {error}"))
}
