//! The scan: one pass over a text, whatever is looked for, in pieces of any size.
//!
//! # How the result comes to be the same for every cut
//!
//! The scan goes from stop to stop: bytes at which something may be, which [`crate::marks`] finds. What is decided at a stop
//! depends on bytes alone, at most [`AHEAD`] from the stop on and [`BACK`] before it, and on words further back
//! ([`crate::context`]). If one of the bytes ahead has not come yet, the scan ends there, and the stop is looked at again
//! when it has. What a later stop could still claim is not decided either: names and numbers that reach the end of what is
//! here, at most `BACK` bytes. So what is reported is what would have been reported with everything at once, and at most
//! [`HOLD_BACK`] bytes wait.
//!
//! What is found later takes in what was found before if it has all of it. If it has a part of it, it is left out.

use std::ops::Range;

use crate::context::{BONUS, Context, HISTORY, MALUS, Topics};
use crate::detect::{AHEAD, BACK, Groups, address, card, email, iban, jwt, keyed, pem, person, phone, token};
use crate::entity::{Candidate, Entity, Finding};
use crate::marks::Marks;
use crate::open::Open;
use crate::plan::{Plan, stop};
use crate::view::{View, is_word};

/// The most bytes of a text that wait until more has come: what a stop asks for, what a later one can claim, and a find that
/// reaches into that.
pub const HOLD_BACK: usize = AHEAD + BACK + (AHEAD + BACK);

/// How far a text has come.
#[derive(Debug, Clone)]
pub struct Scan {
    before: [u8; HISTORY],
    length: usize,
    /// What goes on, its rule, and whether it is still to begin.
    open: Option<(Open, usize, bool)>,
}

impl Default for Scan {
    fn default() -> Self {
        Self { before: [0; HISTORY], length: 0, open: None }
    }
}

impl Scan {
    /// A text that is meant as a whole, whatever it says: the value of a name such as `password`.
    #[must_use]
    pub fn whole(rule: usize) -> Self {
        Self { open: Some((Open::Whole, rule, true)), ..Self::default() }
    }

    fn before(&self) -> &[u8] {
        self.before.get(HISTORY - self.length..).unwrap_or_default()
    }

    /// Remembers what was decided.
    fn remember(&mut self, text: &[u8]) {
        let new = text.get(text.len().saturating_sub(HISTORY)..).unwrap_or_default();
        self.before.copy_within(new.len().., 0);
        if let Some(end) = self.before.get_mut(HISTORY - new.len()..) {
            end.copy_from_slice(new);
        }
        self.length = HISTORY.min(self.length + new.len());
    }
}

impl Plan {
    /// Looks at the next piece of a text: the bytes that were left over the last time, and those that came since. What is
    /// found is added to `found`, in order. Returns how many bytes are decided; the rest has to come again, with more, or as
    /// the `last` piece, of which everything is decided.
    ///
    /// `key` is what the text's name says of it, where it has one.
    pub fn scan(&self, scan: &mut Scan, text: &[u8], last: bool, key: Topics, found: &mut Vec<Finding>) -> usize {
        self.scan_part(scan, &mut self.marks(text, last), 0..text.len(), last, key, found)
    }

    /// The same for a text that is a part of what is marked.
    pub(crate) fn scan_part(
        &self,
        scan: &mut Scan,
        marks: &mut Marks<'_>,
        part: Range<usize>,
        last: bool,
        key: Topics,
        found: &mut Vec<Finding>,
    ) -> usize {
        found.clear();
        let text = marks.text().get(part.clone()).unwrap_or_default();
        let decided = {
            let (open, view) = (scan.open.take(), View::new(text, scan.before(), last));
            let mut run = Run { plan: self, view: &view, key, context: None, found, floor: 0, open: None };
            let stopped = match open {
                Some((open, rule, begins)) => run.go_on(open, 0, 0, rule, begins),
                None if scan.length == 0 && marks.is_cut(part.start) => run.first(),
                None => Next::At(0),
            };
            let decided = run.all(marks, part.start, stopped);
            scan.open = run.open;
            decided
        };
        if last {
            scan.length = 0;
        } else {
            scan.remember(text.get(..decided).unwrap_or_default());
        }
        decided
    }
}

/// What comes after a stop.
enum Next {
    /// The scan goes on here.
    At(usize),
    /// Nothing more is here, and everything before this is decided.
    Decided(usize),
}

struct Run<'r, 't> {
    plan: &'r Plan,
    view: &'r View<'t>,
    key: Topics,
    context: Option<Context<'t>>,
    found: &'r mut Vec<Finding>,
    /// What is before this byte has been given away.
    floor: usize,
    open: Option<(Open, usize, bool)>,
}

