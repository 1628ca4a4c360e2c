//! Messages that are JSON: strings and numbers are texts, each with the key that it belongs to.
//!
//! The machine knows where it is and nothing more: no value is kept. A key is read as a whole, so at most [`KEY`] bytes of it
//! wait; a longer one is nobody's name. Numbers of more than [`NUMBER`] bytes go on as they are. Keys are not masked.
//!
//! Several values may follow one another. What is no JSON is text from there on.

use std::ops::Range;

use tamis::json;

use super::{Codec, Sink, Value};
use crate::context::Topics;
use crate::engine::Engine;
use crate::marks::Marks;
use crate::scan::HOLD_BACK;
use crate::scope::{Led, Place};

/// The longest key that is read, in bytes as it is written.
const KEY: usize = 512;
/// The longest number that is looked at, in bytes.
const NUMBER: usize = 64;
/// The most bytes of a message that wait: text that waits may be written with six bytes for each.
pub const MAX_HELD: usize = 6 * HOLD_BACK + KEY;

/// The machine for JSON.
#[derive(Debug, Clone, Default)]
pub struct JsonMachine {
    at: At,
    /// The arrays and objects around the place.
    around: Vec<Around>,
    /// What is known of the value that comes or is read.
    here: Here,
    value: Value,
    keys: Keys,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    /// Before a value; an array may end instead.
    #[default]
    Value,
    /// Before a key; an object may end instead.
    Key,
    Colon,
    /// Behind a value.
    After,
    /// In a string that is a text.
    String,
    /// In a string that is none.
    Skipped,
    /// In a key that is too long.
    LongKey,
    LongNumber,
    /// Where nothing is JSON any more.
    Text,
}

/// An array or an object.
#[derive(Debug, Clone, Copy)]
struct Around {
    is_object: bool,
    /// Its own place, and what its items inherit.
    here: Here,
    index: usize,
}

/// What is known of a value by the way to it.
#[derive(Debug, Clone, Copy, Default)]
struct Here {
    topics: Topics,
    secret: Option<usize>,
    place: Place,
}

impl JsonMachine {
    /// Takes a part of a window, as the last one of a message or not; returns up to where it is decided.
    pub(super) fn run(
        &mut self,
        engine: &Engine,
        marks: &mut Marks<'_>,
        part: Range<usize>,
        last: bool,
        sink: &mut Sink,
    ) -> usize {
        let window = marks.text().get(..part.end).unwrap_or_default();
        let mut at = part.start;
        loop {
            // A text may still have an end to be told.
            let untold = last && matches!(self.at, At::String | At::Text);
            if at == part.end && !untold {
                return at;
            }
            if matches!(self.at, At::Key | At::Value | At::After) {
                at = self.simple(engine, window, marks, at);
                if at == part.end {
                    continue;
                }
            }
            let step = match self.at {
                At::Value | At::Colon | At::After => self.between(engine, window, marks, at, last, sink),
                At::Key => self.key(engine, window, marks, at, last),
                At::String => self.string(engine, window, marks, at, last, sink),
                At::Skipped => self.skip_string(window, marks, at, last, At::After),
                At::LongKey => self.skip_string(window, marks, at, last, At::Colon),
                At::LongNumber => self.long_number(window, at),
                At::Text => {
                    marks.take_text();
                    return self.value.push(engine, marks, at..part.end, last, Codec::Plain, sink);
                }
            };
            match step {
                Step::To(next) => at = next,
                Step::Wait(decided) => return decided,
            }
        }
    }

