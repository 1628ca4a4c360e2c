//! One automaton of all expressions.

use super::parse::{InvalidPattern, Node, Pattern, Set};
use crate::entity::Candidate;
use crate::view::{View, is_word};

/// The most states of the automaton that is walked, and the most transitions of the one that it is made of.
const MAX_STATES: usize = 2000;
const MAX_STEPS: usize = 5000;

/// A deterministic automaton: a row for each state, with the next state for each class of bytes. State 0 has no way out.
#[derive(Debug, Default)]
pub(crate) struct Automaton {
    classes: Vec<u8>,
    width: usize,
    next: Vec<u16>,
    /// What a state accepts: the rules, and whether a word must end there.
    accepts: Vec<Vec<Accept>>,
    /// The bytes that can begin a match.
    first: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Accept {
    rule: usize,
    word_start: bool,
    word_end: bool,
}

impl Automaton {
    /// Makes one of expressions and their rules.
    pub fn new(patterns: &[(Pattern, usize)]) -> Result<Self, InvalidPattern> {
        let mut steps = Steps::default();
        let start = steps.state()?;
        for (pattern, rule) in patterns {
            let accept = Accept { rule: *rule, word_start: pattern.word_start, word_end: pattern.word_end };
            let entry = steps.state()?;
            let end = steps.add(&pattern.node, entry)?;
            steps.empty(start, entry)?;
            steps.accepts.push((end, accept));
        }
        Self::determine(&steps, start)
    }

    fn determine(steps: &Steps, start: usize) -> Result<Self, InvalidPattern> {
        let (classes, representatives) = classes(steps);
        let width = representatives.len();
        let mut automaton = Self { classes, width, next: vec![0; width], accepts: vec![Vec::new()], first: Vec::new() };
        let first = steps.closure(vec![start]);
        // Sorted, to be searched.
        let mut numbers = vec![(Vec::new(), 0_u16), (first.clone(), 1)];
        let mut waiting = vec![first];
        automaton.next.resize(2 * width, 0);
        automaton.accepts.push(Vec::new());
        let mut done = 0;
        while let Some(states) = waiting.get(done).cloned() {
            done += 1;
            for (class, byte) in representatives.iter().enumerate() {
                let set = steps.closure(steps.after(&states, *byte));
                let known = numbers.binary_search_by(|(other, _)| other.cmp(&set));
                let number = match known {
                    Ok(place) => numbers.get(place).map_or(0, |(_, number)| *number),
                    Err(place) => {
                        let number = u16::try_from(automaton.accepts.len()).unwrap_or(u16::MAX);
                        if automaton.accepts.len() > MAX_STATES {
                            return Err(InvalidPattern::TooLarge);
                        }
                        automaton.accepts.push(steps.accepted(&set));
                        automaton.next.resize(automaton.accepts.len() * width, 0);
                        numbers.insert(place, (set.clone(), number));
                        waiting.push(set);
                        number
                    }
                };
                if let Some(place) = automaton.next.get_mut(done * width + class) {
                    *place = number;
                }
            }
        }
        automaton.first = (0..=255).filter(|byte| automaton.step(1, *byte) != 0).collect();
        Ok(automaton)
    }

    /// The bytes that can begin a match.
    pub fn first(&self) -> &[u8] {
        &self.first
    }

    /// The longest match that begins at `at`, and its rule.
    #[inline(never)]
    pub fn at(&self, view: &View<'_>, at: usize) -> Option<(Candidate, usize)> {
        let within = view.before(at, 1).is_some_and(is_word) && view.get(at).is_some_and(is_word);
        let mut state = 1;
        let mut found = None;
        for end in at..at + super::LONGEST {
            let Some(byte) = view.get(end) else { break };
            state = self.step(state, byte);
            if state == 0 {
                break;
            }
            let accepts = self.accepts.get(usize::from(state)).map(Vec::as_slice).unwrap_or_default();
            let fits = |accept: &&Accept| {
                let cut = accept.word_end && is_word(byte) && view.get(end + 1).is_some_and(is_word);
                !(cut || (accept.word_start && within))
            };
            if let Some(accept) = accepts.iter().find(fits) {
                found = Some((Candidate::new(at, end + 1, 100), accept.rule));
            }
        }
        found
    }

