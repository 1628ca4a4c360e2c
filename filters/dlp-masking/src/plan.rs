//! What is looked for, compiled: where the scan stops, what is asked there, what must be reached.

use crate::detect::keyed::{self, Names};
#[cfg(feature = "full")]
use crate::detect::pattern::{Automaton, InvalidPattern, Pattern};
use crate::detect::token::PREFIXES;
use crate::detect::words::{InvalidWord, Words};
use crate::entity::Entity;
use crate::marks::{self, Finder, Marks, Tails};

/// The score that has to be reached unless a rule says another.
pub const THRESHOLD: i32 = 50;

/// Everything that is looked for.
#[derive(Debug, Default)]
pub struct Plan {
    rules: Vec<Rule>,
    entities: [Option<usize>; Entity::ALL.len()],
    names: Option<(Names, usize)>,
    words: Words,
    #[cfg(feature = "full")]
    sources: Vec<(Pattern, usize)>,
    #[cfg(feature = "full")]
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

/// Where the scan stops, and what it asks there.
#[derive(Debug, Clone)]
pub(crate) struct Stops {
    finder: Finder,
    /// The prefixes that are looked for at a byte: a range of `prefixes`.
    buckets: [(u8, u8); 256],
    prefixes: Vec<Anchor>,
}

/// A prefix, at the byte where the scan stops for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Anchor {
    byte: u8,
    /// The one behind it.
    pub second: u8,
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
    #[cfg(feature = "full")]
    pub const PATTERN: u8 = 64;
    /// The beginning of `eyJ`, and of the last two dashes before `BEGIN`.
    pub const FIXED: u8 = 128;
}

impl Default for Stops {
    fn default() -> Self {
        Self { finder: Finder::default(), buckets: [(0, 0); 256], prefixes: Vec::new() }
    }
}

impl Stops {
    #[inline]
    pub fn flags(&self, byte: u8) -> u8 {
        self.finder.flags.get(usize::from(byte)).copied().unwrap_or(0)
    }

    /// The prefixes that are looked for at this byte.
    pub fn prefixes(&self, byte: u8) -> &[Anchor] {
        let (from, to) = self.buckets.get(usize::from(byte)).copied().unwrap_or_default();
        self.prefixes.get(usize::from(from)..usize::from(to)).unwrap_or_default()
    }

    fn add(&mut self, bytes: impl IntoIterator<Item = u8>, flag: u8) {
        for byte in bytes {
            if let Some(flags) = self.finder.flags.get_mut(usize::from(byte)) {
                *flags |= flag;
            }
        }
    }

    /// Words and expressions: wherever these bytes are.
    fn add_bytes(&mut self, bytes: &[u8], flag: u8) {
        self.add(bytes.iter().copied(), flag);
        let [ascii, other] = self.finder.bytes.get_or_insert_default();
        bytes.iter().for_each(|byte| marks::add(if byte.is_ascii() { ascii } else { other }, *byte));
    }

    fn add_entity(&mut self, entity: Entity) {
        let finder = &mut self.finder;
        match entity {
            Entity::Email => finder.mail = true,
            Entity::Ipv6 => finder.colons = true,
            Entity::Jwt => finder.fragments.add(b'e', b'y', b"J"),
            Entity::PrivateKey => finder.fragments.add(b'-', b'-', b"B"),
            Entity::Phone => finder.phone = true,
            Entity::Iban => finder.iban = true,
            Entity::Ipv4 => finder.dotted = true,
            Entity::Card => finder.groups = true,
            Entity::Token => {}
            _ => {
                (finder.groups, finder.persons) = (true, true);
                finder.dotted |= entity == Entity::BrCpf;
            }
        }
        match entity {
            Entity::Email => self.add(*b"@", stop::AT),
            Entity::Ipv6 => self.add(*b":", stop::COLON),
            Entity::Jwt => self.add(*b"e", stop::FIXED),
            Entity::PrivateKey => self.add(*b"-", stop::FIXED),
            Entity::Token => self.add_prefixes(),
            _ => self.add(b'0'..=b'9', stop::DIGIT),
        }
    }

    fn add_prefixes(&mut self) {
        let small = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        self.prefixes.clear();
        for (number, prefix) in PREFIXES.iter().enumerate() {
            let (at, bytes) = (prefix.anchor(), prefix.prefix.as_bytes());
            let (Some(byte), Some(second)) = (bytes.get(at).copied(), bytes.get(at + 1)) else { continue };
            let third = bytes.get(at + 2).map_or_else(|| prefix.first(), |third| vec![*third]);
            self.finder.fragments.add(byte, *second, &third);
            let anchor = Anchor { byte, second: *second, number: small(number), at: small(at) };
            let place = self.prefixes.partition_point(|other| *other < anchor);
            self.prefixes.insert(place, anchor);
        }
        for (place, anchor) in self.prefixes.iter().enumerate() {
            if let Some((from, to)) = self.buckets.get_mut(usize::from(anchor.byte)) {
                *from = if *to == 0 { small(place) } else { *from };
                *to = small(place + 1);
            }
        }
        let bytes = self.prefixes.iter().map(|anchor| anchor.byte).collect::<Vec<_>>();
        self.add(bytes, stop::PREFIX);
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
        self.stops.add_entity(entity);
    }

    /// Adds a rule; returns its number.
    pub fn rule(&mut self, rule: Rule) -> usize {
        self.rules.push(rule);
        self.rules.len() - 1
    }

    /// Looks for values behind names.
    pub fn find_named(&mut self, names: Names, rule: usize) {
        self.stops.finder.names = Some(Tails::new(names.tails()));
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
        self.stops.add_bytes(&self.words.anchors().collect::<Vec<_>>(), stop::WORD);
        Ok(())
    }

    /// Looks for what an expression matches.
    ///
    /// # Errors
    ///
    /// [`InvalidPattern`] when this one and those before it become too large together.
    #[cfg(feature = "full")]
    pub fn find_pattern(&mut self, pattern: Pattern, rule: usize) -> Result<(), InvalidPattern> {
        self.sources.push((pattern, rule));
        let patterns = Automaton::new(&self.sources)?;
        self.stops.add_bytes(patterns.first(), stop::PATTERN);
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

    /// Where in a text something may be, behind which there is nothing more, or is.
    pub(crate) fn marks<'m>(&'m self, text: &'m [u8], complete: bool) -> Marks<'m> {
        Marks::new(&self.stops.finder, text, complete)
    }

    /// The same with the quotes and backslashes of JSON.
    pub(crate) fn quoted_marks<'m>(&'m self, text: &'m [u8], complete: bool) -> Marks<'m> {
        Marks::quoted(&self.stops.finder, text, complete)
    }

    /// The same of JSON alone.
    pub(crate) fn json_marks<'m>(&'m self, text: &'m [u8], complete: bool) -> Marks<'m> {
        Marks::strings(&self.stops.finder, text, complete)
    }

    pub(crate) fn stops(&self) -> &Stops {
        &self.stops
    }

    pub(crate) fn words(&self) -> &Words {
        &self.words
    }

    #[cfg(feature = "full")]
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
