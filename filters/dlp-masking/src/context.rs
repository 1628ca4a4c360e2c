//! Words before a number that say what it is.
//!
//! A number of ten digits can be a patient, a telephone or a second of the year 2020. What stands before it decides: a word
//! of the number's own kind within [`DISTANCE`] bytes adds [`BONUS`] to its score. A word of another kind that is nearer takes
//! [`MALUS`] away, if no digit stands between it and the number: "order 17, card 4111..." is about a card.
//!
//! Where nothing before a number speaks of it, a word of its own kind may stand close behind it, within [`BEHIND`] bytes of the
//! same sentence: "she gave 078051121 as her SSN".

use crate::entity::Entity;
use crate::view::View;

/// How far a word may be away, in bytes from its last letter to the number.
pub const DISTANCE: usize = 64;
/// How far behind a number a word may end, in bytes.
pub const BEHIND: usize = 24;
/// What a word of the own kind adds.
pub const BONUS: i32 = 40;
/// What a word of another kind takes away.
pub const MALUS: i32 = 30;
/// The longest word that is known, in bytes.
const LONGEST: usize = 24;
/// What has to be remembered of what came before: the distance, a word, and the letter before it.
pub(crate) const HISTORY: usize = DISTANCE + LONGEST + 1;

/// What the words of a text, or of a key, are about: a bit for each [`Entity`], and one for what is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Topics(u32);

/// Something that has digits and is no secret.
const OTHER: u32 = 1 << 31;
const CARD: u32 = Entity::Card.bit();
const IBAN: u32 = Entity::Iban.bit();
const SSN: u32 = Entity::UsSsn.bit();
const RRN: u32 = Entity::KrRrn.bit();
const NHS: u32 = Entity::UkNhs.bit();
const AADHAAR: u32 = Entity::InAadhaar.bit();
const CPF: u32 = Entity::BrCpf.bit();
const PHONE: u32 = Entity::Phone.bit();
const IP: u32 = Entity::Ipv4.bit() | Entity::Ipv6.bit();

/// In lower case, sorted. A word outside of ASCII stands for all that begin with it: endings hang on it.
const WORDS: &[(&str, u32)] = &[
    ("aadhaar", AADHAAR),
    ("aadhar", AADHAAR),
    ("amex", CARD),
    ("barcode", OTHER),
    ("batch", OTHER),
    ("build", OTHER),
    ("call", PHONE),
    ("card", CARD),
    ("cardno", CARD),
    ("cardnum", CARD),
    ("cardnumber", CARD),
    ("cards", CARD),
    ("carta", CARD),
    ("cartao", CARD),
    ("carte", CARD),
    ("cartão", CARD),
    ("cc", CARD),
    ("ccnum", CARD),
    ("ccnumber", CARD),
    ("cell", PHONE),
    ("checksum", OTHER),
    ("correlation", OTHER),
    ("cpf", CPF),
    ("credit", CARD),
    ("creditcard", CARD),
    ("debit", CARD),
    ("diners", CARD),
    ("discover", CARD),
    ("ean", OTHER),
    ("epoch", OTHER),
    ("fax", PHONE),
    ("gtin", OTHER),
    ("guid", OTHER),
    ("hash", OTHER),
    ("host", IP),
    ("iban", IBAN),
    ("imei", OTHER),
    ("invoice", OTHER),
    ("ip", IP),
    ("isbn", OTHER),
    ("jcb", CARD),
    ("jumin", RRN),
    ("karte", CARD),
    ("kreditkarte", CARD),
    ("lot", OTHER),
    ("maestro", CARD),
    ("mastercard", CARD),
    ("mobile", PHONE),
    ("nhs", NHS),
    ("order", OTHER),
    ("orderid", OTHER),
    ("orders", OTHER),
    ("pan", CARD),
    ("parcel", OTHER),
    ("patient", NHS),
    ("phone", PHONE),
    ("ref", OTHER),
    ("reference", OTHER),
    ("release", OTHER),
    ("resident", RRN),
    ("rrn", RRN),
    ("serial", OTHER),
    ("sha", OTHER),
    ("shipment", OTHER),
    ("sku", OTHER),
    ("social", SSN),
    ("socialsecurity", SSN),
    ("span", OTHER),
    ("ssn", SSN),
    ("tarjeta", CARD),
    ("tel", PHONE),
    ("telephone", PHONE),
    ("ticket", OTHER),
    ("timestamp", OTHER),
    ("trace", OTHER),
    ("tracking", OTHER),
    ("transaction", OTHER),
    ("txn", OTHER),
    ("uidai", AADHAAR),
    ("unionpay", CARD),
    ("upc", OTHER),
    ("uuid", OTHER),
    ("ver", OTHER),
    ("version", OTHER),
    ("visa", CARD),
    ("외국인등록번호", RRN),
    ("주민등록번호", RRN),
    ("주민번호", RRN),
];

/// How long the known words are that begin with a byte, by its last five bits: a bit for each length.
const LENGTHS: [u32; 32] = lengths();

