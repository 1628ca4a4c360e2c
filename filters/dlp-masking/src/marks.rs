//! Where in a text something may be: a bit for each byte, made sixteen bytes at a time.
//!
//! Most bytes that a detector would have to stop at are nothing, and the few bytes around them say so. What can be told from
//! these alone is told here, for all detectors at once: first of what kind each byte is ([`planes`], [`fragments`]), then where
//! the kinds of neighbours leave something possible ([`rules`]). A mark says that a detector has to look;
//! where there is none, no detector would find anything that it is asked for at this byte. So marks change what a scan costs,
//! and never what it finds.
//!
//! Marks are made for a whole window, in which a text may be a part. Its neighbours stand for nothing then: what a detector
//! needs to be *there* must be in the text itself, and what must *not* be there is a digit behind a number, which no text of
//! any format has behind its end, or before it four digits and a separator, with which no format ends what is before a text, or a
//! letter: where a text begins behind a letter, its first byte is looked at in any case ([`Marks::is_cut`]).

mod fragments;
mod lanes;
mod planes;
mod rules;
mod set;
mod tails;

use fragments::Fragments;
pub(crate) use lanes::Table;
use planes::{Parts, Planes};
use rules::Block;
pub(crate) use set::{add, may_have};
pub(crate) use tails::Tails;

use crate::view::is_word;

/// How many bytes are marked at a time.
const SPAN: usize = 2048;
const WORDS: usize = SPAN / 64;
/// How many of these words are kept when the next bytes are marked.
const KEPT: usize = 8;
/// How many bytes at the end of a window are marked by what they are alone, while more may come: more than any mark depends on.
const COARSE: usize = 40;

/// What marks are made for.
#[derive(Debug, Clone)]
pub(crate) struct Finder {
    /// What each byte alone may be: not 0 where something looks at it.
    pub flags: [u8; 256],
    /// The tables of kinds, where a compiler does not know them: as constants they would be made anew for every sixteen bytes.
    kinds: [Table; 2],
    pub fragments: Fragments,
    /// Numbers in groups, with spaces, dashes and dots, and in a row.
    pub groups: bool,
    /// Not of cards alone.
    pub persons: bool,
    pub dotted: bool,
    pub phone: bool,
    pub iban: bool,
    pub mail: bool,
    pub colons: bool,
    /// The last three letters of names, where values behind names are looked for: the last one first.
    pub names: Option<Tails>,
    /// Bytes of words and expressions, which are looked at wherever they are.
    pub bytes: Option<[Table; 2]>,
}

impl Default for Finder {
    fn default() -> Self {
        Self {
            flags: [0; 256],
            kinds: planes::TABLES,
            fragments: Fragments::default(),
            groups: false,
            persons: false,
            dotted: false,
            phone: false,
            iban: false,
            mail: false,
            colons: false,
            names: None,
            bytes: None,
        }
    }
}

impl Finder {
    /// Whether it takes more than the digits of cards.
    fn is_more(&self) -> bool {
        self.dotted || self.phone || self.iban || self.mail || self.colons || self.names.is_some()
    }
}

/// The marks of a window, made as far as they are asked for.
pub(crate) struct Marks<'w> {
    finder: &'w Finder,
    text: &'w [u8],
    /// Nothing comes behind the window.
    complete: bool,
    /// Whether quotes and backslashes are marked as well, by themselves.
    quoted: bool,
    /// Whether texts are strings of JSON, and none has a quote that is not escaped.
    strings: bool,
    /// The first byte that is marked, and the one behind the last.
    from: usize,
    to: usize,
    /// Every byte that may be something is marked.
    #[cfg(test)]
    everywhere: bool,
    stops: [u64; WORDS],
    quotes: [u64; WORDS],
    planes: Planes,
}

impl<'w> Marks<'w> {
    /// Of a window, behind which there is nothing more, or is.
    pub fn new(finder: &'w Finder, text: &'w [u8], complete: bool) -> Self {
        let (stops, quotes) = ([0; WORDS], [0; WORDS]);
        Self {
            finder,
            text,
            complete,
            quoted: false,
            strings: false,
            from: 0,
            to: 0,
            #[cfg(test)]
            everywhere: false,
            stops,
            quotes,
            planes: Planes::NONE,
        }
    }

