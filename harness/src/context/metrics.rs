//! Counters, gauges, histograms.

use std::collections::BTreeMap;

use super::{VmContext, lock};
use crate::abi::Status;

/// The most metrics that a VM may define, and the longest name: a guest under test must not fill its host's memory.
const MAX_METRICS: usize = 100_000;
const MAX_NAME_BYTES: usize = 4096;

/// A metric's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    /// Ids carry their kind, so a wrong kind is seen before an unknown id (rule `MET-2`).
    fn of_id(id: u32) -> Option<Self> {
        match id % 4 {
            0 => Some(Self::Counter),
            1 => Some(Self::Gauge),
            2 => Some(Self::Histogram),
            _ => None,
        }
    }
}

/// The values of a process, by name (rule `MET-4`).
#[derive(Debug, Default)]
pub(super) struct Values(BTreeMap<(Kind, String), u64>);

/// The ids that a VM has given out (rule `MET-1`).
#[derive(Debug, Default)]
pub(super) struct Handles {
    names: BTreeMap<u32, (Kind, String)>,
    defined: [u32; 3],
}

impl Values {
    /// A value by its name, of whatever kind.
    pub(super) fn get(&self, name: &str) -> Option<u64> {
        self.0.iter().find_map(|((_, key), value)| (key == name).then_some(*value))
    }
}

impl VmContext {
    /// `proxy_define_metric`: counters get 4, 8, 12…, gauges 5, 9…, histograms 6, 10….
    pub(crate) fn define_metric(&mut self, kind: u32, name: &[u8]) -> Result<u32, Status> {
        let (kind, first, slot) = match kind {
            0 => (Kind::Counter, 4, 0),
            1 => (Kind::Gauge, 5, 1),
            2 => (Kind::Histogram, 6, 2),
            _ => return Err(Status::BadArgument),
        };
        if name.len() > MAX_NAME_BYTES || self.metrics.names.len() >= MAX_METRICS {
            return Err(Status::InternalFailure);
        }
        let name = String::from_utf8_lossy(name).into_owned();
        let count = self.metrics.defined.get_mut(slot).ok_or(Status::InternalFailure)?;
        let id = first + 4 * *count;
        *count += 1;
        self.metrics.names.insert(id, (kind, name.clone()));
        lock(&self.process.metrics).0.entry((kind, name)).or_default();
        Ok(id)
    }

    /// `proxy_increment_metric` (rule `MET-2`)
    pub(crate) fn increment_metric(&mut self, id: u32, offset: i64) -> Result<(), Status> {
        Kind::of_id(id).filter(|kind| *kind != Kind::Histogram).ok_or(Status::BadArgument)?;
        self.change(id, |kind, value| match kind {
            Kind::Counter if offset > 0 => Ok(value.wrapping_add_signed(offset)),
            Kind::Gauge => Ok(value.wrapping_add_signed(offset)),
            Kind::Counter | Kind::Histogram => Err(Status::BadArgument),
        })
    }

    /// `proxy_record_metric`: a counter adds (rule `MET-3`).
    pub(crate) fn record_metric(&mut self, id: u32, new: u64) -> Result<(), Status> {
        self.change(id, |kind, value| match kind {
            Kind::Counter => Ok(value.wrapping_add(new)),
            Kind::Gauge => Ok(new),
            Kind::Histogram => Ok(value.wrapping_add(1)),
        })
    }

    /// `proxy_get_metric` (rule `MET-3`)
    pub(crate) fn metric(&self, id: u32) -> Result<u64, Status> {
        Kind::of_id(id).filter(|kind| *kind != Kind::Histogram).ok_or(Status::BadArgument)?;
        let key = self.metrics.names.get(&id).ok_or(Status::NotFound)?;
        lock(&self.process.metrics).0.get(key).copied().ok_or(Status::NotFound)
    }

    fn change(&self, id: u32, new: impl FnOnce(Kind, u64) -> Result<u64, Status>) -> Result<(), Status> {
        let key = self.metrics.names.get(&id).ok_or(Status::NotFound)?;
        let mut values = lock(&self.process.metrics);
        let value = values.0.entry(key.clone()).or_default();
        *value = new(key.0, *value)?;
        Ok(())
    }
}
