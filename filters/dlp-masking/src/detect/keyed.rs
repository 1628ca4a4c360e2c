//! Values whose name says that they are secret: `password=...`, `"api_key": "..."`.
//!
//! * Source: the names below, or a configuration's own.
//! * Rule: a name, of which only letters and digits count and no case, that is one of the list or ends with one
//!   (`db_password`, `clientSecret`); `=` or `:`; then the value to its closing quote, or to white space or punctuation. In
//!   JSON and forms the machine of that format knows names and values, and every string and number under such a name is meant.
//! * Known misses: names that are not listed; in text, values on the next line and names that stand in a sentence.

use crate::entity::Candidate;
use crate::open::Open;
use crate::plan::Pairs;
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
}

impl Names {
    /// Of a name only letters and digits count, and no case.
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
        Self { names, ends }
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

    /// Whether one of them may end before the byte at `at`, with quotes and spaces between them.
    #[inline]
    pub(crate) fn may_end(&self, text: &[u8], at: usize) -> bool {
        let Some(here) = text.get(at.saturating_sub(3)..at) else { return true };
        let quotes = here.iter().rev().take_while(|byte| is_quote(**byte)).count();
        let Some(end) = at.checked_sub(quotes + 2) else { return true };
        match text.get(end..end + 2) {
            Some([before, last]) if before.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() => {
                self.ends.may_have(before.to_ascii_lowercase(), last.to_ascii_lowercase())
            }
            Some([_, last]) => is_name(*last) || *last >= 0x80 || is_quote(*last),
            _ => true,
        }
    }
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b' ' | b'"' | b'\'' | b'\\')
}

fn significant(name: &[u8]) -> impl DoubleEndedIterator<Item = u8> {
    name.iter().filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80).map(u8::to_ascii_lowercase)
}

/// A value whose `=` or `:` is at `at`.
pub(crate) fn at(view: &View<'_>, names: &Names, at: usize) -> Option<Candidate> {
    let mut back = 1;
    while back <= 3 && view.before(at, back).is_some_and(is_quote) {
        back += 1;
    }
    let mut name = [0; LONGEST];
    let mut length = 0;
    while let Some(byte) = view.before(at, back + length).filter(|byte| is_name(*byte)) {
        *name.get_mut(LONGEST.checked_sub(length + 1)?)? = byte;
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
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}