#[allow(clippy::indexing_slicing, reason = "of constants: what is out of bounds does not compile")]
const fn lengths() -> [u32; 32] {
    let mut lengths = [0; 32];
    let mut number = 0;
    while number < WORDS.len() {
        let word = WORDS[number].0.as_bytes();
        let longer = if WORDS[number].0.is_ascii() { 1 } else { u32::MAX };
        lengths[(word[0] & 31) as usize] |= longer << word.len();
        number += 1;
    }
    lengths
}

/// Whether a word can be a known one: most are not, and are told by how they begin and how long they are.
#[inline(always)]
fn may_be_known(word: &[u8]) -> bool {
    let lengths = word.first().and_then(|first| LENGTHS.get(usize::from(first & 31))).copied().unwrap_or(0);
    u32::try_from(word.len()).is_ok_and(|length| lengths.checked_shr(length).unwrap_or(0) & 1 == 1)
}

impl Topics {
    /// What the words of a key are about: `card_number`, `cardNumber`.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        let mut words = Words::default();
        words.read(key);
        words.end_of_word();
        Self(words.topics)
    }

    /// Whether a word of an entity's kind is close behind a number that ends at `end`: nothing but words is between them.
    pub(crate) fn is_behind(view: &View<'_>, end: usize, entity: Entity) -> bool {
        let between = |byte: u8| is_letter(byte) || matches!(byte, b' ' | b'(' | b'\'');
        let words = view.slice(end..end + view.run(end, BEHIND, between));
        Self::of(words).0 & entity.bit() != 0
    }

    /// What the words say of an entity, as something to add to its score.
    pub(crate) fn weigh(self, entity: Entity) -> i32 {
        match self.0 {
            0 => 0,
            topics if topics & entity.bit() != 0 => BONUS,
            _ => -MALUS,
        }
    }
}

/// The words of a text, read as far as somebody has asked. Each byte is read once, however many numbers ask.
#[derive(Debug)]
pub(crate) struct Context<'t> {
    before: &'t [u8],
    text: &'t [u8],
    key: Topics,
    /// How much of `before` and `text` together has been read.
    read: usize,
    words: Words,
}

impl<'t> Context<'t> {
    pub fn new(before: &'t [u8], text: &'t [u8], key: Topics) -> Self {
        Self { before, text, key, read: 0, words: Words::default() }
    }

    /// What is to be added to the score of an entity that was found at a byte of the text.
    pub fn weigh(&mut self, entity: Entity, at: usize) -> i32 {
        let at = self.before.len() + at;
        // Words further away do not count; the first byte that is read must not be the middle of one.
        let start = self.read.max(at.saturating_sub(HISTORY));
        if start > self.read {
            self.words.skip(start - self.read, self.byte(start - 1));
        }
        let split = self.before.len();
        self.words.read(self.before.get(start..at.min(split)).unwrap_or_default());
        self.words.read(self.text.get(start.saturating_sub(split)..at.saturating_sub(split)).unwrap_or_default());
        self.read = self.read.max(at);
        let near = |end: usize| at <= end + DISTANCE;
        let ended;
        let words = if self.words.length == 0 {
            &self.words
        } else {
            ended = self.words.ended();
            &ended
        };
        let own = words.ends.get(entity as usize).copied().flatten().is_some_and(near);
        let other = words.latest.is_some_and(|(end, topics)| near(end) && topics & entity.bit() == 0);
        // Of two that speak, the nearer one is right: what is latest is another's, or there is no other.
        let sum = match (own, other) {
            (_, true) => -MALUS,
            (true, false) => BONUS,
            (false, false) => 0,
        };
        // A key is nearer than anything that stands in its value.
        (sum + self.key.weigh(entity)).clamp(-MALUS, BONUS)
    }

    fn byte(&self, at: usize) -> u8 {
        let later = || self.text.get(at.saturating_sub(self.before.len()));
        self.before.get(at).or_else(later).copied().unwrap_or(b' ')
    }
}

#[derive(Debug, Clone, Default)]
struct Words {
    /// How many bytes have been read, or skipped.
    at: usize,
    word: [u8; LONGEST],
    length: usize,
    last: u8,
    topics: u32,
    /// Where the last word of each entity ended.
    ends: [Option<usize>; Entity::ALL.len()],
    /// The last word of all since the last digit.
    latest: Option<(usize, u32)>,
}

impl Words {
    fn skip(&mut self, bytes: usize, last: u8) {
        *self = Self { at: self.at + bytes, last, ..Self::default() };
        if is_letter(last) {
            // In the middle of a word: too long to be one.
            self.length = LONGEST + 1;
        }
    }

