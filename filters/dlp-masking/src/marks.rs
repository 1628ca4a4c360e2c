//! Where in a text something may be: a bit for each byte, made sixteen bytes at a time.
//!
//! Most bytes that a detector would have to stop at are nothing, and the few bytes around them say so. What can be told from
//! these alone is told here, for all detectors at once and without a branch for a byte. A mark says that a detector has to look;
//! where there is none, no detector would find anything that it is asked for at this byte. So marks change what a scan costs,
//! and never what it finds.
//!
//! Marks are made for a whole window, in which a text may be a part. Its neighbours stand for nothing then: what a detector
//! needs to be *there* must be in the text itself, and what must *not* be there is a digit behind a number, which no text of
//! any format has behind its end, or a letter before it: where a text begins behind a letter, its first byte is looked at in any
//! case ([`Marks::is_cut`]).

mod fragments;
mod lanes;
mod set;

use fragments::Fragments;
use lanes::Lanes;
pub(crate) use lanes::Table;
pub(crate) use set::{add, has};

use crate::view::is_word;

/// How many bytes are marked at a time.
const SPAN: usize = 2048;
const WORDS: usize = SPAN / 64;
/// How many of these words are kept when the next bytes are marked.
const KEPT: usize = 8;
/// How many bytes at the end of a window are marked by what they are alone, while more may come: more than any mark depends on.
const COARSE: usize = 20;

/// What marks are made for.
#[derive(Debug, Clone)]
pub(crate) struct Finder {
    /// What each byte alone may be: not 0 where something looks at it.
    pub flags: [u8; 256],
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
    pub names: Option<[Table; 3]>,
    /// Bytes of words and expressions, which are looked at wherever they are.
    pub bytes: Option<[Table; 2]>,
}

impl Default for Finder {
    fn default() -> Self {
        Self {
            flags: [0; 256],
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

/// The marks of a window, made as far as they are asked for.
pub(crate) struct Marks<'w> {
    finder: &'w Finder,
    text: &'w [u8],
    /// Nothing comes behind the window.
    complete: bool,
    /// Whether quotes and backslashes are marked as well, by themselves.
    quoted: bool,
    /// The first byte that is marked, and the one behind the last.
    from: usize,
    to: usize,
    /// Every byte that may be something is marked.
    #[cfg(test)]
    everywhere: bool,
    stops: [u64; WORDS],
    quotes: [u64; WORDS],
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
            from: 0,
            to: 0,
            #[cfg(test)]
            everywhere: false,
            stops,
            quotes,
        }
    }

    /// The same, for a window of JSON.
    pub fn quoted(finder: &'w Finder, text: &'w [u8], complete: bool) -> Self {
        Self { quoted: true, ..Self::new(finder, text, complete) }
    }

    /// What is marked.
    pub fn text(&self) -> &'w [u8] {
        self.text
    }

    /// The next byte that has to be looked at, from `at` on and before `end`.
    #[inline]
    pub fn stop(&mut self, at: usize, end: usize) -> Option<usize> {
        self.next::<false>(at, end)
    }

    /// The next quote or backslash.
    #[inline]
    pub fn quote(&mut self, at: usize, end: usize) -> Option<usize> {
        self.next::<true>(at, end)
    }

    /// Whether a text that begins here begins behind a letter or digit, which the marks have taken for a part of it.
    #[inline]
    pub fn is_cut(&self, start: usize) -> bool {
        start.checked_sub(1).and_then(|before| self.text.get(before)).is_some_and(|byte| is_word(*byte))
    }

    #[inline]
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
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn mark(&mut self, from: usize) {
        let mut done = 0;
        if from == self.to && self.to - self.from == SPAN {
            done = KEPT;
            self.stops.copy_within(WORDS - KEPT.., 0);
            self.quotes.copy_within(WORDS - KEPT.., 0);
        }
        self.from = from - done * 64;
        let tables = Tables::of(self.finder);
        let text = self.text;
        let mut here = Block::read(&tables, text, from, self.quoted);
        let mut at = from;
        for (stops, quotes) in self.stops.iter_mut().zip(&mut self.quotes).skip(done) {
            if at >= text.len() {
                break;
            }
            let next = Block::read(&tables, text, at + 64, self.quoted);
            (*stops, *quotes) = (here.stops(&next, &tables, text, at), here.quotes);
            here = next;
            at += 64;
        }
        self.to = at.min(text.len());
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

/// Letters, digits and `_`.
const WORD: Table = set::ascii(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
const HEX: Table = set::ascii(b"0123456789abcdefABCDEF");
/// What may stand between a name and its `=` or `:`.
const QUOTE: Table = set::ascii(b" \"'\\");

/// What a finder needs, at hand.
struct Tables {
    fragments: Option<fragments::Loaded>,
    /// The last three letters of names.
    names: Option<[Lanes; 3]>,
    bytes: Option<[Lanes; 2]>,
    ascii: Lanes,
    other: Lanes,
    word: Lanes,
    hex: Lanes,
    quote: Lanes,
    numbers: bool,
    groups: bool,
    persons: bool,
    dotted: bool,
    phone: bool,
    iban: bool,
    mail: bool,
    colons: bool,
}

impl Tables {
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn of(finder: &Finder) -> Self {
        let load = |table: &Table| Lanes::load(table);
        let Finder { groups, persons, dotted, phone, iban, mail, colons, .. } = *finder;
        Self {
            fragments: (!finder.fragments.is_empty()).then(|| finder.fragments.loaded()),
            names: finder.names.as_ref().map(|[a, b, c]| [load(a), load(b), load(c)]),
            bytes: finder.bytes.as_ref().map(|[a, b]| [load(a), load(b)]),
            ascii: load(&set::ASCII_BITS),
            other: load(&set::OTHER_BITS),
            word: load(&WORD),
            hex: load(&HEX),
            quote: load(&QUOTE),
            numbers: groups || dotted || phone || iban,
            groups,
            persons,
            dotted,
            phone,
            iban,
            mail,
            colons,
        }
    }
}

/// What is known of 64 bytes, a bit for each; nothing of numbers where there is no digit.
#[derive(Clone, Copy, Default)]
struct Block {
    digits: u64,
    words: u64,
    uppers: u64,
    between: u64,
    dots: u64,
    pluses: u64,
    /// Marks that need nothing of the next block.
    marks: u64,
    quotes: u64,
}

/// A bit further on: the block's and the first ones of the next.
#[inline]
fn ahead(here: u64, next: u64, by: u32) -> u64 {
    here >> by | next << (64 - by)
}

/// 64 bytes in four parts.
type Four = [Lanes; 4];
/// Their halves.
type Halves = [(Lanes, Lanes); 4];

#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn load(bytes: &[u8], at: usize) -> Lanes {
    Lanes::load(bytes.get(at..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 16]))
}

