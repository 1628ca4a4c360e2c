//! What is looked for, compiled: where the scan stops, what is asked there, what must be reached.

use crate::detect::keyed::{self, Names};
use crate::detect::pattern::{Automaton, InvalidPattern, Pattern};
use crate::detect::token::PREFIXES;
use crate::detect::words::{InvalidWord, Words};
use crate::entity::Entity;

/// The score that has to be reached unless a rule says another.
pub const THRESHOLD: i32 = 50;

/// Everything that is looked for.
#[derive(Debug, Default)]
pub struct Plan {
    rules: Vec<Rule>,
    entities: [Option<usize>; Entity::ALL.len()],
    names: Option<(Names, usize)>,
    words: Words,
    sources: Vec<(Pattern, usize)>,
    patterns: Option<Automaton>,
    stops: Stops,
}

/// What is done with what a detector finds: the part of it that the scan needs.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What logs, labels and metrics call it.
    pub name: String,
    /// The score that a find must have.
    pub threshold: i32,
    /// What is never meant, whoever finds it: letters and digits only, in lower case.
    allow: Vec<Box<[u8]>>,
}

impl Rule {
    /// A rule with the usual threshold.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), threshold: THRESHOLD, allow: Vec::new() }
    }

    /// With another threshold.
    #[must_use]
    pub fn threshold(mut self, threshold: i32) -> Self {
        self.threshold = threshold;
        self
    }

    /// With exceptions. Only letters and digits of them count, and no case: `4111 1111` is `41111111`.
    #[must_use]
    pub fn allow<'a>(mut self, values: impl IntoIterator<Item = &'a str>) -> Self {
        for value in values {
            let value: Box<[u8]> = significant(value.as_bytes()).collect();
            // By hand: a sort costs a module several kilobytes.
            let place = self.allow.partition_point(|other| *other < value);
            self.allow.insert(place, value);
        }
        self
    }

    pub(crate) fn allows(&self, found: &[u8]) -> bool {
        !self.allow.is_empty() && {
            let found = significant(found).collect::<Vec<_>>();
            self.allow.binary_search_by(|allowed| (**allowed).cmp(&found)).is_ok()
        }
    }
}

fn significant(value: &[u8]) -> impl Iterator<Item = u8> {
    value.iter().filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80).map(u8::to_ascii_lowercase)
}

/// The bytes at which the scan stops, and what it asks there.
#[derive(Debug, Clone)]
pub(crate) struct Stops {
    flags: [u8; 256],
    /// The prefixes that are looked for at a byte: a range of `prefixes`.
    buckets: [(u8, u8); 256],
    prefixes: Vec<Anchor>,
    /// The bytes of prefixes with those before them, as bits of a small table.
    pairs: Pairs,
}

/// Pairs of bytes, as bits of a small table: what is not in it was not put in.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pairs([u64; 16]);

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

/// A prefix, at the byte where the scan stops for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Anchor {
    byte: u8,
    /// The byte before it.
    pub before: u8,
    /// Which prefix, and where in it the byte is.
    pub number: u8,
    pub at: u8,
}

pub(crate) mod stop {
    pub const DIGIT: u8 = 1;
    pub const AT: u8 = 2;
    pub const COLON: u8 = 4;
    pub const NAME: u8 = 8;
    pub const PREFIX: u8 = 16;
    pub const WORD: u8 = 32;
    pub const PATTERN: u8 = 64;
    /// The letters of `eyJ` and `BEGIN`.
    pub const FIXED: u8 = 128;
}

impl Default for Stops {
    fn default() -> Self {
        Self { flags: [0; 256], buckets: [(0, 0); 256], prefixes: Vec::new(), pairs: Pairs::default() }
    }
}

impl Stops {
    #[inline]
    pub fn flags(&self, byte: u8) -> u8 {
        self.flags.get(usize::from(byte)).copied().unwrap_or(0)
    }

    /// The prefixes whose rarest byte this is.
    pub fn prefixes(&self, byte: u8) -> &[Anchor] {
        let (from, to) = self.buckets.get(usize::from(byte)).copied().unwrap_or_default();
        self.prefixes.get(usize::from(from)..usize::from(to)).unwrap_or_default()
    }

    /// Whether a byte with the one before it can be of a prefix.
    #[inline]
    pub fn may_be_prefix(&self, before: u8, byte: u8) -> bool {
        self.pairs.may_have(before, byte)
    }

    fn add(&mut self, bytes: impl IntoIterator<Item = u8>, flag: u8) {
        for byte in bytes {
            if let Some(flags) = self.flags.get_mut(usize::from(byte)) {
                *flags |= flag;
            }
        }
    }