impl<'t> Run<'_, 't> {
    fn all(&mut self, marks: &mut Marks<'_>, offset: usize, mut next: Next) -> usize {
        let text = self.view.slice(0..self.view.len());
        let end = offset + text.len();
        loop {
            let at = match next {
                Next::At(at) => at,
                Next::Decided(decided) => return decided,
            };
            let Some(at) = marks.stop(offset + at, end).and_then(|stop| stop.checked_sub(offset)) else {
                return self.decide(text, text.len());
            };
            // Marks are made of halves of bytes, and may be of another one's.
            let flags = self.plan.stops().flags(text.get(at).copied().unwrap_or(0));
            if flags == 0 {
                next = Next::At(at + 1);
                continue;
            }
            next = self.look(at);
            if self.view.starved() && matches!(next, Next::At(_)) {
                return self.decide(text, at);
            }
        }
    }

    /// The first byte, whatever its mark.
    fn first(&mut self) -> Next {
        let next = self.look(0);
        if self.view.starved() { Next::Decided(0) } else { next }
    }

    /// What of the text up to `end` no later stop can claim.
    fn decide(&mut self, text: &[u8], end: usize) -> usize {
        if self.view.is_last() {
            return text.len();
        }
        let tail = text.get(self.floor.max(end.saturating_sub(BACK))..end).unwrap_or_default();
        let name = tail.iter().rev().take_while(|byte| email::is_name(**byte)).count();
        let back = name.max(self.plan.words().back());
        let mut decided = end.saturating_sub(back).max(self.floor);
        while let Some(last) = self.found.last().filter(|last| last.end > decided) {
            decided = decided.min(last.start);
            self.found.pop();
        }
        decided
    }

    /// Whether a number with so many digits at its beginning is worth a look, by what is on both sides of these.
    #[inline]
    fn can_be_number(&self, before: u8, length: usize, behind: Option<u8>) -> bool {
        if before == b'+' {
            return true;
        }
        if is_word(before) {
            return before.is_ascii_uppercase() && length >= 2 && self.plan.rule_of(Entity::Iban).is_some();
        }
        match length {
            1 | 2 => behind == Some(b'.'),
            3 => matches!(behind, Some(b'-' | b' ' | b'.')),
            4 => matches!(behind, Some(b'-' | b' ')),
            6 => behind == Some(b'-'),
            9..=19 => true,
            _ => false,
        }
    }

    /// Asks everybody whose stop this byte is.
    #[inline(never)]
    fn look(&mut self, at: usize) -> Next {
        let Some(byte) = self.view.slice(at..at + 1).first().copied() else { return Next::At(at + 1) };
        let (flags, floor, view) = (self.plan.stops().flags(byte), self.floor, self.view);
        let next = at + 1;
        let mut found = None;
        if flags & stop::DIGIT != 0 && !view.before(at, 1).is_some_and(|byte| byte.is_ascii_digit()) {
            found = self.number(at);
        }
        if flags & stop::PREFIX != 0 && found.is_none() {
            let candidate = self.token(at, byte);
            found = self.weigh(Entity::Token, candidate);
        }
        if flags & stop::FIXED != 0 && found.is_none() {
            found = match byte {
                b'e' => self.weigh(Entity::Jwt, jwt::at(view, at, floor)),
                _ => self.weigh(Entity::PrivateKey, pem::at(view, at, floor)),
            };
        }
        if flags & stop::AT != 0 && found.is_none() {
            found = self.weigh(Entity::Email, email::at(view, at, floor));
        }
        if flags & stop::COLON != 0 && found.is_none() {
            found = self.weigh(Entity::Ipv6, address::six(view, at, floor));
        }
        if flags & stop::NAME != 0 && found.is_none() {
            found = self.plan.named().and_then(|(names, rule)| self.allowed(keyed::at(view, names, at)?, rule));
        }
        if flags & stop::WORD != 0 && found.is_none() {
            let word = self.plan.words().at(view, at, byte, floor);
            found = word.and_then(|(candidate, rule)| self.allowed(candidate, rule));
        }
        #[cfg(feature = "full")]
        if flags & stop::PATTERN != 0 && found.is_none() {
            let matched = self.plan.patterns().and_then(|patterns| patterns.at(view, at));
            found = matched.and_then(|(candidate, rule)| self.allowed(candidate, rule));
        }
        match found {
            Some((candidate, rule)) if !view.starved() => self.take(candidate, rule, next),
            _ => Next::At(next),
        }
    }

    /// The first digit of a number: what it can be, and the surest of it.
    #[inline(never)]
    fn number(&mut self, at: usize) -> Option<(Candidate, usize)> {
        let (view, floor) = (self.view, self.floor);
        let length = view.digits(at, 20);
        let before = view.before(at, 1);
        let behind = view.get(at + length);
        if before == Some(b'+') && self.plan.rule_of(Entity::Phone).is_some() {
            return self.weigh(Entity::Phone, phone::at(view, at, floor));
        }
        if length >= 2
            && before.is_some_and(|byte| byte.is_ascii_uppercase())
            && self.plan.rule_of(Entity::Iban).is_some()
            && let Some(found) = self.weigh(Entity::Iban, iban::at(view, at, floor))
        {
            return Some(found);
        }
        if length <= 3
            && behind == Some(b'.')
            && self.plan.rule_of(Entity::Ipv4).is_some()
            && let Some(found) = self.weigh(Entity::Ipv4, address::four(view, at))
        {
            return Some(found);
        }
        if before.is_some_and(is_word) || !self.can_be_number(before.unwrap_or(b' '), length, behind) {
            return None;
        }
        let groups = Groups::read(view, at, length);
        let mut best: Option<(i32, Candidate, usize)> = None;
        for (entity, find) in numbers(length) {
            let Some(rule) = self.plan.rule_of(*entity) else { continue };
            let Some(candidate) = find(view, &groups) else { continue };
            let Some(score) = self.score(*entity, &candidate, rule) else { continue };
            if best.is_none_or(|(other, ..)| other < score) {
                best = Some((score, candidate, rule));
            }
        }
        let (_, candidate, rule) = best?;
        self.allowed(candidate, rule)
    }

    #[inline(never)]
    fn token(&self, at: usize, byte: u8) -> Option<Candidate> {
        let second = self.view.get(at + 1);
        let anchors = self.plan.stops().prefixes(byte).iter().filter(|anchor| Some(anchor.second) == second);
        let mut candidates = anchors.filter_map(|anchor| {
            let prefix = token::PREFIXES.get(usize::from(anchor.number))?;
            prefix.at(self.view, at, usize::from(anchor.at), self.floor)
        });
        candidates.next()
    }

    #[inline(always)]
    fn weigh(&mut self, entity: Entity, candidate: Option<Candidate>) -> Option<(Candidate, usize)> {
        let (candidate, rule) = (candidate?, self.plan.rule_of(entity)?);
        self.score(entity, &candidate, rule)?;
        self.allowed(candidate, rule)
    }

    /// The score of something, with what the words nearby say, if it is enough.
    #[inline(never)]
    fn score(&mut self, entity: Entity, candidate: &Candidate, rule: usize) -> Option<i32> {
        let threshold = self.plan.rules().get(rule)?.threshold;
        if candidate.score - MALUS >= threshold {
            return Some(candidate.score);
        }
        if candidate.score + BONUS < threshold {
            return None;
        }
        let view = self.view;
        let context = self.context.get_or_insert_with(|| {
            let text = view.slice(0..view.len());
            Context::new(view.history(), text, self.key)
        });
        let before = context.weigh(entity, candidate.start);
        // A word behind it says nothing of a number that stands within a name, or is a part of a longer thing.
        let behind = before == 0
            && candidate.score < threshold
            && candidate.open.is_none()
            && Topics::is_behind(view, candidate.end, entity);
        let score = candidate.score + if behind { BONUS } else { before };
        (score >= threshold).then_some(score)
    }

    fn allowed(&self, candidate: Candidate, rule: usize) -> Option<(Candidate, usize)> {
        let excepted = candidate.open.is_none()
            && self.plan.rules().get(rule)?.allows(self.view.slice(candidate.start..candidate.end));
        (!excepted).then_some((candidate, rule))
    }

    /// Takes what was found in, and follows it to its end if that is still open.
    fn take(&mut self, candidate: Candidate, rule: usize, next: usize) -> Next {
        let start = candidate.start;
        if self.found.last().is_some_and(|last| last.start < start && start < last.end) {
            // Its beginning is masked already. What stands behind that is no such thing by itself.
            return Next::At(next);
        }
        while self.found.last().is_some_and(|last| last.end > start) {
            self.found.pop();
        }
        match candidate.open {
            Some(open) => self.go_on(open, start, candidate.end, rule, true),
            None => {
                self.found.push(Finding { start, end: candidate.end, rule, whole: true, begins: true, ends: true });
                Next::At(candidate.end)
            }
        }
    }

    /// Follows a token on from `at`.
    fn go_on(&mut self, mut open: Open, start: usize, at: usize, rule: usize, begins: bool) -> Next {
        let reached = open.follow(self.view, at);
        self.found.push(Finding { start, end: reached.end, rule, whole: false, begins, ends: reached.ended });
        self.floor = reached.end;
        if reached.ended {
            return Next::At(reached.end);
        }
        self.open = Some((open, rule, false));
        Next::Decided(reached.end)
    }
}

type Find = fn(&View<'_>, &Groups) -> Option<Candidate>;

/// What a number in groups can be whose first one has so many digits.
fn numbers(first: usize) -> &'static [(Entity, Find)] {
    const CARD: (Entity, Find) = (Entity::Card, card::at);
    const RRN: (Entity, Find) = (Entity::KrRrn, person::rrn);
    const SSN: (Entity, Find) = (Entity::UsSsn, person::ssn);
    const CPF: (Entity, Find) = (Entity::BrCpf, person::cpf);
    const AADHAAR: (Entity, Find) = (Entity::InAadhaar, person::aadhaar);
    const NHS: (Entity, Find) = (Entity::UkNhs, person::nhs);
    match first {
        3 => &[SSN, CPF, NHS],
        4 | 12 => &[CARD, AADHAAR],
        6 => &[RRN],
        9 => &[SSN],
        10 => &[NHS],
        11 => &[CPF],
        13 => &[CARD, RRN],
        14..=19 => &[CARD],
        _ => &[],
    }
}