/// A bit for each byte of four parts.
macro_rules! bits {
    ($part:pat => $from:expr, $bits:expr) => {{
        let [a, b, c, d] = $from;
        bits!($part, a, $bits)
            | bits!($part, b, $bits) << 16
            | bits!($part, c, $bits) << 32
            | bits!($part, d, $bits) << 48
    }};
    ($part:pat, $one:ident, $bits:expr) => {{
        let $part = $one;
        $bits
    }};
}

impl Block {
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn read(tables: &Tables, text: &[u8], at: usize, quoted: bool) -> Self {
        // More bytes than 64, because fragments reach into the next block.
        if let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk::<80>()) {
            return Self::of(tables, bytes, text, at, quoted);
        }
        let rest = text.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Self::default();
        }
        let mut bytes = [0; 80];
        bytes.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let mut block = Self::of(tables, &bytes, text, at, quoted);
        if let Some(past) = 1_u64.checked_shl(u32::try_from(rest.len()).unwrap_or(64)) {
            block.marks &= past - 1;
        }
        block
    }

    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn of(tables: &Tables, bytes: &[u8; 80], text: &[u8], at: usize, quoted: bool) -> Self {
        let mut block = Self::default();
        let parts: Four = [load(bytes, 0), load(bytes, 16), load(bytes, 32), load(bytes, 48)];
        let [a, b, c, d] = parts;
        let halves: Halves = [(a.low(), a.high()), (b.low(), b.high()), (c.low(), c.high()), (d.low(), d.high())];
        if quoted {
            block.quotes = bits!(part => parts, part.are_either(b'"', b'\\'));
        }
        if tables.numbers {
            block.digits = bits!(part => parts, part.are_from(b'0', 10));
            if block.digits != 0 {
                block.words = set(&halves, tables.word, tables.ascii);
                block.between = bits!(part => parts, part.are_either(b' ', b'-'));
                if tables.dotted {
                    block.dots = bits!(part => parts, part.are(b'.'));
                }
                if tables.phone {
                    block.pluses = bits!(part => parts, part.are(b'+'));
                }
                if tables.iban {
                    block.uppers = bits!(part => parts, part.are_from(b'A', 26));
                }
            }
        }
        if let Some(fragments) = &tables.fragments {
            let last = load(bytes, 64);
            let [a, b, c, d] = halves.map(|halves| fragments.buckets(halves));
            let e = fragments.buckets((last.low(), last.high()));
            block.marks |= !(a.none(b) | b.none(c) << 16 | c.none(d) << 32 | d.none(e) << 48);
        }
        if tables.mail {
            let ats = bits!(part => parts, part.are(b'@'));
            if ats != 0 {
                // A letter or digit is next. What the next block begins with is not asked.
                block.marks |= ats & (set(&halves, tables.word, tables.ascii) >> 1 | 1 << 63);
            }
        }
        if tables.colons || tables.names.is_some() {
            let colons = bits!(part => parts, part.are(b':'));
            let equals = bits!(part => parts, part.are(b'='));
            if colons | equals != 0 {
                block.marks |= Self::behind_names(tables, &halves, colons, equals, text, at);
            }
        }
        if let Some([ascii, other]) = tables.bytes {
            block.marks |= set(&halves, ascii, tables.ascii) | set(&halves, other, tables.other);
        }
        block
    }

    /// Colons and equals signs that may stand behind a name, or in an address.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn behind_names(tables: &Tables, halves: &Halves, colons: u64, equals: u64, text: &[u8], at: usize) -> u64 {
        let mut marks = 0;
        if tables.colons && colons != 0 {
            let hex = set(halves, tables.hex, tables.ascii);
            let before = at.checked_sub(1).and_then(|before| text.get(before));
            // What the next block begins with is not asked: it may be anything.
            let (next, group) = (colons >> 1 | 1 << 63, hex >> 1 | 1 << 63);
            let other = colons >> 2 | colons >> 3 | colons >> 4 | colons >> 5 | 0b1_1111 << 59;
            let behind = hex << 1 | u64::from(before.is_some_and(u8::is_ascii_hexdigit));
            marks |= colons & (next | (behind & group & other));
        }
        if let Some(tails) = tables.names {
            let [last, second, third] = tails.map(|table| set(halves, table, tables.ascii));
            let quotes = set(halves, tables.quote, tables.ascii);
            // What is in the block before is not asked.
            let back = |bits: u64, by: u32| bits << by | ((1 << by) - 1);
            let ends = last & back(second, 1) & back(third, 2);
            let three = back(quotes, 3) & back(ends, 4);
            let two = back(quotes, 2) & (back(ends, 3) | three);
            let one = back(quotes, 1) & (back(ends, 2) | two);
            marks |= (colons | equals) & (back(ends, 1) | one);
        }
        marks
    }

    /// All marks of the block.
    #[inline]
    fn stops(&self, next: &Self, tables: &Tables, text: &[u8], at: usize) -> u64 {
        if self.digits == 0 {
            return self.marks;
        }
        let before = at.checked_sub(1).and_then(|before| text.get(before)).copied().unwrap_or(b' ');
        let d0 = self.digits;
        let starts = d0 & !(d0 << 1 | u64::from(before.is_ascii_digit()));
        let d = |by| ahead(d0, next.digits, by);
        let mut marks = 0;
        let alone = starts & !(self.words << 1 | u64::from(is_word(before)));
        let (d1, d2, d3, d4) = (d(1), d(2), d(3), d(4));
        // What is in groups, or long, begins with three digits at least.
        if tables.groups && alone & d1 & d2 != 0 {
            let s = |by| ahead(self.between, next.between, by);
            let (d5, d6, d7, d8) = (d(5), d(6), d(7), d(8));
            let four = alone & d1 & d2 & d3;
            // 4-4- and 4-6-.
            marks |= four & s(4) & d5 & d6 & d7 & d8 & (s(9) | d(9) & d(10) & s(11));
            let nine = four & d4 & d5 & d6 & d7 & d8;
            if !tables.persons {
                marks |= nine & d(9) & d(10) & d(11);
            } else {
                marks |= nine;
                // 3-2-4 and 3-3-4, 6-7.
                marks |= alone & d1 & d2 & s(3) & d4 & d5 & (s(6) & d7 | d6 & s(7) & d8);
                marks |= four & d4 & d5 & s(6) & d7 & d8;
            }
        }
        if tables.dotted && self.dots | next.dots != 0 {
            let p = |by| ahead(self.dots, next.dots, by);
            let (p1, p2, p3, p4, p5, p6, p7) = (p(1), p(2), p(3), p(4), p(5), p(6), p(7));
            let one = p1 & d2 & (p3 | p4 | p5);
            let two = d1 & p2 & d3 & (p4 | p5 | p6);
            let three = d1 & d2 & p3 & d4 & (p5 | p6 | p7);
            marks |= alone & (one | two | three);
        }
        if tables.phone && (self.pluses != 0 || before == b'+') {
            marks |= starts & (self.pluses << 1 | u64::from(before == b'+'));
        }
        if tables.iban {
            let one = u64::from(before.is_ascii_uppercase());
            let behind = starts & d1 & (self.uppers << 1 | one);
            if behind != 0 {
                let two = at.checked_sub(2).and_then(|before| text.get(before)).is_some_and(u8::is_ascii_uppercase);
                marks |= behind & (self.uppers << 2 | one << 1 | u64::from(two));
            }
        }
        marks | self.marks
    }
}

/// A bit for each byte of a set.
#[inline]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn set(halves: &Halves, table: Lanes, upper: Lanes) -> u64 {
    !bits!((low, high) => *halves, low.of(table).and(high.of(upper)).are_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Topics;
    use crate::detect::pattern::Pattern;
    use crate::plan::{Plan, Rule};
    use crate::scan::Scan;

    /// Everything that is built in, a word and an expression.
    fn plan() -> Plan {
        let mut plan = Plan::everything();
        let rule = plan.rule(Rule::new("own"));
        plan.find_word("blüte", rule).unwrap();
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