    fn add_prefixes(&mut self) {
        let small = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        let anchors = PREFIXES.iter().enumerate().filter_map(|(number, prefix)| {
            let (at, bytes) = (prefix.anchor(), prefix.prefix.as_bytes());
            Some(Anchor { byte: *bytes.get(at)?, before: *bytes.get(at - 1)?, number: small(number), at: small(at) })
        });
        self.prefixes.clear();
        for anchor in anchors {
            let place = self.prefixes.partition_point(|other| *other < anchor);
            self.prefixes.insert(place, anchor);
        }
        let prefixes = self.prefixes.clone();
        for (place, anchor) in prefixes.iter().enumerate() {
            if let Some((from, to)) = self.buckets.get_mut(usize::from(anchor.byte)) {
                *from = if *to == 0 { small(place) } else { *from };
                *to = small(place + 1);
            }
        }
        prefixes.iter().for_each(|anchor| self.pairs.add(anchor.before, anchor.byte));
        self.add(prefixes.iter().map(|anchor| anchor.byte), stop::PREFIX);
    }
}

impl Plan {
    /// The rules, in the order in which they were added.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Looks for an entity, with a rule of its own or one that others share. The last word counts.
    pub fn find(&mut self, entity: Entity, rule: usize) {
        if let Some(place) = self.entities.get_mut(entity as usize) {
            *place = Some(rule);
        }
        match entity {
            Entity::Email => self.stops.add(*b"@", stop::AT),
            Entity::Ipv6 => self.stops.add(*b":", stop::COLON),
            Entity::Jwt => self.stops.add(*b"J", stop::FIXED),
            Entity::PrivateKey => self.stops.add(*b"B", stop::FIXED),
            Entity::Token => self.stops.add_prefixes(),
            _ => self.stops.add(b'0'..=b'9', stop::DIGIT),
        }
    }

    /// Adds a rule; returns its number.
    pub fn rule(&mut self, rule: Rule) -> usize {
        self.rules.push(rule);
        self.rules.len() - 1
    }

    /// Looks for values behind names.
    pub fn find_named(&mut self, names: Names, rule: usize) {
        self.names = Some((names, rule));
        self.stops.add(*b"=:", stop::NAME);
    }

    /// Looks for a word.
    ///
    /// # Errors
    ///
    /// [`InvalidWord`] for one that is empty or too long.
    pub fn find_word(&mut self, word: &str, rule: usize) -> Result<(), InvalidWord> {
        self.words.add(word, rule)?;
        self.stops.add(self.words.anchors().collect::<Vec<_>>(), stop::WORD);
        Ok(())
    }

    /// Looks for what an expression matches.
    ///
    /// # Errors
    ///
    /// [`InvalidPattern`] when this one and those before it become too large together.
    pub fn find_pattern(&mut self, pattern: Pattern, rule: usize) -> Result<(), InvalidPattern> {
        self.sources.push((pattern, rule));
        let patterns = Automaton::new(&self.sources)?;
        self.stops.add(patterns.first().to_vec(), stop::PATTERN);
        self.patterns = Some(patterns);
        Ok(())
    }

    /// The rule of an entity that is looked for.
    pub(crate) fn rule_of(&self, entity: Entity) -> Option<usize> {
        self.entities.get(entity as usize).copied().flatten()
    }

    /// Where values behind names are looked for: the names, and the rule.
    pub(crate) fn named(&self) -> Option<(&Names, usize)> {
        self.names.as_ref().map(|(names, rule)| (names, *rule))
    }

    /// The rule for everything under a name, where the name says that it is secret.
    #[must_use]
    pub fn rule_of_name(&self, name: &[u8]) -> Option<usize> {
        let (names, rule) = self.named()?;
        (name.len() <= keyed::LONGEST && names.has(name)).then_some(rule)
    }

    pub(crate) fn stops(&self) -> &Stops {
        &self.stops
    }

    /// Whether nothing of a text is worth a look: no byte of it is a stop, and no backslash stands for one.
    pub(crate) fn has_no_stop(&self, text: &[u8]) -> bool {
        !text.iter().any(|byte| self.stops.flags(*byte) != 0 || *byte == b'\\')
    }

    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    pub(crate) fn patterns(&self) -> Option<&Automaton> {
        self.patterns.as_ref()
    }

    /// Everything that is built in, each with a rule of its own and the usual threshold.
    #[must_use]
    pub fn everything() -> Self {
        let mut plan = Self::default();
        for entity in Entity::ALL {
            let rule = plan.rule(Rule::new(entity.name()));
            plan.find(entity, rule);
        }
        let rule = plan.rule(Rule::new("named"));
        plan.find_named(Names::new(keyed::NAMES), rule);
        plan
    }
}
