//! Colours, where there is somebody to see them.

/// Whether to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Paint {
    /// No: for files, and for whoever sets `NO_COLOR`.
    #[default]
    Plain,
    /// Yes.
    Colour,
}

impl Paint {
    /// What is as it should be.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// What is not.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// What was not looked at.
    #[must_use]
    pub fn quiet(self, text: &str) -> String {
        self.with("2", text)
    }

    /// A line of a comparison: one that is gone starts with `-`, one that is new with `+`.
    pub(super) fn change(self, line: &str) -> String {
        match line.trim_start().as_bytes().first() {
            Some(b'-') => self.good(line),
            Some(b'+') => self.bad(line),
            _ => line.to_owned(),
        }
    }

    fn with(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