    /// What most of a message is: keys, strings in which there is nothing, and commas between them, as far as all of them are
    /// here. Returns where something else comes.
    #[inline(always)]
    fn simple(&mut self, engine: &Engine, window: &[u8], marks: &mut Marks<'_>, mut at: usize) -> usize {
        while let Some(byte) = window.get(at) {
            match (self.at, byte) {
                (At::Key, b'"') => {
                    if let Some(length) = self.keys.expected(window.get(at + 1..).unwrap_or_default()) {
                        self.known_name(engine);
                        self.at = At::Value;
                        at += length + 3;
                        continue;
                    }
                    let Some(end) = marks.quote(at + 1, window.len().min(at + 1 + KEY)) else { return at };
                    if window.get(end) != Some(&b'"') || window.get(end + 1) != Some(&b':') {
                        return at;
                    }
                    self.name(engine, window.get(at + 1..end).unwrap_or_default());
                    self.at = At::Value;
                    at = end + 2;
                }
                (At::Value, b'"') if !self.around.is_empty() => {
                    let Some(end) = self.plain_string(engine, window, marks, at + 1) else { return at };
                    self.at = At::After;
                    at = end + 1;
                }
                (At::After, b',') if !self.around.is_empty() => {
                    self.next_item(engine);
                    at += 1;
                }
                _ => return at,
            }
        }
        at
    }

    /// Forgets everything: the next value is the first one.
    pub(super) fn begin_anew(&mut self) {
        self.at = At::Value;
        self.around.clear();
    }

    /// Goes on with what has nothing to do with the text before, where that was no JSON.
    pub(super) fn end_line(&mut self) {
        if self.at == At::Text {
            self.value = Value::default();
        }
    }

