//! What a long operation is doing, for whoever watches.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One thing that happened on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Bytes came.
    Downloading {
        /// Of which part.
        what: &'static str,
        /// How many so far.
        done: u64,
        /// How many there will be, if the registry says so.
        total: Option<u64>,
    },
    /// Bytes were handed to the connection.
    Uploading {
        /// Of which part.
        what: &'static str,
        /// How many so far.
        done: u64,
        /// How many there are.
        total: u64,
    },
    /// The registry asked for patience.
    Waiting {
        /// With this status.
        status: u16,
        /// For so long.
        wait: Duration,
    },
}

/// Is told of every [`Step`]; by default nobody is.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Watcher>>);

type Watcher = dyn Fn(Step) + Send + Sync;

impl Progress {
    /// Calls `watcher` for every step; it should return at once.
    pub fn to(watcher: impl Fn(Step) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(watcher)))
    }

    pub(super) fn tell(&self, step: Step) {
        if let Some(watcher) = &self.0 {
            watcher(step);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Progress(watched)" } else { "Progress(unwatched)" })
    }
}
