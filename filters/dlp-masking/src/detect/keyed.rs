//! Values whose name says that they are secret: `password=...`, `"api_key": "..."`.
//!
//! * Source: the names below, or a configuration's own.
//! * Rule: a name, of which only letters and digits count and no case of ASCII, that is one of the list or ends with one
//!   (`db_password`, `clientSecret`); `=` or `:`; then the value to its closing quote, or to white space or punctuation. In
//!   JSON and forms the machine of that format knows names and values, and every string and number under such a name is meant.
//! * Known misses: names that are not listed; in text, values on the next line and names in a sentence; letters
//!   beyond ASCII in the other case (`contraseña` finds no `CONTRASEÑA`; both can be listed).

use crate::entity::Candidate;
use crate::marks::{self, Table};
use crate::open::Open;
use crate::view::View;

/// The names that are known unless a configuration has its own.
pub const NAMES: [&str; 24] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "secretkey",
    "secretaccesskey",
    "clientsecret",
    "apikey",
    "apisecret",
    "apitoken",
    "accesstoken",
    "authtoken",
    "refreshtoken",
    "idtoken",
    "bearertoken",
    "sessiontoken",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "accountkey",
    "credential",
    "credentials",
];

const SCORE: i32 = 80;
/// The longest name, in bytes.
pub(crate) const LONGEST: usize = 48;

/// Names of secret values.
#[derive(Debug, Clone)]
pub struct Names {
    names: Vec<Box<[u8]>>,
    /// The last two letters of each: most names are no secret's, and are known by that.
    ends: Pairs,
    /// The last three bytes, as marks know them.
    tails: [Table; 3],
}

impl Names {
    /// Of a name only letters and digits count, and no case of ASCII.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let names = names.into_iter().map(|name| significant(name.as_bytes()).rev().collect::<Vec<_>>());
        let names: Vec<_> = names.filter(|name| !name.is_empty()).map(Vec::into_boxed_slice).collect();
        let mut ends = Pairs::default();
        for name in &names {
            match **name {
                [last, before, ..] => ends.add(before, last),
                [last] => (0..=255).for_each(|before| ends.add(before, last)),
                [] => {}
            }
        }
        Self { tails: tails(&names), names, ends }
    }

    /// Whether a name is one of them, or ends with one.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        let mut letters = significant(name).rev();
        let (last, before) = (letters.next().unwrap_or(0), letters.next().unwrap_or(0));
        self.ends.may_have(before, last)
            && self.names.iter().any(|known| {
                let mut letters = significant(name).rev();
                known.iter().all(|letter| letters.next() == Some(*letter))
            })
    }

    /// Whether the name that ends `back` bytes before `at` may be one that is known: by its last three bytes, as marks say it, so
    /// that it does not matter whether they were asked (`pass_word` is such a name, `p-w-d` is none); and by its last two letters.
    #[inline]
    fn may_end_with(&self, view: &View<'_>, at: usize, back: usize) -> bool {
        let mut last = (0..).map(|place| view.before(at, back + place)).zip(&self.tails);
        if !last.all(|(byte, table)| byte.is_some_and(|byte| marks::may_have(table, byte))) {
            return false;
        }
        let name = (back..back + LONGEST).map_while(|back| view.before(at, back).filter(|byte| is_name(*byte)));
        let mut letters = name.filter(is_significant).map(|byte| byte.to_ascii_lowercase());
        let Some(last) = letters.next() else { return false };
        letters.next().is_none_or(|before| self.ends.may_have(before, last))
    }

    /// What the last three bytes of a name may be, the last one first.
    pub(crate) fn tails(&self) -> [Table; 3] {
        self.tails
    }
}

/// The last three letters, with whatever may stand in the place of one without counting.
fn tails(names: &[Box<[u8]>]) -> [Table; 3] {
    let mut tails = [Table::default(); 3];
    for name in names {
        let mut letters = name.iter().copied();
        for table in &mut tails {
            match letters.next() {
                Some(letter) => {
                    [letter, letter.to_ascii_uppercase()].iter().for_each(|byte| marks::add(table, *byte));
                }
                None => *table = [u8::MAX; 16],
            }
        }
    }
    tails.iter_mut().for_each(|table| b"_-.".iter().for_each(|byte| marks::add(table, *byte)));
    tails
}

/// Pairs of bytes, as bits of a small table: what is not in it was not put in.
#[derive(Debug, Clone, Copy, Default)]
struct Pairs([u64; 16]);

impl Pairs {
    pub fn add(&mut self, before: u8, byte: u8) {
        let (word, bit) = Self::place(before, byte);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    #[inline]
    pub fn may_have(&self, before: u8, byte: u8) -> bool {
        let (word, bit) = Self::place(before, byte);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    #[inline]
    fn place(before: u8, byte: u8) -> (usize, u64) {
        let place = (usize::from(byte) * 37 + usize::from(before)) & 1023;
        (place >> 6, 1 << (place & 63))
    }
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b' ' | b'"' | b'\'' | b'\\')
}

fn significant(name: &[u8]) -> impl DoubleEndedIterator<Item = u8> {
    name.iter().copied().filter(is_significant).map(|byte| byte.to_ascii_lowercase())
}

fn is_significant(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// A value whose `=` or `:` is at `at`.
#[inline(never)]
pub(crate) fn at(view: &View<'_>, names: &Names, at: usize) -> Option<Candidate> {
    let mut back = 1;
    while back <= 3 && view.before(at, back).is_some_and(is_quote) {
        back += 1;
    }
    if !names.may_end_with(view, at, back) {
        return None;
    }
    let mut name = [0; LONGEST];
    let mut length = 0;
    while let Some(byte) = view.before(at, back + length).filter(|byte| is_name(*byte)) {
        let Some(place) = LONGEST.checked_sub(length + 1).and_then(|place| name.get_mut(place)) else {
            // There are languages that write no spaces between words: the last one may be a name.
            if byte.is_ascii() && name.is_ascii() {
                return None;
            }
            break;
        };
        *place = byte;
        length += 1;
    }
    if length < 3 || !names.has(name.get(LONGEST - length..)?) {
        return None;
    }
    let mut start = at + 1;
    start += usize::from(view.get(at) == Some(b'=') && view.get(start) == Some(b'>'));
    start += view.run(start, 4, |byte| matches!(byte, b' ' | b'\t'));
    start += usize::from(view.get(start) == Some(b'\\') && view.get(start + 1) == Some(b'"'));
    let quote = view.get(start).filter(|byte| matches!(byte, b'"' | b'\''));
    start += usize::from(quote.is_some());
    let first = view.get(start)?;
    let nothing = first.is_ascii_whitespace() || b"\"'`,;&<>()[]{}:=".contains(&first);
    (!nothing).then(|| Candidate::open(start, start, SCORE, Open::Value { quote, escaped: false }))
}

fn is_name(byte: u8) -> bool {
    is_significant(&byte) || matches!(byte, b'_' | b'-' | b'.')
}
