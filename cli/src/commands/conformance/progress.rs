//! How far it is.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines about it.
const TOLD: Duration = Duration::from_secs(5);

/// What is done of each version, told every few seconds.
pub struct Progress {
    begun: Instant,
    state: Mutex<Done>,
}

struct Done {
    /// Version, how many batches and groups are done, and of how many.
    versions: Vec<(String, usize, usize)>,
    told: Instant,
}

impl Progress {
    pub fn new<'v>(versions: impl Iterator<Item = (&'v str, usize)>) -> Self {
        let versions = versions.map(|(version, all)| (version.to_owned(), 0, all)).collect();
        let begun = Instant::now();
        Self { begun, state: Mutex::new(Done { versions, told: begun }) }
    }

    /// So many batches or groups of a version are done.
    pub fn done(&self, version: &str, size: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Done { versions, told } = &mut *state;
        if let Some((_, done, _)) = versions.iter_mut().find(|(other, ..)| other == version) {
            *done += size;
        }
        let is_over = versions.iter().all(|(_, done, all)| done == all);
        if is_over || told.elapsed() >= TOLD {
            *told = Instant::now();
            let each = versions.iter().map(|(version, done, all)| format!("{version}: {done} of {all}"));
            println!("==> {} s, {}", self.begun.elapsed().as_secs(), each.collect::<Vec<_>>().join(", "));
        }
    }
}
