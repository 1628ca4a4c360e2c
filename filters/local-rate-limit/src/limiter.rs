//! Whether a request passes: all its limits are checked, then charged, or none is.
//!
//! Each rule that applies costs one read and one compare-and-swap. Within a rule the limits are charged by that one swap,
//! all or none. Across rules there is no such thing, so all are checked first, and only when all admit is the first one
//! charged; if a later one is used up by somebody else meanwhile, what was charged is given back. So a request that is refused
//! keeps nothing, and what other requests can lose to one that is given back is its cost, for as long as its swaps take. None is
//! ever admitted too many.

use crate::set::{Counters, MAX_WINDOWS, Place, Set};
use crate::window::{Charge, Now, Window};

/// How often a swap is tried before a request is refused because of others.
pub const MAX_TRIES: u32 = 32;
/// The tag of the one counter of an overflow value.
const OVERFLOW: u64 = 0;

/// The shared values of one rule.
pub trait Cells {
    /// Why a value cannot be had.
    type Error;
    /// Which value was read, and which state of it.
    type Version;

    /// A value and its version.
    ///
    /// # Errors
    ///
    /// When the host refuses it.
    fn read(&self, cell: Cell) -> Result<Read<Self::Version>, Self::Error>;

    /// What this worker has stored here last, with a version that only a swap can prove: it fails if anybody has stored
    /// something since. Nothing when that is not known any more. It saves a read, and is told once.
    fn recall(&self, cell: Cell, now: Now) -> Option<(Vec<u8>, Self::Version)> {
        let _ = (cell, now);
        None
    }

    /// Stores a value where one was read, if nobody has since, and says whether so.
    ///
    /// # Errors
    ///
    /// When the host refuses it.
    fn swap(&self, cell: Cell, value: Vec<u8>, version: Self::Version, now: Now) -> Result<bool, Self::Error>;
}

/// A value, if there is one, and its version.
pub type Read<V> = (Option<Vec<u8>>, V);

/// Which value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// The set of this number.
    Set(u32),
    /// What keys share that have no place in their set.
    Overflow,
}

/// The counters of one rule.
#[derive(Debug)]
pub struct Table<C> {
    /// Where they are.
    pub cells: C,
    /// How many sets there are, at least 1.
    pub sets: u32,
    /// How many limits a slot has room for.
    pub windows: usize,
    /// The limits of the overflow value.
    pub overflow: Vec<Window>,
}

/// What a request asks of a rule.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'r, C> {
    /// The rule's counters.
    pub table: &'r Table<C>,
    /// Whose counters.
    pub tag: u64,
    /// The limits.
    pub limits: &'r [Window],
    /// How many it must get.
    pub need: u64,
    /// How many it takes if there are as many: a lease. At least `need`.
    pub want: u64,
    /// Whether a refusal is only noted.
    pub shadow: bool,
}

/// What was charged, as long as it may be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    cell: Cell,
    tag: u64,
    /// Where in time each limit's charge stands.
    at: [u64; MAX_WINDOWS],
    /// How many were taken, of each limit.
    pub count: u64,
}

/// What a rule answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Nothing, when it refuses, or when another rule has refused.
    pub receipt: Option<Receipt>,
    /// Nanoseconds until it will admit, 0 when it does.
    pub wait: u64,
    /// Its counters afterwards.
    pub counters: Counters,
    /// Whether the key had to share the overflow value.
    pub overflow: bool,
    /// Whether others changed the value at every try.
    pub contended: bool,
}

/// A rule that is being asked. It is filled in where it stands: to move what is large is a call into the proxy's engine.
pub struct Asking<'d, C: Cells> {
    demand: &'d Demand<'d, C>,
    /// As long as nothing is charged.
    answer: Answer,
    /// The rule's new value, not yet stored, with the version that it replaces; nothing when the rule refuses.
    change: Option<(Set, C::Version)>,
    /// What the answer has once that is stored.
    receipt: Receipt,
    after: Counters,
}

/// The value that a key is counted in.
struct Found<'d, V> {
    cell: Cell,
    set: Set,
    version: V,
    place: Place,
    tag: u64,
    limits: &'d [Window],
}