    fn step(&self, state: u16, byte: u8) -> u16 {
        let class = self.classes.get(usize::from(byte)).copied().map_or(0, usize::from);
        self.next.get(usize::from(state) * self.width + class).copied().unwrap_or(0)
    }
}

/// Bytes that no set tells apart are a class; and one byte of each.
fn classes(steps: &Steps) -> (Vec<u8>, Vec<u8>) {
    let mut sets: Vec<Set> = Vec::new();
    for (set, _) in steps.bytes.iter().flatten() {
        if !sets.contains(set) {
            sets.push(*set);
        }
    }
    let mut representatives: Vec<u8> = Vec::new();
    let mut classes = Vec::with_capacity(256);
    for byte in 0..=255_u8 {
        let same = |other: &u8| sets.iter().all(|set| set.has(byte) == set.has(*other));
        let class = representatives.iter().position(same).unwrap_or_else(|| {
            representatives.push(byte);
            representatives.len() - 1
        });
        classes.push(u8::try_from(class).unwrap_or(u8::MAX));
    }
    (classes, representatives)
}

/// An automaton that can be in several states at once.
#[derive(Debug, Default)]
struct Steps {
    /// From each state, with a byte of a set.
    bytes: Vec<Vec<(Set, usize)>>,
    /// From each state, with nothing.
    free: Vec<Vec<usize>>,
    accepts: Vec<(usize, Accept)>,
    count: usize,
}

impl Steps {
    fn state(&mut self) -> Result<usize, InvalidPattern> {
        self.count()?;
        self.bytes.push(Vec::new());
        self.free.push(Vec::new());
        Ok(self.bytes.len() - 1)
    }

    fn count(&mut self) -> Result<(), InvalidPattern> {
        self.count += 1;
        if self.count > MAX_STEPS { Err(InvalidPattern::TooLarge) } else { Ok(()) }
    }

    fn empty(&mut self, from: usize, to: usize) -> Result<(), InvalidPattern> {
        self.count()?;
        if let Some(free) = self.free.get_mut(from) {
            free.push(to);
        }
        Ok(())
    }

    /// Adds what matches a node, from a state on; returns the state behind it.
    fn add(&mut self, node: &Node, from: usize) -> Result<usize, InvalidPattern> {
        match node {
            Node::Set(set) => {
                let to = self.state()?;
                if let Some(bytes) = self.bytes.get_mut(from) {
                    bytes.push((*set, to));
                }
                Ok(to)
            }
            Node::All(nodes) => nodes.iter().try_fold(from, |from, node| self.add(node, from)),
            Node::Any(nodes) => {
                let to = self.state()?;
                for node in nodes {
                    let entry = self.state()?;
                    self.empty(from, entry)?;
                    let end = self.add(node, entry)?;
                    self.empty(end, to)?;
                }
                Ok(to)
            }
            Node::Times(node, least, most) => {
                let mut at = from;
                for _ in 0..*least {
                    self.count()?;
                    at = self.add(node, at)?;
                }
                let to = self.state()?;
                for _ in *least..*most {
                    self.empty(at, to)?;
                    at = self.add(node, at)?;
                }
                self.empty(at, to)?;
                Ok(to)
            }
        }
    }

    /// All states that can be reached with nothing, sorted.
    fn closure(&self, states: Vec<usize>) -> Vec<usize> {
        let mut seen = vec![false; self.bytes.len()];
        let mut waiting = states;
        while let Some(state) = waiting.pop() {
            let Some(place) = seen.get_mut(state).filter(|seen| !**seen) else { continue };
            *place = true;
            waiting.extend(self.free.get(state).into_iter().flatten());
        }
        (0..seen.len()).filter(|state| seen.get(*state) == Some(&true)).collect()
    }

    fn after(&self, states: &[usize], byte: u8) -> Vec<usize> {
        let steps = states.iter().filter_map(|state| self.bytes.get(*state)).flatten();
        steps.filter(|(set, _)| set.has(byte)).map(|(_, to)| *to).collect()
    }

    fn accepted(&self, states: &[usize]) -> Vec<Accept> {
        let mut accepts: Vec<Accept> = Vec::new();
        for (_, accept) in self.accepts.iter().filter(|(state, _)| states.binary_search(state).is_ok()) {
            let place = accepts.partition_point(|other| other < accept);
            accepts.insert(place, *accept);
        }
        accepts
    }
}
