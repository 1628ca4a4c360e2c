//! Newline-delimited JSON: a value on each line. A line that is no JSON is text; the next one begins anew.

use super::Sink;
use super::json::JsonMachine;
use crate::engine::Engine;
use crate::marks::Marks;

/// The machine for lines of JSON.
#[derive(Debug, Clone, Default)]
pub struct LinesMachine(JsonMachine);

impl LinesMachine {
    /// Takes a window: what was left over the last time, and what came since. Returns how many bytes of it are decided.
    pub(super) fn push(&mut self, engine: &Engine, marks: &mut Marks<'_>, last: bool, sink: &mut Sink) -> usize {
        let window = marks.text();
        let mut at = 0;
        loop {
            let line = window.get(at..).unwrap_or_default().iter().position(|byte| *byte == b'\n');
            let Some(length) = line else { return self.0.run(engine, marks, at..window.len(), last, sink) };
            self.0.run(engine, marks, at..at + length, true, sink);
            self.0.begin_anew();
            at += length + 1;
        }
    }
}