/// Asks all rules. The request passes if no answer of a rule that is not in shadow has a wait.
///
/// # Errors
///
/// The host's, with the number of the rule. What was charged before is given back.
pub fn decide<C: Cells>(demands: &[Demand<'_, C>], now: Now) -> Result<Vec<Answer>, (usize, C::Error)> {
    let mut asked = Vec::with_capacity(demands.len());
    for (rule, demand) in demands.iter().enumerate() {
        let mut asking = Asking::new(demand);
        asking.prepare(now).map_err(|error| (rule, error))?;
        asked.push(asking);
    }
    let refused = asked.iter().any(|asking| asking.change.is_none() && !asking.demand.shadow);
    let mut answers: Vec<Answer> = Vec::with_capacity(demands.len());
    for (rule, mut asking) in asked.into_iter().enumerate() {
        // Once one has refused, the others are only told how they stand.
        let before = answers.iter().zip(demands).all(|(answer, demand)| answer.receipt.is_some() || demand.shadow);
        if !refused && before {
            let done = asking.commit(now);
            if done.is_err() || asking.answer.receipt.is_none() && !asking.demand.shadow {
                give_back(&mut answers, demands, now);
            }
            done.map_err(|error| (rule, error))?;
        }
        answers.push(asking.answer);
    }
    Ok(answers)
}

/// Gives back what was charged, and says whether it could: after [`MAX_TRIES`] it stays charged.
///
/// # Errors
///
/// The host's.
pub fn refund<C: Cells>(table: &Table<C>, limits: &[Window], receipt: &Receipt, now: Now) -> Result<bool, C::Error> {
    let limits = if receipt.cell == Cell::Overflow { &table.overflow } else { limits };
    for _ in 0..MAX_TRIES {
        let (value, version) = table.cells.read(receipt.cell)?;
        let mut set = Set::read(value, table.windows);
        // Whose slot it is now, if another key has it: there is nothing left to give back.
        let Some(place) = set.find(receipt.tag) else { return Ok(true) };
        let mut counters = set.counters(place, receipt.tag);
        for ((counter, limit), at) in counters.iter_mut().zip(limits).zip(receipt.at) {
            *counter = limit.refund(*counter, &Charge { at, count: receipt.count }, now);
        }
        set.put(place, receipt.tag, &counters);
        if table.cells.swap(receipt.cell, set.into_value(), version, now)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn give_back<C: Cells>(answers: &mut [Answer], demands: &[Demand<'_, C>], now: Now) {
    for (answer, demand) in answers.iter_mut().zip(demands) {
        if let Some(receipt) = answer.receipt.take() {
            // What cannot be given back stays charged: the limit holds all the same.
            let _ = refund(demand.table, demand.limits, &receipt, now);
        }
    }
}

impl<'d, C: Cells> Asking<'d, C> {
    /// Nothing is asked yet.
    pub fn new(demand: &'d Demand<'d, C>) -> Self {
        let counters = Counters::default();
        let answer = Answer { receipt: None, wait: 0, counters, overflow: false, contended: false };
        let receipt = Receipt { cell: Cell::Overflow, tag: OVERFLOW, at: [0; MAX_WINDOWS], count: 0 };
        Self { demand, answer, change: None, receipt, after: counters }
    }

    /// Asks this rule alone, as [`decide`] does several.
    ///
    /// # Errors
    ///
    /// The host's.
    pub fn ask(&mut self, now: Now) -> Result<&Answer, C::Error> {
        self.prepare(now)?;
        self.commit(now)?;
        Ok(&self.answer)
    }

    /// Looks how the rule stands.
    fn prepare(&mut self, now: Now) -> Result<(), C::Error> {
        let Demand { table, tag, limits, .. } = *self.demand;
        // The upper half, so that which set it is does not follow from the lowest bits of the tag alone.
        let cell = Cell::Set((tag >> 32) as u32 % table.sets.max(1));
        let mut recalled = table.cells.recall(cell, now);
        loop {
            let is_old = recalled.is_some();
            let (value, version) = match recalled.take() {
                Some((value, version)) => (Some(value), version),
                None => table.cells.read(cell)?,
            };
            let set = Set::read(value, table.windows);
            match set.place(tag, now) {
                Some(place) => self.count(Found { cell, set, version, place, tag, limits }, now),
                None if is_old => continue,
                None => return self.prepare_overflow(now),
            }
            // What may be old by now is good for a swap, and for nothing else: neither for a refusal, nor for the overflow value.
            if self.change.is_some() || !is_old {
                return Ok(());
            }
        }
    }

    /// Looks how the value stands that keys share which have no place.
    #[cold]
    fn prepare_overflow(&mut self, now: Now) -> Result<(), C::Error> {
        let table = self.demand.table;
        let (value, version) = table.cells.read(Cell::Overflow)?;
        let set = Set::read(value, table.windows);
        let place = set.place(OVERFLOW, now).unwrap_or(Place::FIRST);
        let found = Found { cell: Cell::Overflow, set, version, place, tag: OVERFLOW, limits: &table.overflow };
        self.count(found, now);
        Ok(())
    }

    /// Counts the request in a value, if all limits admit it.
    #[inline]
    fn count(&mut self, found: Found<'d, C::Version>, now: Now) {
        let Found { cell, mut set, version, place, tag, limits } = found;
        let Demand { need, want, .. } = *self.demand;
        let counters = set.counters(place, tag);
        let pairs = || counters.iter().zip(limits);
        let wait = pairs().map(|(counter, limit)| limit.wait(*counter, need, now)).max().unwrap_or_default();
        self.answer.wait = wait;
        self.answer.counters = counters;
        self.answer.overflow = cell == Cell::Overflow;
        if wait > 0 {
            return;
        }
        let mut count = need;
        if want > count {
            let has = pairs().map(|(counter, limit)| limit.standing(*counter, now).remaining).min();
            count = want.min(has.unwrap_or(count)).max(count);
        }
        self.after = counters;
        self.receipt = Receipt { cell, tag, at: [0; MAX_WINDOWS], count };
        for ((counter, at), limit) in self.after.iter_mut().zip(&mut self.receipt.at).zip(limits) {
            let (after, charge) = limit.charge(*counter, count, now);
            (*counter, *at) = (after, charge.at);
        }
        set.put(place, tag, &self.after);
        self.change = Some((set, version));
    }

    /// Stores the change, if there is one, and as often as it takes looks again at what others have stored.
    fn commit(&mut self, now: Now) -> Result<(), C::Error> {
        for _ in 0..MAX_TRIES {
            let Some((set, version)) = self.change.take() else { return Ok(()) };
            if self.demand.table.cells.swap(self.receipt.cell, set.into_value(), version, now)? {
                self.answer.receipt = Some(self.receipt);
                self.answer.counters = self.after;
                return Ok(());
            }
            self.prepare(now)?;
        }
        self.change = None;
        self.answer.wait = self.answer.wait.max(1);
        self.answer.contended = true;
        Ok(())
    }
}

impl Receipt {
    /// How many words it is written in.
    pub const WORDS: usize = 4 + MAX_WINDOWS;

    /// It as words, to be kept elsewhere.
    #[must_use]
    pub fn words(&self) -> [u64; Self::WORDS] {
        let (kind, number) = match self.cell {
            Cell::Set(number) => (0, u64::from(number)),
            Cell::Overflow => (1, 0),
        };
        let [a, b, c] = self.at;
        [kind, number, self.tag, self.count, a, b, c]
    }

    /// The receipt of these words; nothing for what is none.
    #[must_use]
    pub fn from_words([kind, number, tag, count, at @ ..]: &[u64; Self::WORDS]) -> Option<Self> {
        let cell = match kind {
            0 => Cell::Set(u32::try_from(*number).ok()?),
            1 => Cell::Overflow,
            _ => return None,
        };
        Some(Self { cell, tag: *tag, at: *at, count: *count })
    }
}

impl Answer {
    /// Whether the rule refuses by itself.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.wait > 0
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell as Slot, RefCell};
    use std::collections::HashMap;
    use std::convert::Infallible;

    use super::*;
    use crate::window::SECOND;

    const NOW: Now = Now(1_000_000 * SECOND);

    type Versioned = (Vec<u8>, u32);
    type Stored = (Cell, Vec<u8>, u32);

    /// Shared values in memory, of which others change one between a read and a swap, as often as is said.
    #[derive(Default)]
    struct Memory {
        values: RefCell<HashMap<Option<u32>, Versioned>>,
        others: Slot<u32>,
        /// What the others store.
        meanwhile: RefCell<Option<Vec<u8>>>,
        /// What was stored last, if that is remembered.
        last: Option<RefCell<Option<Stored>>>,
        reads: Slot<u32>,
    }

    impl Cells for Memory {
        type Error = Infallible;
        type Version = (Cell, u32);

        fn read(&self, cell: Cell) -> Result<(Option<Vec<u8>>, (Cell, u32)), Infallible> {
            self.reads.set(self.reads.get() + 1);
            let values = self.values.borrow();
            let found = values.get(&number(cell));
            Ok(found.map_or((None, (cell, 0)), |(value, version)| (Some(value.clone()), (cell, *version))))
        }

        fn recall(&self, cell: Cell, _: Now) -> Option<(Vec<u8>, (Cell, u32))> {
            let (last, value, version) = self.last.as_ref()?.take()?;
            (last == cell).then_some((value, (cell, version)))
        }

        fn swap(&self, _: Cell, value: Vec<u8>, (cell, version): (Cell, u32), _: Now) -> Result<bool, Infallible> {
            let mut values = self.values.borrow_mut();
            let entry = values.entry(number(cell)).or_default();
            if self.others.get() > 0 {
                self.others.set(self.others.get() - 1);
                entry.1 += 1;
                if let Some(value) = self.meanwhile.take() {
                    entry.0 = value;
                }
            }
            if entry.1 != version {
                return Ok(false);
            }
            if let Some(last) = &self.last {
                last.replace(Some((cell, value.clone(), version + 1)));
            }
            *entry = (value, version + 1);
            Ok(true)
        }
    }

    fn number(cell: Cell) -> Option<u32> {
        match cell {
            Cell::Set(number) => Some(number),
            Cell::Overflow => None,
        }
    }

    fn table(sets: u32, limits: &[Window]) -> Table<Memory> {
        Table { cells: Memory::default(), sets, windows: limits.len(), overflow: limits.to_vec() }
    }

    fn demand<'r>(table: &'r Table<Memory>, tag: u64, limits: &'r [Window]) -> Demand<'r, Memory> {
        Demand { table, tag, limits, need: 1, want: 1, shadow: false }
    }

    /// One rule alone is asked otherwise, and comes to the same.
    fn ask(demands: &[Demand<'_, Memory>], now: Now) -> Vec<Answer> {
        match demands {
            [demand] => vec![*Asking::new(demand).ask(now).unwrap()],
            _ => decide(demands, now).unwrap(),
        }
    }

    /// How many more a rule's first limit has, by its answer.
    fn left(answer: &Answer, limits: &[Window]) -> u64 {
        limits[0].standing(answer.counters[0], NOW).remaining
    }

    fn passes(demands: &[Demand<'_, Memory>], now: Now) -> bool {
        ask(demands, now).iter().zip(demands).all(|(answer, demand)| demand.shadow || !answer.refuses())
    }

    #[test]
    fn limits_of_one_rule_are_charged_all_or_none() {
        let limits = [Window::gcra(10, 1, 10).unwrap(), Window::fixed(2, 60).unwrap()];
        let table = table(1, &limits);
        let admitted = (0..5).filter(|_| passes(&[demand(&table, 7, &limits)], NOW)).count();
        assert_eq!(admitted, 2);
        let answer = ask(&[demand(&table, 7, &limits)], NOW)[0];
        assert_eq!(left(&answer, &limits), 8, "the refused ones took nothing of the first");
    }

    #[test]
    fn what_one_rule_refuses_is_charged_to_none() {
        let (wide, narrow) = ([Window::fixed(10, 60).unwrap()], [Window::fixed(1, 60).unwrap()]);
        let tables = [table(1, &wide), table(1, &narrow)];
        let demands = [demand(&tables[0], 1, &wide), demand(&tables[1], 1, &narrow)];
        let admitted = (0..5).filter(|_| passes(&demands, NOW)).count();
        assert_eq!(admitted, 1);
        assert_eq!(left(&ask(&demands[..1], NOW)[0], &wide), 8, "one with it, one now");
    }

    #[test]
    fn a_rule_in_shadow_counts_and_never_refuses() {
        let (wide, narrow) = ([Window::fixed(10, 60).unwrap()], [Window::fixed(1, 60).unwrap()]);
        let tables = [table(1, &wide), table(1, &narrow)];
        let shadow = Demand { shadow: true, ..demand(&tables[1], 1, &narrow) };
        let demands = [shadow, demand(&tables[0], 1, &wide)];
        assert!((0..5).all(|_| passes(&demands, NOW)));
        let answers = ask(&demands, NOW);
        assert!(answers[0].refuses() && !answers[1].refuses());
        assert_eq!(left(&answers[1], &wide), 4);
    }

    /// Between the check and the second rule's swap, somebody else takes the last of the second rule.
    #[test]
    fn what_was_charged_is_given_back_when_a_later_rule_is_used_up_meanwhile() {
        let (wide, narrow) = ([Window::fixed(10, 60).unwrap()], [Window::fixed(1, 60).unwrap()]);
        let tables = [table(1, &wide), table(1, &narrow)];
        assert!(passes(&[demand(&tables[1], 1, &narrow)], NOW));
        let used_up = tables[1].cells.values.borrow_mut().remove(&Some(0)).unwrap().0;
        tables[1].cells.meanwhile.replace(Some(used_up));
        tables[1].cells.others.set(1);
        let demands = [demand(&tables[0], 1, &wide), demand(&tables[1], 1, &narrow)];
        assert!(!passes(&demands, NOW));
        assert_eq!(left(&ask(&demands[..1], NOW)[0], &wide), 9, "only this one is charged");
    }

    #[test]
    fn who_is_never_first_is_refused_and_not_let_through() {
        let limits = [Window::fixed(10, 60).unwrap()];
        let table = table(1, &limits);
        table.cells.others.set(MAX_TRIES);
        let answer = ask(&[demand(&table, 1, &limits)], NOW)[0];
        assert!(answer.refuses() && answer.contended && answer.receipt.is_none());
        table.cells.others.set(MAX_TRIES - 1);
        assert!(passes(&[demand(&table, 1, &limits)], NOW));
    }

    #[test]
    fn what_was_stored_last_is_not_read_again_and_never_believed() {
        let limits = [Window::fixed(3, 60).unwrap()];
        let mut table = table(1, &limits);
        table.cells.last = Some(RefCell::default());
        let asked = [demand(&table, 7, &limits)];
        assert!(passes(&asked, NOW) && passes(&asked, NOW));
        assert_eq!(table.cells.reads.get(), 1);
        // Somebody else takes the last one meanwhile.
        let mut set = Set::read(Some(table.cells.values.borrow()[&Some(0)].0.clone()), 1);
        let place = set.find(7).unwrap();
        let mut counters = set.counters(place, 7);
        counters[0] = limits[0].charge(counters[0], 1, NOW).0;
        set.put(place, 7, &counters);
        table.cells.meanwhile.replace(Some(set.into_value()));
        table.cells.others.set(1);
        assert!(!passes(&asked, NOW), "the swap has failed, and what was read then is used up");
        assert_eq!(table.cells.reads.get(), 2);
        // They give it back: a refusal rests on what is there, not on what was stored last.
        assert!(!passes(&asked, NOW));
        let at = limits[0].charge(Default::default(), 1, NOW).1.at;
        let receipt = Receipt { cell: Cell::Set(0), tag: 7, at: [at, 0, 0], count: 1 };
        assert!(refund(&table, &limits, &receipt, NOW).unwrap());
        assert!(passes(&asked, NOW) && !passes(&asked, NOW));
    }

    #[test]
    fn a_million_keys_gain_nothing_beyond_the_bound() {
        let limits = [Window::gcra(1, 60, 2).unwrap()];
        let table = table(16, &limits);
        let key = tamis::hash::Key::new([3; 16]);
        let tags = (0..1_000_000_u64).map(|key_number| key.hash(&key_number.to_le_bytes()));
        let admitted = tags.filter(|tag| passes(&[demand(&table, *tag, &limits)], NOW)).count();
        assert_eq!(admitted, 16 * 8 + 2, "a place for one request of each of 128 keys, and the overflow's burst");
        assert_eq!(table.cells.values.borrow().len(), 17);
        assert!(table.cells.values.borrow().values().all(|(value, _)| value.len() <= 256));
    }

    #[test]
    fn a_refund_makes_room_for_as_many() {
        let limits = [Window::gcra(1, 60, 2).unwrap(), Window::fixed(2, 60).unwrap()];
        let table = table(1, &limits);
        let asked = [demand(&table, 7, &limits)];
        let receipt = ask(&asked, NOW)[0].receipt.unwrap();
        assert!(passes(&asked, NOW) && !passes(&asked, NOW));
        assert!(refund(&table, &limits, &receipt, NOW).unwrap());
        assert!(passes(&asked, NOW) && !passes(&asked, NOW));
    }

    #[test]
    fn a_lease_takes_what_there_is() {
        let limits = [Window::fixed(5, 60).unwrap()];
        let table = table(1, &limits);
        let leased =
            || ask(&[Demand { want: 3, ..demand(&table, 7, &limits) }], NOW)[0].receipt.map(|receipt| receipt.count);
        assert_eq!((leased(), leased(), leased()), (Some(3), Some(2), None));
    }
}
