//! A rule's shared values at the proxy, and what it counts.
//!
//! A read costs more than a swap: the proxy has to ask the module for memory. So a plugin remembers the one value that it has
//! stored last, with the version that it has if nothing else was stored meanwhile, and tries a swap with that first. Whoever was
//! faster makes it fail, and then the value is read. It is remembered only while it is the last one: where the proxy
//! has stored something else in between, the try would be lost.

use std::cell::RefCell;
use std::rc::Rc;

use tamis::metrics::{Counter, Metric};
use tamis::shared::{SharedCell, SharedCells, Version};
use tamis::{ConfigError, HostError, PluginContext};

use crate::limiter::{Cell, Cells, Read};
use crate::window::{Now, SECOND};

/// How long a version is guessed: by far too short for the proxy's counter of 32 bits to come round.
const MAX_AGE: u64 = 60 * SECOND;

/// What a plugin has stored last, of all its rules.
pub(crate) type Last = Rc<RefCell<Option<Stored>>>;

/// A value that was stored.
#[derive(Debug)]
pub(crate) struct Stored {
    rule: usize,
    cell: Cell,
    at: Now,
    value: Vec<u8>,
    version: (SharedCell, Version),
}

/// The shared values of a rule.
#[derive(Debug)]
pub(crate) struct RuleCells {
    number: usize,
    last: Last,
    sets: SharedCells,
    overflow: SharedCell,
    pub counters: Counters,
}

/// What a rule counts beside what it refuses.
#[derive(Debug)]
pub(crate) struct Counters {
    pub allowed: Counter,
    pub overflow: Counter,
    pub contended: Counter,
    pub refunded: Counter,
}

impl RuleCells {
    /// Those of the rule with this number. `layout` is the form of its values.
    pub fn new(
        plugin: &PluginContext,
        (number, rule): (usize, &str),
        layout: u32,
        sets: u32,
        last: &Last,
    ) -> Result<Self, ConfigError> {
        let counter = |action| Counter::define(&["ratelimit.rule.", rule, ".action.", action].concat());
        Ok(Self {
            number,
            last: last.clone(),
            sets: SharedCells::new(plugin, &["rule.", rule].concat(), layout, sets)?,
            overflow: SharedCell::new(plugin, &["overflow.", rule].concat(), layout)?,
            counters: Counters {
                allowed: counter("allowed")?,
                overflow: counter("overflow")?,
                contended: counter("contended")?,
                refunded: counter("refunded")?,
            },
        })
    }
}

impl Cells for RuleCells {
    type Error = HostError;
    type Version = (SharedCell, Version);

    fn read(&self, cell: Cell) -> Result<Read<Self::Version>, HostError> {
        let set = match cell {
            Cell::Set(number) => self.sets.get(number),
            Cell::Overflow => None,
        };
        let cell = set.unwrap_or_else(|| self.overflow.clone());
        let (value, version) = cell.read()?;
        Ok((value, (cell, version)))
    }

    fn recall(&self, cell: Cell, now: Now) -> Option<(Vec<u8>, Self::Version)> {
        let Stored { rule, cell: last, at, value, version } = self.last.take()?;
        let is_young = now.0.checked_sub(at.0).is_some_and(|age| age < MAX_AGE);
        (rule == self.number && last == cell && is_young).then_some((value, version))
    }

    fn swap(&self, cell: Cell, value: Vec<u8>, (shared, version): Self::Version, now: Now) -> Result<bool, HostError> {
        let stored = shared.write(&value, version)?;
        let after = version.after().filter(|_| stored);
        self.last.replace(after.map(|version| Stored {
            rule: self.number,
            cell,
            at: now,
            value,
            version: (shared, version),
        }));
        Ok(stored)
    }
}
