//! One text, wherever it stands.

use std::ops::Range;

use super::{Codec, Sink};
use crate::context::Topics;
use crate::engine::Engine;
use crate::entity::Finding;
use crate::marks::Marks;
use crate::mask::Progress;
use crate::scan::Scan;

/// A text under way: what the scan remembers, and a token that goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Value {
    scan: Scan,
    key: Topics,
    progress: Progress,
    /// Bytes of the next character that are decided already.
    within: usize,
}

impl Value {
    /// A text whose key says this of it.
    pub fn about(key: Topics) -> Self {
        Self { key, ..Self::default() }
    }

    /// A text that is masked whatever it says.
    pub fn secret(rule: usize) -> Self {
        Self { scan: Scan::whole(rule), ..Self::default() }
    }

    /// The value of something that has a name.
    #[inline(always)]
    pub fn named(engine: &Engine, name: &[u8]) -> Self {
        engine.plan.rule_of_name(name).map_or_else(|| Self::about(Topics::of(name)), Self::secret)
    }

    /// Looks at what of the text is in a part of the window; returns up to where it is decided.
    pub fn push(
        &mut self,
        engine: &Engine,
        marks: &mut Marks<'_>,
        Range { start, end }: Range<usize>,
        last: bool,
        codec: Codec,
        sink: &mut Sink,
    ) -> usize {
        let window = marks.text();
        let mut found = Vec::new();
        if !codec.has_escapes(marks, start..end) {
            let decided = engine.plan.scan_part(&mut self.scan, marks, start..end, last, self.key, &mut found);
            for find in &found {
                let (from, to) = (start + find.start, start + find.end);
                let part = window.get(from..to).unwrap_or_default();
                self.replace(engine, find, part, codec, window, from..to, sink);
            }
            return start + decided;
        }
        let mut decoded = codec.decode(window.get(..end).unwrap_or_default(), start, last);
        let within = self.within.min(decoded.text.len());
        let text = std::mem::take(&mut decoded.text);
        let last = last && decoded.read == end;
        let part = text.get(within..).unwrap_or_default();
        let decided = engine.plan.scan(&mut self.scan, part, last, self.key, &mut found);
        for find in &found {
            let (from, to) = (find.start + within, find.end + within);
            // What came of the first part of a character has taken all of it.
            let start = decoded.start(from).max(if from == within && within > 0 { decoded.end(within) } else { 0 });
            let span = start..decoded.end(to).max(start);
            self.replace(engine, find, text.get(from..to).unwrap_or_default(), codec, window, span, sink);
        }
        let decided = decided + within;
        self.within = if last { 0 } else { decoded.within(decided) };
        if last { end } else { decoded.start(decided) }
    }

    #[allow(clippy::too_many_arguments, reason = "a find, its text, and where it stands")]
    fn replace(
        &mut self,
        engine: &Engine,
        find: &Finding,
        text: &[u8],
        codec: Codec,
        window: &[u8],
        span: Range<usize>,
        sink: &mut Sink,
    ) {
        let (mask, name, key) = (engine.mask(find.rule), engine.name(find.rule), engine.key.as_ref());
        let progress = &mut self.progress;
        let mut plain = |out: &mut Vec<u8>| {
            if codec == Codec::Number {
                mask.number(text, find.whole, key, out);
            } else if find.whole {
                mask.whole(text, name, key, out);
            } else {
                mask.piece(text, find.begins, find.ends, name, key, progress, out);
            }
        };
        if find.begins {
            sink.found(find.rule);
        }
        sink.replace(window, span, |out| {
            if codec == Codec::Plain {
                return plain(out);
            }
            let mut text = Vec::new();
            plain(&mut text);
            codec.encode(&text, out);
        });
    }
}
