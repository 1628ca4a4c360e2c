//! Formats: where in a message there is text, and how it is written there.
//!
//! A machine takes the bytes of a message in pieces, finds the texts in it, hands them to the scan decoded, and writes what
//! stands in the place of a find encoded. Everything else stays as it is, byte by byte.
//!
//! | machine | text |
//! |---|---|
//! | [`text`] | the whole message |
//! | [`json`] | strings and numbers, with their keys; one value or several |
//! | [`form`] | the values of a form or a query, with their names |
//! | [`lines`] | newline-delimited JSON |
//! | [`events`] | server-sent events: the data of each as JSON or text |
//!
//! What turns out not to be written in its format is text from there on: masking never stops because somebody sends a bracket
//! too many.

pub mod events;
pub mod form;
pub mod json;
pub mod lines;
pub mod text;

mod codec;
mod sink;
mod value;

pub(crate) use codec::Codec;
pub use sink::{Output, Sink};
pub(crate) use value::Value;

use crate::engine::Engine;

/// The machine for a format.
#[derive(Debug, Clone)]
pub enum Machine {
    /// For text.
    Text(text::TextMachine),
    /// For JSON.
    Json(json::JsonMachine),
    /// For lines of JSON.
    Lines(lines::LinesMachine),
    /// For forms and queries.
    Form(form::FormMachine),
    /// For server-sent events.
    Events(events::EventsMachine),
}

impl Machine {
    /// For text.
    #[must_use]
    pub fn text() -> Self {
        Self::Text(text::TextMachine::default())
    }

    /// For a text that has a name, such as a header's.
    #[must_use]
    pub fn named(engine: &Engine, name: &[u8]) -> Self {
        Self::Text(text::TextMachine::named(engine, name))
    }

    /// For JSON, one value or several.
    #[must_use]
    pub fn json() -> Self {
        Self::Json(json::JsonMachine::default())
    }

    /// For newline-delimited JSON.
    #[must_use]
    pub fn lines() -> Self {
        Self::Lines(lines::LinesMachine::default())
    }

    /// For forms and queries.
    #[must_use]
    pub fn form() -> Self {
        Self::Form(form::FormMachine::default())
    }

    /// For server-sent events.
    #[must_use]
    pub fn events() -> Self {
        Self::Events(events::EventsMachine::default())
    }

    /// Takes a window: what was left over the last time, and what came since. Returns how many bytes of it are decided, and
    /// what becomes of them; of the `last` window that is everything.
    pub fn push(&mut self, engine: &Engine, window: &[u8], last: bool) -> (usize, Output) {
        let mut sink = Sink::default();
        let marks = match self {
            Self::Text(_) | Self::Form(_) => &mut engine.plan.marks(window, last),
            Self::Json(_) | Self::Lines(_) => &mut engine.plan.json_marks(window, last),
            Self::Events(_) => &mut engine.plan.quoted_marks(window, last),
        };
        let decided = match self {
            Self::Text(machine) => machine.push(engine, marks, last, &mut sink),
            Self::Json(machine) => machine.run(engine, marks, 0..window.len(), last, &mut sink),
            Self::Lines(machine) => machine.push(engine, marks, last, &mut sink),
            Self::Form(machine) => machine.push(engine, marks, last, &mut sink),
            Self::Events(machine) => machine.push(engine, marks, last, &mut sink),
        };
        (decided, sink.finish(window, decided))
    }
}
