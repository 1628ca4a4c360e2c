//! What a guest may take of its host's memory.

use wasmtime::{ResourceLimiter, Result};

/// Linear memory cannot grow beyond this (rule `MEM-8`).
const MAX_MEMORY_BYTES: usize = 1 << 30;

/// The most elements of all tables together: what V8 allows for one.
const MAX_TABLE_ELEMENTS: usize = 10_000_000;

/// Answers whether memory and tables may grow, and remembers a no: a guest that cannot grow usually aborts without a word.
#[derive(Debug)]
pub(super) struct Limits {
    memory: usize,
    elements: usize,
    /// What did not grow in this callback.
    pub refused: Option<Refused>,
}

/// What did not grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("its memory could not grow beyond {limit} bytes")]
    Memory {
        /// Bytes.
        limit: usize,
    },
    #[error("its tables could not grow beyond {MAX_TABLE_ELEMENTS} elements")]
    Tables,
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(self.refuse_if(desired > self.memory, Refused::Memory { limit: self.memory }))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let elements = self.elements.saturating_add(desired.saturating_sub(current));
        let grows = self.refuse_if(elements > MAX_TABLE_ELEMENTS, Refused::Tables);
        if grows {
            self.elements = elements;
        }
        Ok(grows)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: MAX_MEMORY_BYTES, elements: 0, refused: None }
    }
}

impl Limits {
    /// Memory ends here from now on; with nothing, where it always does.
    pub(super) fn lower_memory(&mut self, limit: Option<usize>) {
        self.memory = limit.map_or(MAX_MEMORY_BYTES, |limit| limit.min(MAX_MEMORY_BYTES));
    }

    /// Says whether it grows.
    fn refuse_if(&mut self, too_much: bool, what: Refused) -> bool {
        if too_much {
            self.refused = Some(what);
        }
        !too_much
    }
}