    /// The same, for a window of JSON.
    pub fn quoted(finder: &'w Finder, text: &'w [u8], complete: bool) -> Self {
        let mut marks = Self::new(finder, text, complete);
        marks.quoted = true;
        marks
    }

    /// Of JSON without any text but its strings, until [`Self::take_text`].
    pub fn strings(finder: &'w Finder, text: &'w [u8], complete: bool) -> Self {
        let mut marks = Self::quoted(finder, text, complete);
        marks.strings = true;
        marks
    }

    /// Texts may have quotes from here on.
    pub fn take_text(&mut self) {
        if self.strings {
            self.strings = false;
            self.to = self.from;
        }
    }

    /// What is marked.
    pub fn text(&self) -> &'w [u8] {
        self.text
    }

    /// The next byte that has to be looked at, from `at` on and before `end`.
    #[inline(always)]
    pub fn stop(&mut self, at: usize, end: usize) -> Option<usize> {
        self.next::<false>(at, end)
    }

    /// The next quote or backslash.
    #[inline(always)]
    pub fn quote(&mut self, at: usize, end: usize) -> Option<usize> {
        self.next::<true>(at, end)
    }

    /// Whether a text that begins here begins behind a letter or digit, which the marks have taken for a part of it.
    #[inline]
    pub fn is_cut(&self, start: usize) -> bool {
        start.checked_sub(1).and_then(|before| self.text.get(before)).is_some_and(|byte| is_word(*byte))
    }

    #[inline(always)]
    fn next<const QUOTE: bool>(&mut self, mut at: usize, end: usize) -> Option<usize> {
        let end = end.min(self.text.len());
        while at < end {
            if at < self.from || at >= self.to {
                self.mark(at & !63);
            }
            let place = at - self.from;
            let words = if QUOTE { &self.quotes } else { &self.stops };
            let bits = words.get(place / 64)? & (u64::MAX << (place % 64));
            let word = at - place % 64;
            if bits != 0 {
                let found = word + bits.trailing_zeros() as usize;
                return (found < end).then_some(found);
            }
            at = word + 64;
        }
        None
    }

    /// Marks as many bytes as there is room for, from a multiple of 64 on. What is before them is kept for a while: who has
    /// looked for the end of something comes back.
    #[inline(never)]
    fn mark(&mut self, from: usize) {
        let mut done = 0;
        if from == self.to && self.to - self.from == SPAN {
            done = KEPT;
            self.stops.copy_within(WORDS - KEPT.., 0);
            self.quotes.copy_within(WORDS - KEPT.., 0);
        }
        self.from = from - done * 64;
        let (finder, text, complete, strings) = (self.finder, self.text, self.complete, self.strings);
        let blocks = (text.len() - from).div_ceil(64).min(WORDS - done);
        // What a block is depends on the next one.
        let parts = Parts::new(text, from, (blocks + 1) * 64);
        self.planes.read(&parts, &finder.kinds, finder.is_more(), self.quoted);
        if !finder.fragments.is_empty() {
            finder.fragments.read(&parts, &mut self.planes.nothing);
        }
        if let Some(bytes) = &finder.bytes {
            self.planes.read_own(&parts, bytes);
        }
        let words = self.stops.iter_mut().zip(&mut self.quotes).skip(done).take(blocks);
        for (number, (stops, quotes)) in words.enumerate() {
            let block = Block { finder, planes: &self.planes, text, complete, strings, at: from + number * 64, number };
            *stops = block.stops();
            *quotes = self.planes.quotes.block(number);
            if finder.bytes.is_some() {
                *stops |= self.planes.own.block(number);
            }
        }
        self.to = (from + blocks * 64).min(text.len());
        self.coarse();
    }

    /// What depends on bytes that have not come is looked at.
    fn coarse(&mut self) {
        #[cfg(test)]
        if self.everywhere {
            return self.coarse_from(self.from);
        }
        if self.complete || self.to < self.text.len() {
            return;
        }
        self.coarse_from(self.text.len().saturating_sub(COARSE).max(self.from));
    }

    fn coarse_from(&mut self, start: usize) {
        for (at, byte) in self.text.iter().enumerate().take(self.to).skip(start) {
            let flags = self.finder.flags.get(usize::from(*byte)).copied().unwrap_or(0);
            let place = at - self.from;
            if let Some(word) = self.stops.get_mut(place / 64).filter(|_| flags != 0) {
                *word |= 1 << (place % 64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Topics;
    #[cfg(feature = "full")]
    use crate::detect::pattern::Pattern;
    use crate::plan::{Plan, Rule};
    use crate::scan::Scan;

    /// Everything that is built in, a word and an expression.
    fn plan() -> Plan {
        let mut plan = Plan::everything();
        let rule = plan.rule(Rule::new("own"));
        plan.find_word("blüte", rule).unwrap();
        #[cfg(feature = "full")]
        plan.find_pattern(Pattern::parse(r"k[0-9]{2}q").unwrap(), rule).unwrap();
        plan
    }

    /// Texts made of what is found, of parts of it, and of what stands around it.
    fn texts() -> impl Iterator<Item = String> {
        const PARTS: [&str; 50] = [
            "4111111111111111",
            "4111 1111 1111 1111",
            "3782 822463 10005",
            "GB82WEST12345698765432",
            "078-05-1121",
            "078 05 1121",
            "900101-1234568",
            "943 476 5919",
            "2341 2341 2346",
            "111.444.777-35",
            "a.b@mail.example.com",
            "+44 20 7946 0958",
            "192.168.17.4",
            "1.1.1.1",
            "fe80::1",
            "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            "::2",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0",
            "-----BEGIN PRIVATE KEY-----",
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
            "SK0123456789abcdef0123456789abcdef",
            "sk_live_0123456789abcdef",
            "password=x",
            "\"api_key\" : \"x",
            "pwd: y",
            "p-w-d=y",
            "Pass.word_: z",
            "Client-Secret=>z",
            "blüte",
            "k42q",
            "1",
            "12",
            "4111",
            "a",
            "Z",
            "_",
            "-",
            ".",
            ":",
            "@",
            "+",
            " ",
            "  ",
            "=",
            "\"",
            "é",
            "card ",
            "ssn ",
            "x",
        ];
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = move |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 11) % bound
        };
        (0..3000).map(move |_| (0..below(60)).map(|_| PARTS[below(50) as usize]).collect())
    }

    #[test]
    fn where_nothing_is_marked_nothing_is_found() {
        let plan = plan();
        for text in texts() {
            let bytes = text.as_bytes();
            let scan = |mut marks: Marks<'_>| {
                let mut found = Vec::new();
                plan.scan_part(&mut Scan::default(), &mut marks, 0..bytes.len(), true, Topics::default(), &mut found);
                found
            };
            let mut all = plan.marks(bytes, true);
            all.everywhere = true;
            assert_eq!(scan(plan.marks(bytes, true)), scan(all), "{text}");
        }
    }

    #[test]
    fn marks_of_long_windows_are_found_again() {
        let plan = plan();
        let text = "x@y.zz  \"q\" ".repeat(1000);
        let places = |byte| (0..text.len()).filter(|at| text.as_bytes()[*at] == byte).collect::<Vec<_>>();
        let mut marks = plan.quoted_marks(text.as_bytes(), true);
        let (mut at, mut stops, mut quotes) = (0, Vec::new(), Vec::new());
        while let Some(quote) = marks.quote(at, text.len()) {
            quotes.push(quote);
            stops.extend(marks.stop(at, quote));
            at = quote + 1;
        }
        assert_eq!((stops, quotes), (places(b'@'), places(b'"')));
        assert_eq!(marks.stop(0, text.len()), Some(1), "back to the beginning");
    }
}
