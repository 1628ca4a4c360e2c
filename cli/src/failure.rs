//! How a command ends when it does not succeed: what happened, what to do next, whose turn it is.

use std::fmt;
use std::process::ExitCode;

/// Whose turn it is after a failure; the exit code tells scripts the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The machine, the network or Tamis itself: exit code 1.
    Environment,
    /// What the user wrote or asked for: exit code 2, as for a wrong flag.
    User,
}

/// One failed command, as it is printed: a message in lower case, and a hint that says what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    message: String,
    hint: Option<String>,
    blame: Blame,
}

impl Failure {
    /// A failure of the machine, the network or Tamis itself.
    pub fn environment(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hint: None, blame: Blame::Environment }
    }

    /// A mistake in what the user wrote or asked for.
    pub fn user(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hint: None, blame: Blame::User }
    }

    /// The same failure with a line that says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// What the process exits with.
    pub fn exit_code(&self) -> ExitCode {
        match self.blame {
            Blame::Environment => ExitCode::from(1),
            Blame::User => ExitCode::from(2),
        }
    }

    /// The lines for standard error: `error: ...`, then `hint: ...` when there is one.
    pub fn report(&self) -> String {
        match &self.hint {
            Some(hint) => format!("error: {}\n hint: {hint}", self.message),
            None => format!("error: {}", self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_the_failure_and_the_next_step() {
        let failure = Failure::environment("no compiler").hint("install one");
        assert_eq!(failure.report(), "error: no compiler\n hint: install one");
        assert_eq!(Failure::user("bad port").report(), "error: bad port");
    }
}
