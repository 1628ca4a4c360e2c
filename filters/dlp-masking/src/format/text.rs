//! A message that is text from its first byte to its last.

use super::{Codec, Output, Sink, Value};
use crate::engine::Engine;

/// The machine for text.
#[derive(Debug, Clone, Default)]
pub struct TextMachine(Value);

impl TextMachine {
    /// For a text that has a name, such as a header's.
    #[must_use]
    pub fn named(engine: &Engine, name: &[u8]) -> Self {
        Self(Value::named(engine, name))
    }

    /// Takes a window: what was left over the last time, and what came since. Returns how many bytes of it are decided, and
    /// what becomes of them.
    pub fn push(&mut self, engine: &Engine, window: &[u8], last: bool) -> (usize, Output) {
        let mut sink = Sink::default();
        let decided = self.0.push(engine, window, 0..window.len(), last, Codec::Plain, &mut sink);
        (decided, sink.finish(window, decided))
    }
}