    fn read(&mut self, bytes: &[u8]) {
        // Between numbers there are few letters.
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            match without_letters(*eight) {
                Some(digits) => self.skip_over(*eight, digits),
                None => self.read_each(eight),
            }
        }
        self.read_each(rest);
    }

    /// Reads eight bytes without letters.
    #[inline(always)]
    fn skip_over(&mut self, eight: [u8; 8], digits: bool) {
        if self.length > 0 {
            self.end_of_word();
        }
        if digits {
            self.latest = None;
        }
        let [.., last] = eight;
        self.last = last;
        self.at += eight.len();
    }

    fn read_each(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if is_letter(*byte) {
                // cardNumber is two words; and so is IPAddress, more or less.
                if byte.is_ascii_uppercase() && self.last.is_ascii_lowercase() {
                    self.end_of_word();
                }
                if let Some(place) = self.word.get_mut(self.length) {
                    *place = byte.to_ascii_lowercase();
                }
                self.length += 1;
            } else {
                if self.length > 0 {
                    self.end_of_word();
                }
                if byte.is_ascii_digit() {
                    self.latest = None;
                }
            }
            self.last = *byte;
            self.at += 1;
        }
    }

    /// What they are if a word ends here.
    fn ended(&self) -> Self {
        let mut words = self.clone();
        words.end_of_word();
        words
    }

    fn end_of_word(&mut self) {
        let length = std::mem::take(&mut self.length);
        let Some(word) = self.word.get(..length).filter(|word| may_be_known(word)) else { return };
        let place = WORDS.partition_point(|(known, _)| known.as_bytes() <= word);
        let Some((known, topics)) = place.checked_sub(1).and_then(|place| WORDS.get(place)) else { return };
        if known.as_bytes() != word && (known.is_ascii() || !word.starts_with(known.as_bytes())) {
            return;
        }
        self.topics |= topics;
        self.latest = Some((self.at, *topics));
        for (entity, end) in self.ends.iter_mut().enumerate() {
            if topics >> entity & 1 == 1 {
                *end = Some(self.at);
            }
        }
    }
}

/// Whether some of eight bytes are digits, where none can be a letter: all are less than `@`.
#[inline(always)]
fn without_letters(eight: [u8; 8]) -> Option<bool> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let bytes = u64::from_le_bytes(eight);
    if bytes & (EACH * 0xc0) != 0 {
        return None;
    }
    // A digit becomes 0 to 9, anything else up to 63: only with a digit the highest bit stays away when 118 is added.
    let digits = !((bytes ^ (EACH * 0x30)) + EACH * 118) & (EACH * 0x80);
    Some(digits != 0)
}

#[inline(always)]
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_and_short_enough() {
        assert!(WORDS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(WORDS.iter().all(|(word, _)| word.len() <= LONGEST && word.to_lowercase() == *word));
    }

    fn weigh(before: &str, entity: Entity) -> i32 {
        // Wherever the text is cut, and whoever has asked before.
        let bytes = before.as_bytes();
        let whole = Context::new(b"", bytes, Topics::default()).weigh(entity, bytes.len());
        for cut in 0..=bytes.len() {
            let history = &bytes[cut.saturating_sub(HISTORY)..cut];
            let mut context = Context::new(history, &bytes[cut..], Topics::default());
            assert_eq!(context.weigh(entity, bytes.len() - cut), whole, "{before} {cut}");
            let mut context = Context::new(b"", bytes, Topics::default());
            context.weigh(entity, cut);
            assert_eq!(context.weigh(entity, bytes.len()), whole, "{before} {cut}");
        }
        whole
    }

    #[test]
    fn words_before_a_number_count() {
        let far = " ".repeat(DISTANCE);
        for (before, entity, sum) in [
            ("My card: ", Entity::Card, BONUS),
            ("cardNumber=", Entity::Card, BONUS),
            ("CARD_NUMBER ", Entity::Card, BONUS),
            ("discard ", Entity::Card, 0),
            ("order no. ", Entity::Card, -MALUS),
            ("order 17, ", Entity::Card, 0),
            ("order 17, card ", Entity::Card, BONUS),
            ("card for order ", Entity::Card, -MALUS),
            ("card", Entity::Card, BONUS),
            ("tel. ", Entity::UkNhs, -MALUS),
            ("주민등록번호는 ", Entity::KrRrn, BONUS),
            (&format!("card{far}"), Entity::Card, BONUS),
            (&format!("card {far}"), Entity::Card, 0),
            (&format!("discard{far}"), Entity::Card, 0),
            (&format!("{far}{far}order {far}"), Entity::Card, 0),
        ] {
            assert_eq!(weigh(before, entity), sum, "{before}");
        }
    }

    #[test]
    fn eight_bytes_are_told_as_each_by_itself() {
        for other in 0..=u8::MAX {
            for byte in 0..=u8::MAX {
                for place in 0..8 {
                    let mut eight = [other; 8];
                    eight[place] = byte;
                    let digits = eight.iter().any(u8::is_ascii_digit);
                    let expected = eight.iter().all(|byte| *byte < b'@').then_some(digits);
                    assert_eq!(without_letters(eight), expected, "{eight:?}");
                }
            }
        }
    }

    #[test]
    fn keys_say_what_their_values_are() {
        for (key, entity, sum) in [
            ("cardNumber", Entity::Card, BONUS),
            ("order_id", Entity::Card, -MALUS),
            ("value", Entity::Card, 0),
            ("주민등록번호", Entity::KrRrn, BONUS),
        ] {
            assert_eq!(Topics::of(key.as_bytes()).weigh(entity), sum, "{key}");
        }
    }
}
