//! Server-sent events (`text/event-stream`): the data of an event is JSON if it begins so, else text; so are other lines.
//!
//! A secret that is spread over several events, a few letters in each, is not seen.

use std::ops::Range;

use super::json::JsonMachine;
use super::{Codec, Sink, Value};
use crate::engine::Engine;
use crate::marks::Marks;

/// The machine for server-sent events.
#[derive(Debug, Clone)]
pub struct EventsMachine {
    line: Line,
    /// The data of this event, if it is JSON.
    json: Option<JsonMachine>,
    /// Nothing of this event's data has come.
    fresh: bool,
    text: Value,
    /// The last line ended with a carriage return, so a line feed belongs to it.
    after_return: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Line {
    #[default]
    Start,
    Data,
    Other,
}

impl Default for EventsMachine {
    fn default() -> Self {
        Self { line: Line::Start, json: None, fresh: true, text: Value::default(), after_return: false }
    }
}

const DATA: &[u8] = b"data:";

impl EventsMachine {
    /// Takes a window: what was left over the last time, and what came since. Returns how many bytes of it are decided.
    pub(super) fn push(&mut self, engine: &Engine, marks: &mut Marks<'_>, last: bool, sink: &mut Sink) -> usize {
        let window = marks.text();
        let mut at = 0;
        loop {
            let rest = window.get(at..).unwrap_or_default();
            if self.line == Line::Start {
                match self.start(rest, last) {
                    Some(0) if self.line == Line::Start => return at,
                    Some(bytes) => at += bytes,
                    None => return at,
                }
                continue;
            }
            let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let end = length.map_or(window.len(), |length| at + length);
            let ends = length.is_some() || last;
            let decided = self.content(engine, marks, at..end, ends, sink);
            if !ends {
                return decided;
            }
            self.line = Line::Start;
            let Some(byte) = window.get(end) else { return end };
            self.after_return = *byte == b'\r';
            at = end + 1;
        }
    }

    /// The beginning of a line: how many bytes it takes, or nothing when more must come.
    fn start(&mut self, rest: &[u8], last: bool) -> Option<usize> {
        match rest {
            [] => Some(0),
            [b'\n', ..] if self.after_return => {
                self.after_return = false;
                Some(1)
            }
            [end @ (b'\n' | b'\r'), ..] => {
                self.after_return = *end == b'\r';
                (self.json, self.fresh) = (None, true);
                Some(1)
            }
            _ if rest.starts_with(DATA) => {
                let space = rest.get(DATA.len());
                if space.is_none() && !last {
                    return None;
                }
                self.begin(Line::Data);
                Some(DATA.len() + usize::from(space == Some(&b' ')))
            }
            _ if DATA.starts_with(rest) && !last => None,
            _ => {
                self.begin(Line::Other);
                Some(0)
            }
        }
    }

    fn begin(&mut self, line: Line) {
        (self.line, self.text, self.after_return) = (line, Value::default(), false);
    }

    fn content(
        &mut self,
        engine: &Engine,
        marks: &mut Marks<'_>,
        line: Range<usize>,
        ends: bool,
        sink: &mut Sink,
    ) -> usize {
        if self.line == Line::Data {
            if self.fresh && !line.is_empty() {
                self.fresh = false;
                self.json = matches!(marks.text().get(line.start), Some(b'{' | b'[')).then(JsonMachine::default);
            }
            if let Some(json) = &mut self.json {
                let decided = json.run(engine, marks, line, ends, sink);
                if ends {
                    json.end_line();
                }
                return decided;
            }
        }
        self.text.push(engine, marks, line, ends, Codec::Plain, sink)
    }
}