    /// Outside of strings, keys and numbers.
    fn between(
        &mut self,
        engine: &Engine,
        window: &[u8],
        marks: &mut Marks<'_>,
        at: usize,
        last: bool,
        sink: &mut Sink,
    ) -> Step {
        let Some(byte) = window.get(at).copied() else { return Step::Wait(at) };
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return Step::To(at + 1);
        }
        match (self.at, byte) {
            (At::Colon, b':') => self.at = At::Value,
            (At::After, b',') if !self.around.is_empty() => self.next_item(engine),
            (At::After | At::Value, b']') if self.is_in(false) => self.leave(),
            (At::After, b'}') if self.is_in(true) => self.leave(),
            // Several values; in a sequence (RFC 7464) each begins with a record separator. A byte order mark is no value.
            (At::After | At::Value, 0x1e | 0xef | 0xbb | 0xbf) if self.around.is_empty() => {}
            (At::After, _) if self.around.is_empty() => {
                self.at = At::Value;
                return Step::To(at);
            }
            (At::Value, _) => return self.value(engine, window, marks, at, last, sink),
            _ => return self.no_json(at),
        }
        Step::To(at + 1)
    }

    fn value(
        &mut self,
        engine: &Engine,
        window: &[u8],
        marks: &mut Marks<'_>,
        at: usize,
        last: bool,
        sink: &mut Sink,
    ) -> Step {
        if self.around.is_empty() {
            self.here = Here { place: engine.scope.root(), ..Here::default() };
        }
        let is_meant = engine.scope.has(self.here.place);
        match window.get(at) {
            Some(b'{' | b'[') if self.around.len() >= json::MAX_DEPTH as usize => return self.no_json(at),
            Some(b'{') => {
                self.around.push(Around { is_object: true, here: self.here, index: 0 });
                self.at = At::Key;
            }
            Some(b'[') => {
                self.around.push(Around { is_object: false, here: self.here, index: 0 });
                self.item(engine, 0);
                self.at = At::Value;
            }
            Some(b'"') => {
                if let Some(end) = self.plain_string(engine, window, marks, at + 1) {
                    self.at = At::After;
                    return Step::To(end + 1);
                }
                self.at = if is_meant { At::String } else { At::Skipped };
                self.begin();
            }
            Some(b'-' | b'0'..=b'9') => return self.number(engine, window, marks, at, last, is_meant, sink),
            Some(b't' | b'f' | b'n') => return self.word(window, at, last),
            _ => return self.no_json(at),
        }
        Step::To(at + 1)
    }

    /// The end of a string that is here as a whole, without escapes, and in which there is nothing to look at.
    #[inline(always)]
    fn plain_string(&self, engine: &Engine, window: &[u8], marks: &mut Marks<'_>, at: usize) -> Option<usize> {
        let end = marks.quote(at, window.len()).filter(|end| window.get(*end) == Some(&b'"'))?;
        let is_meant = engine.scope.has(self.here.place);
        (!is_meant || self.here.secret.is_none() && marks.stop(at, end).is_none()).then_some(end)
    }

    /// A text begins here.
    #[inline(always)]
    fn begin(&mut self) {
        self.value = self.here.secret.map_or_else(|| Value::about(self.here.topics), Value::secret);
    }

    fn string(
        &mut self,
        engine: &Engine,
        window: &[u8],
        marks: &mut Marks<'_>,
        at: usize,
        last: bool,
        sink: &mut Sink,
    ) -> Step {
        let (end, closed) = end_of_string(window, marks, at);
        let end = if closed || last { end.min(window.len()) } else { window.len() };
        let ends = closed || last;
        let decided = self.value.push(engine, marks, at..end, ends, Codec::Json, sink);
        if !ends {
            return Step::Wait(decided);
        }
        self.at = At::After;
        Step::To(decided + usize::from(closed))
    }

    fn skip_string(&mut self, window: &[u8], marks: &mut Marks<'_>, at: usize, last: bool, then: At) -> Step {
        let (end, closed) = end_of_string(window, marks, at);
        if closed {
            self.at = then;
            return Step::To(end + 1);
        }
        // What a last backslash escapes has not come.
        if last { Step::To(window.len()) } else { Step::Wait(end.min(window.len())) }
    }

    fn key(&mut self, engine: &Engine, window: &[u8], marks: &mut Marks<'_>, at: usize, last: bool) -> Step {
        match window.get(at) {
            Some(b' ' | b'\t' | b'\n' | b'\r') => return Step::To(at + 1),
            Some(b'}') if self.around.last().is_some_and(|around| around.index == 0) => {
                self.leave();
                return Step::To(at + 1);
            }
            Some(b'"') => {}
            _ => return self.no_json(at),
        }
        let here = window.get(..window.len().min(at + 1 + KEY)).unwrap_or_default();
        let (end, closed) = end_of_string(here, marks, at + 1);
        if closed {
            self.name(engine, here.get(at + 1..end).unwrap_or_default());
            self.at = At::Colon;
            return Step::To(end + 1);
        }
        if here.len() < at + 1 + KEY {
            return if last { self.no_json(at) } else { Step::Wait(at) };
        }
        self.here = Here::default();
        if let Some(around) = self.around.last() {
            self.here.place = engine.scope.member(around.here.place, self.around.len() - 1, "\u{fffd}".as_bytes());
        }
        self.at = At::LongKey;
        Step::To(at + 1)
    }

    /// What a key says of its value.
    fn name(&mut self, engine: &Engine, raw: &[u8]) {
        let says = |key: &[u8]| (Topics::of(key), engine.plan.rule_of_name(key));
        if self.keys.find(raw, || says(json::decoded(raw).as_bytes())).is_some() {
            return self.known_name(engine);
        }
        let key = json::decoded(raw);
        (self.here.topics, self.here.secret) = says(key.as_bytes());
        if let Some(around) = self.around.last() {
            self.here.place = engine.scope.member(around.here.place, self.around.len() - 1, key.as_bytes());
        }
    }

    /// What the latest of the known keys says of its value.
    #[inline(always)]
    fn known_name(&mut self, engine: &Engine) {
        let Some(known) = self.keys.known.get_mut(self.keys.latest) else { return };
        (self.here.topics, self.here.secret) = known.says;
        let Some(around) = self.around.last().filter(|_| !engine.scope.is_everything()) else { return };
        let (place, depth) = (around.here.place, self.around.len() - 1);
        self.here.place = if place.is_on_the_way() {
            known.led.on(place, depth).unwrap_or_else(|| {
                let to = engine.scope.member(place, depth, json::decoded(&known.key).as_bytes());
                known.led = place.led(depth, to);
                to
            })
        } else {
            place
        };
    }

    /// An item of the innermost array.
    fn item(&mut self, engine: &Engine, index: usize) {
        let Some(around) = self.around.last_mut() else { return };
        around.index = index;
        self.here = around.here;
        if !engine.scope.is_everything() {
            self.here.place = engine.scope.item(around.here.place, self.around.len() - 1, index);
        }
    }

    #[inline(always)]
    fn next_item(&mut self, engine: &Engine) {
        let Some(around) = self.around.last_mut() else { return };
        if around.is_object {
            around.index = 1;
            self.at = At::Key;
        } else {
            let index = around.index + 1;
            self.item(engine, index);
            self.at = At::Value;
        }
    }

    #[inline(always)]
    fn is_in(&self, object: bool) -> bool {
        let nothing_missing = self.at == At::After || self.around.last().is_some_and(|around| around.index == 0);
        nothing_missing && self.around.last().is_some_and(|around| around.is_object == object)
    }

    fn leave(&mut self) {
        self.around.pop();
        self.at = At::After;
    }

    #[allow(clippy::too_many_arguments, reason = "a place in a window, and what becomes of it")]
    fn number(
        &mut self,
        engine: &Engine,
        window: &[u8],
        marks: &mut Marks<'_>,
        at: usize,
        last: bool,
        is_meant: bool,
        sink: &mut Sink,
    ) -> Step {
        let length = numeric(window, at, NUMBER + 1);
        if length > NUMBER {
            self.at = At::LongNumber;
            return Step::To(at);
        }
        if at + length == window.len() && !last {
            return Step::Wait(at);
        }
        let end = at + length;
        if is_meant && (self.here.secret.is_some() || marks.is_cut(at) || marks.stop(at, end).is_some()) {
            self.begin();
            self.value.push(engine, marks, at..end, true, Codec::Number, sink);
        }
        self.at = At::After;
        Step::To(at + length)
    }

    fn long_number(&mut self, window: &[u8], at: usize) -> Step {
        let end = at + numeric(window, at, usize::MAX);
        if end < window.len() {
            self.at = At::After;
        }
        Step::To(end)
    }

    fn word(&mut self, window: &[u8], at: usize, last: bool) -> Step {
        let rest = window.get(at..).unwrap_or_default();
        for word in ["true", "false", "null"] {
            if rest.starts_with(word.as_bytes()) {
                self.at = At::After;
                return Step::To(at + word.len());
            }
            if !last && word.as_bytes().starts_with(rest) {
                return Step::Wait(at);
            }
        }
        self.no_json(at)
    }

    fn no_json(&mut self, at: usize) -> Step {
        self.at = At::Text;
        self.value = Value::default();
        Step::To(at)
    }
}

