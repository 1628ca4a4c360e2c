//! A rule as it is asked: whose counters a request needs, and how many of them.

use std::cell::RefCell;

use tamis::ConfigError;
use tamis::hash::Key;
use tamis::matching::{Match, Statuses, Subject};

use crate::config::{self, Cost};
use crate::key::{self, Part};
use crate::lease::Leases;
use crate::limiter::{Answer, Demand, Table};
use crate::window::Window;

/// A checked rule with its counters.
#[derive(Debug)]
pub struct Rule<C> {
    /// Its name.
    pub name: String,
    /// Whether a refusal is only counted.
    pub shadow: bool,
    /// Its counters.
    pub table: Table<C>,
    /// What this worker has taken ahead.
    pub leases: RefCell<Leases>,
    /// How much it takes at once; 0 for what is needed.
    pub lease: u64,
    matches: Match,
    key: Vec<Part>,
    /// The last one is for everybody.
    tiers: Vec<Tier>,
    cost: Cost,
    statuses: Vec<Statuses>,
}

#[derive(Debug)]
struct Tier {
    name: String,
    matches: Match,
    limits: Vec<Window>,
}

/// What a request asks of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Whose counters.
    pub tag: u64,
    /// Which tier's limits.
    pub tier: usize,
    /// How many.
    pub cost: u64,
}

impl<C> Rule<C> {
    /// The rule of a configuration; `path` is where it stands there.
    ///
    /// # Errors
    ///
    /// What its types alone could not refuse.
    pub fn new(
        rule: config::Rule,
        path: &str,
        cells: impl FnOnce(&str, u32, usize) -> Result<C, ConfigError>,
    ) -> Result<Self, ConfigError> {
        if !(8..=8_388_608).contains(&rule.max_keys) {
            return Err(ConfigError::new(format!("{path}.max_keys"), "expected a number from 8 to 8388608"));
        }
        let sets = rule.sets();
        let limits = config::windows(&rule.limits, &format!("{path}.limits"))?;
        let overflow = if rule.overflow.is_empty() {
            limits.clone()
        } else {
            config::windows(&rule.overflow, &format!("{path}.overflow"))?
        };
        let mut tiers: Vec<Tier> = Vec::with_capacity(rule.tiers.len() + 1);
        for (i, tier) in rule.tiers.into_iter().enumerate() {
            let path = format!("{path}.tiers[{i}]");
            if tiers.iter().any(|before| before.name == tier.name.as_str()) {
                return Err(ConfigError::new(format!("{path}.name"), "another tier of the rule has this name"));
            }
            let limits = config::windows(&tier.limits, &format!("{path}.limits"))?;
            tiers.push(Tier { name: tier.name.as_str().to_owned(), matches: tier.matches, limits });
        }
        // No tier's name is empty, so nobody shares these counters.
        tiers.push(Tier { name: String::new(), matches: Match::default(), limits });
        let every = tiers.iter().map(|tier| &tier.limits).chain([&overflow]);
        let windows = every.clone().map(Vec::len).max().unwrap_or(1);
        let most = every.flatten().map(Window::most).min().unwrap_or(1);
        check_cost(&rule.cost, most, path)?;
        let name = rule.name.as_str().to_owned();
        let table = Table { cells: cells(&name, sets, windows)?, sets, windows, overflow };
        Ok(Self {
            name,
            shadow: rule.shadow,
            table,
            leases: RefCell::default(),
            lease: rule.lease.map_or(0, |lease| u64::from(lease.0)),
            matches: rule.matches,
            key: rule.key.into_iter().map(|part| part.0).collect(),
            tiers,
            cost: rule.cost,
            statuses: rule.statuses,
        })
    }

    /// What a request asks of the rule; nothing when it is not for it.
    ///
    /// # Errors
    ///
    /// When the request cannot be read.
    pub fn asked<S: Subject>(&self, key: &Key, request: &S) -> Result<Option<Asked>, S::Error> {
        if !self.matches.holds(request)? {
            return Ok(None);
        }
        let mut tier = 0;
        // The last one's conditions are none.
        while tier + 1 < self.tiers.len()
            && let Some(here) = self.tiers.get(tier)
            && !here.matches.holds(request)?
        {
            tier += 1;
        }
        let name = self.tiers.get(tier).map_or("", |tier| &tier.name);
        let tag = key::tag(key, name, &self.key, request)?;
        Ok(Some(Asked { tag, tier, cost: cost(&self.cost, request)? }))
    }

    /// The demand for what was asked.
    #[must_use]
    pub fn demand(&self, asked: &Asked) -> Demand<'_, C> {
        Demand {
            table: &self.table,
            tag: asked.tag,
            limits: self.limits(asked.tier),
            need: asked.cost,
            want: self.lease.max(asked.cost),
            shadow: self.shadow,
        }
    }

    /// The limits of a tier.
    #[must_use]
    pub fn limits(&self, tier: usize) -> &[Window] {
        self.tiers.get(tier).map_or(&[], |tier| &tier.limits)
    }

    /// The limits that an answer is about.
    #[must_use]
    pub fn limits_of(&self, asked: &Asked, answer: &Answer) -> &[Window] {
        if answer.overflow { &self.table.overflow } else { self.limits(asked.tier) }
    }

    /// Whether it waits for the response to know whether a request counts.
    #[must_use]
    pub fn waits_for_status(&self) -> bool {
        !self.statuses.is_empty()
    }

    /// Whether a response with this status counts.
    #[must_use]
    pub fn counts(&self, status: u16) -> bool {
        self.statuses.is_empty() || self.statuses.iter().any(|statuses| statuses.has(status))
    }
}

fn check_cost(cost: &Cost, most: u64, path: &str) -> Result<(), ConfigError> {
    let path = |field: &str| format!("{path}.cost.{field}");
    let in_bounds = |cost: u32| (1..=most).contains(&u64::from(cost));
    let bound =
        || format!("expected a number from 1 to {most}, which is the most that one of the limits admits at once");
    if !in_bounds(cost.constant) {
        return Err(ConfigError::new(path("constant"), bound()));
    }
    match (&cost.header, cost.max) {
        (Some(_), None) => Err(ConfigError::new(path("max"), "expected the most that the header can say")),
        (None, Some(_)) => Err(ConfigError::new(path("max"), "there is no `header` that it could be for")),
        (_, Some(max)) if !in_bounds(max) => Err(ConfigError::new(path("max"), bound())),
        _ => Ok(()),
    }
}

/// At least 1: nobody sends a cost of 0.
fn cost<S: Subject>(cost: &Cost, request: &S) -> Result<u64, S::Error> {
    let constant = u64::from(cost.constant);
    let (Some(header), Some(max)) = (&cost.header, cost.max) else { return Ok(constant) };
    let largest = request.values(header)?.map(|value| number(value, max)).max().flatten();
    Ok(largest.map_or(constant, |cost| u64::from(cost.clamp(1, max))))
}

/// A number, or `max` for one that is larger than any. Nothing for what is none.
fn number(value: &[u8], max: u32) -> Option<u32> {
    let digits = value.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let add = |sum: u32, digit: &u8| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    is_number.then(|| digits.iter().fold(0, add).min(max))
}
