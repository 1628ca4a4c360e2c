//! Newline-delimited JSON: a value on each line. A line that is no JSON is text; the next one begins anew.

use super::json::JsonMachine;
use super::{Output, Sink};
use crate::engine::Engine;

/// The machine for lines of JSON.
#[derive(Debug, Clone, Default)]
pub struct LinesMachine(JsonMachine);

impl LinesMachine {
    /// Takes a window: what was left over the last time, and what came since. Returns how many bytes of it are decided, and
    /// what becomes of them.
    pub fn push(&mut self, engine: &Engine, window: &[u8], last: bool) -> (usize, Output) {
        let mut sink = Sink::default();
        let mut at = 0;
        let decided = loop {
            let line = window.get(at..).unwrap_or_default().iter().position(|byte| *byte == b'\n');
            let Some(length) = line else { break self.0.run(engine, window, at, window.len(), last, &mut sink) };
            self.0.run(engine, window, at, at + length, true, &mut sink);
            self.0.begin_anew();
            at += length + 1;
        };
        (decided, sink.finish(window, decided))
    }
}
