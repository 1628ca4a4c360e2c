//! Status words.

use std::fmt;

use tamis_core::text::{decimal, join};

/// A host function's status word. A host may answer with words that no list has, so it is a number with names.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(u32);

impl Status {
    /// It worked.
    pub const OK: Self = Self(0);
    /// There is no such thing: key, header, property, token.
    pub const NOT_FOUND: Self = Self(1);
    /// An argument is out of range, or the thing cannot be used in this phase.
    pub const BAD_ARGUMENT: Self = Self(2);
    /// A value could not be written in its wire form.
    pub const SERIALIZATION_FAILURE: Self = Self(3);
    /// A value could not be read from its wire form.
    pub const PARSE_FAILURE: Self = Self(4);
    /// An expression is not valid.
    pub const BAD_EXPRESSION: Self = Self(5);
    /// A pointer leaves the module's memory.
    pub const INVALID_MEMORY_ACCESS: Self = Self(6);
    /// A queue has nothing.
    pub const EMPTY: Self = Self(7);
    /// Somebody else wrote the shared value meanwhile.
    pub const CAS_MISMATCH: Self = Self(8);
    /// A result has another type than was asked for.
    pub const RESULT_MISMATCH: Self = Self(9);
    /// The host failed, or the call is not among the capabilities that the configuration allows (rule `CAP-1`).
    pub const INTERNAL_FAILURE: Self = Self(10);
    /// The connection to a peer broke.
    pub const BROKEN_CONNECTION: Self = Self(11);
    /// This host does not have the function.
    pub const UNIMPLEMENTED: Self = Self(12);

    /// The status that a word stands for.
    #[must_use]
    pub const fn from_word(word: u32) -> Self {
        Self(word)
    }

    /// The word.
    #[must_use]
    pub const fn word(self) -> u32 {
        self.0
    }

    fn text(self) -> String {
        join(&[self.name(), " (", &decimal(u64::from(self.0)), ")"])
    }

    const fn name(self) -> &'static str {
        match self.0 {
            0 => "ok",
            1 => "not found",
            2 => "bad argument",
            3 => "serialization failure",
            4 => "parse failure",
            5 => "bad expression",
            6 => "invalid memory access",
            7 => "empty",
            8 => "cas mismatch",
            9 => "result mismatch",
            10 => "internal failure",
            11 => "broken connection",
            12 => "unimplemented",
            _ => "unknown status",
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A host call that failed: which, and how. It holds none of the call's arguments, so it can be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostError {
    function: &'static str,
    status: Status,
}

impl HostError {
    pub(crate) const fn new(function: &'static str, status: Status) -> Self {
        Self { function, status }
    }

    /// What it says, for logs.
    pub(crate) fn text(&self) -> String {
        join(&[self.function, " answered: ", &self.status.text()])
    }

    /// What the host answered.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The function, by its name in the ABI.
    #[must_use]
    pub const fn function(&self) -> &'static str {
        self.function
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for HostError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_words_are_values() {
        assert_eq!(Status::from_word(77).to_string(), "unknown status (77)");
        assert_eq!(Status::from_word(8), Status::CAS_MISMATCH);
    }

    #[test]
    fn errors_say_which_call() {
        let error = HostError::new("proxy_get_property", Status::NOT_FOUND);
        assert_eq!(error.to_string(), "proxy_get_property answered: not found (1)");
    }
}
