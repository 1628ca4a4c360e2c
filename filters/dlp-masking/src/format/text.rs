//! A message that is text from its first byte to its last.

use super::{Codec, Sink, Value};
use crate::engine::Engine;
use crate::marks::Marks;

/// The machine for text.
#[derive(Debug, Clone, Default)]
pub struct TextMachine(Value);

impl TextMachine {
    /// For a text that has a name, such as a header's.
    #[must_use]
    pub fn named(engine: &Engine, name: &[u8]) -> Self {
        Self(Value::named(engine, name))
    }

    /// Takes a window: what was left over the last time, and what came since. Returns how many bytes of it are decided.
    pub(super) fn push(&mut self, engine: &Engine, marks: &mut Marks<'_>, last: bool, sink: &mut Sink) -> usize {
        self.0.push(engine, marks, 0..marks.text().len(), last, Codec::Plain, sink)
    }
}
