//! How many values of a body a template has looked at.
//!
//! The engine counts its own steps, but one step of it may look at a whole list: `a in list`, `list == other`. Who sends the body
//! decides how long a list is, so what is looked at is counted too.

use std::cell::Cell;

/// The most values that one run looks at: a list of each value that a body can have, some sixty times.
const MAX_TOUCHED: usize = 4_000_000;

thread_local! {
    static LEFT: Cell<Option<usize>> = const { Cell::new(Some(MAX_TOUCHED)) };
}

/// Begins to count for a run.
pub fn begin() {
    LEFT.set(Some(MAX_TOUCHED));
}

/// Counts, and says whether it is not too much yet. From then on bodies seem empty, so that the run ends soon.
pub fn more(values: usize) -> bool {
    let left = LEFT.get().and_then(|left| left.checked_sub(values));
    LEFT.set(left);
    left.is_some()
}

/// Whether it was too much.
pub fn is_over() -> bool {
    LEFT.get().is_none()
}
