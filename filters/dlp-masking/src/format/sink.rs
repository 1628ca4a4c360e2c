//! What becomes of the bytes of a window.

use std::ops::Range;

/// Collects what goes on instead of a window's bytes. Nothing is copied before something changes.
#[derive(Debug, Default)]
pub struct Sink {
    out: Vec<u8>,
    /// How much of the window is in `out` already.
    copied: usize,
    changed: bool,
    finds: Vec<usize>,
}

/// What came of a window.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// What goes on instead of the bytes that were decided; nothing when they go on as they are.
    pub changed: Option<Vec<u8>>,
    /// The rules that something was found for, once for each find.
    pub finds: Vec<usize>,
}

impl Sink {
    /// Puts what is written in the place of some bytes of the window.
    pub(crate) fn replace(&mut self, window: &[u8], span: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        if self.out.capacity() == 0 {
            // What stands for a thing is about as long as the thing.
            self.out.reserve(window.len() + window.len() / 16);
        }
        self.keep(window, span.start);
        write(&mut self.out);
        self.copied = span.end;
        self.changed = true;
    }

    /// Counts a find of a rule.
    pub(crate) fn found(&mut self, rule: usize) {
        self.finds.push(rule);
    }

    fn keep(&mut self, window: &[u8], to: usize) {
        self.out.extend_from_slice(window.get(self.copied..to).unwrap_or_default());
        self.copied = self.copied.max(to);
    }

    /// Ends with a window of which so many bytes are decided.
    #[must_use]
    pub fn finish(mut self, window: &[u8], decided: usize) -> Output {
        if self.changed {
            self.keep(window, decided);
        }
        Output { changed: self.changed.then_some(self.out), finds: self.finds }
    }
}
