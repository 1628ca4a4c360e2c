//! What goes wrong in a VM on purpose.

/// What goes wrong in a VM, from now on; nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// The guest traps at this host call, counted from 1 from now on.
    pub trap_at_host_call: Option<u64>,
    /// The guest's allocator finds no memory for what the host returns: as if it gave null (rule `MEM-2`).
    pub allocation_fails: bool,
    /// The guest's memory cannot grow beyond this many bytes; what it has already stays.
    pub memory_limit: Option<usize>,
}

impl Faults {
    /// Counts a host call. Says whether it is the one to die at.
    pub(super) fn counts_to_trap(&mut self) -> bool {
        match &mut self.trap_at_host_call {
            Some(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            None => false,
        }
    }
}
