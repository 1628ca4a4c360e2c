//! Forms (`application/x-www-form-urlencoded`) and queries: values with their names.
//!
//! A name is read as a whole, so at most [`NAME`] bytes of it wait; a longer one is text. A name without `=` is text as well.

use tamis::views::percent_decoded;

use super::{Codec, Sink, Value};
use crate::engine::Engine;
use crate::marks::Marks;

/// The longest name that is read, in bytes as it is written.
const NAME: usize = 256;

/// The machine for forms.
#[derive(Debug, Clone, Default)]
pub struct FormMachine {
    /// The value that is read, behind its name.
    value: Option<Value>,
}

impl FormMachine {
    /// Takes a window: what was left over the last time, and what came since. Returns how many bytes of it are decided.
    pub(super) fn push(&mut self, engine: &Engine, marks: &mut Marks<'_>, last: bool, sink: &mut Sink) -> usize {
        let window = marks.text();
        let mut at = 0;
        loop {
            let rest = window.get(at..).unwrap_or_default();
            let Some(value) = &mut self.value else {
                match rest.iter().take(NAME).position(|byte| matches!(byte, b'=' | b'&')) {
                    Some(length) if rest.get(length) == Some(&b'=') => {
                        self.value =
                            Some(Value::named(engine, &percent_decoded(rest.get(..length).unwrap_or_default())));
                        at += length + 1;
                    }
                    None if rest.len() < NAME && !last => return at,
                    None if rest.is_empty() => return at,
                    _ => self.value = Some(Value::default()),
                }
                continue;
            };
            let length = rest.iter().position(|byte| *byte == b'&');
            let end = length.map_or(window.len(), |length| at + length);
            let ends = length.is_some() || last;
            let decided = value.push(engine, marks, at..end, ends, Codec::Form, sink);
            if !ends {
                return decided;
            }
            self.value = None;
            if length.is_none() {
                return end;
            }
            at = end + 1;
        }
    }
}