/// What the last keys said of their values: a message has the same ones again and again, mostly in the same order.
#[derive(Debug, Clone, Default)]
struct Keys {
    known: Vec<Known>,
    /// The place of the key that came last.
    latest: usize,
}

#[derive(Debug, Clone, Default)]
struct Known {
    key: Box<[u8]>,
    says: (Topics, Option<usize>),
    /// Where it led the last time.
    led: Led,
    /// The place of the key that came behind it the last time.
    next: usize,
}

impl Keys {
    const COUNT: usize = 64;
    /// The places that a key may have, one behind the other.
    const PLACES: usize = 4;
    /// The longest key that is remembered, in bytes.
    const LONGEST: usize = 64;

    /// The key that a text begins with, if it is the one that came behind the latest one the last time: with the quote that ends
    /// it, and a colon.
    #[inline(always)]
    fn expected(&mut self, text: &[u8]) -> Option<usize> {
        let place = self.known.get(self.latest)?.next;
        let known = self.known.get(place)?;
        let (key, behind) = text.split_at_checked(known.key.len())?;
        if !behind.starts_with(b"\":") || key.is_empty() || !same(&known.key, key) {
            return None;
        }
        self.latest = place;
        Some(key.len())
    }

    /// What is known of a key that may be remembered; `says` tells it of one that is not known yet.
    fn find(&mut self, key: &[u8], says: impl FnOnce() -> (Topics, Option<usize>)) -> Option<&mut Known> {
        if !(1..=Self::LONGEST).contains(&key.len()) {
            return None;
        }
        if self.known.is_empty() {
            self.known.resize(Self::COUNT, Known::default());
        }
        let first = Self::place(key);
        let mut places = (first..first + Self::PLACES).map(|place| place % Self::COUNT);
        let at = |place: usize| self.known.get(place).map_or(&[][..], |known| &known.key);
        let has = places.clone().find(|place| same(at(*place), key));
        let free = || places.find(|place| at(*place).is_empty()).unwrap_or(first);
        let place = has.unwrap_or_else(free);
        if let Some(known) = self.known.get_mut(place).filter(|_| has.is_none()) {
            *known = Known { key: key.into(), says: says(), ..Known::default() };
        }
        if let Some(latest) = self.known.get_mut(self.latest) {
            latest.next = place;
        }
        self.latest = place;
        self.known.get_mut(place)
    }

    /// By its length and four of its bytes.
    #[inline(always)]
    fn place(key: &[u8]) -> usize {
        let byte = |at: usize| key.get(at).copied().map_or(0, u32::from);
        let last = key.len().saturating_sub(1);
        let bytes = byte(0) | byte(key.len() / 2) << 8 | byte(last) << 16 | byte(last.saturating_sub(1)) << 24;
        ((bytes ^ (key.len() as u32) << 5).wrapping_mul(0x9e37_79b1) >> 26) as usize % Self::COUNT
    }
}

/// Whether two short texts are the same: eight bytes at a time, where a module's own comparison goes byte by byte.
#[inline(always)]
fn same(one: &[u8], other: &[u8]) -> bool {
    let ((ones, rest), (others, other_rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    one.len() == other.len()
        && ones.iter().zip(others).all(|(one, other)| u64::from_le_bytes(*one) == u64::from_le_bytes(*other))
        && rest.iter().zip(other_rest).all(|(one, other)| one == other)
}

enum Step {
    /// The place is here now.
    To(usize),
    /// More must come; everything before this is decided.
    Wait(usize),
}

/// Where a string ends whose text goes on at `at`, and whether its quote is here. Without it, where the first byte is that
/// cannot be judged: a backslash at the end, or the end.
#[inline(always)]
fn end_of_string(window: &[u8], marks: &mut Marks<'_>, mut at: usize) -> (usize, bool) {
    loop {
        match marks.quote(at, window.len()) {
            None => return (window.len(), false),
            Some(quote) if window.get(quote) == Some(&b'"') => return (quote, true),
            Some(backslash) if backslash + 1 >= window.len() => return (backslash, false),
            Some(backslash) => at = backslash + 2,
        }
    }
}

#[inline(always)]
fn numeric(window: &[u8], at: usize, max: usize) -> usize {
    let is_part = |byte: &&u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    window.get(at..).unwrap_or_default().iter().take(max).take_while(is_part).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Mask;
    use crate::plan::Plan;

    #[test]
    fn what_marks_leave_out_in_strings_is_nothing() {
        let plan = Plan::everything();
        let masks = vec![Mask::Label; plan.rules().len()];
        let engine = Engine { plan, masks, ..Engine::default() };
        let texts =
            ["password=x1", "\"pwd\": x2", ":x", "::1 fe80::2", "token: x3", "api_key:\"x4", "secret\" :x5", "a\":b"];
        let mut finds = 0;
        for one in texts {
            for other in texts {
                // Two strings, and what is no JSON behind them.
                let strings = [one, other].map(|text| serde_json::to_string(text).unwrap());
                let message =
                    format!("{{{}:{},\"password\":{}}} \"secret\":\"{one}{other}", strings[0], strings[1], strings[0]);
                let run = |marks: &mut Marks<'_>| {
                    let mut sink = Sink::default();
                    JsonMachine::default().run(&engine, marks, 0..message.len(), true, &mut sink);
                    sink.finish(message.as_bytes(), message.len())
                };
                let of_json = run(&mut engine.plan.json_marks(message.as_bytes(), true));
                assert_eq!(of_json, run(&mut engine.plan.quoted_marks(message.as_bytes(), true)), "{message}");
                finds += of_json.finds.len();
            }
        }
        assert!(finds > 100, "{finds}");
    }
}
