//! A guest's memory, as host functions see it, and what is counted at the border.

use std::sync::Arc;

use wasmtime::{Caller, Memory, StoreLimits, StoreLimitsBuilder, TypedFunc};

use super::{Faults, Status};
use crate::context::VmContext;
use crate::cost::{Cost, HostCall};
use crate::native::Linked;
use crate::stream::Baton;

/// Linear memory cannot grow beyond this (rule `MEM-8`).
const MAX_MEMORY_BYTES: usize = 1 << 30;

/// The most bytes that a guest may hand to its host in one callback. Envoy has no such bound; a guest under test must not be
/// able to fill its host's memory with headers and replies.
const MAX_HANDED_BYTES: u64 = 512 << 20;

/// What a store holds: the border's state, and the context layer behind it.
pub struct VmState {
    pub(super) memory: Option<Memory>,
    pub(super) allocate: Option<TypedFunc<u32, u32>>,
    pub(super) limits: StoreLimits,
    /// The filter, where it is no module.
    pub(crate) native: Option<Linked>,
    pub(super) restriction: Restriction,
    /// Whom a host call waits for, where workers run at the same time.
    pub(super) baton: Option<(Arc<Baton>, usize)>,
    /// What goes wrong on purpose.
    pub(super) faults: Faults,
    /// `cost.bytes_out` when the callback began.
    pub(super) handed_before: u64,
    /// What Envoy knows of this VM.
    pub context: VmContext,
    /// What the VM has cost so far.
    pub cost: Cost,
}

/// Which host functions may be called now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restriction {
    /// All.
    None,
    /// Only those that a start function may call (rule `MEM-7`).
    Starting,
    /// Only those that an allocator may call (rule `MEM-3`).
    Allocating,
}

/// Functions that both a start function and an allocator may call.
const ALWAYS: [&str; 3] = ["proxy_log", "fd_write", "clock_time_get"];
/// What a start function may call besides.
const AT_START: [&str; 5] = ["environ_get", "environ_sizes_get", "args_get", "args_sizes_get", "random_get"];

impl VmState {
    pub(super) fn new(context: VmContext) -> Self {
        Self {
            memory: None,
            allocate: None,
            limits: StoreLimitsBuilder::new().memory_size(MAX_MEMORY_BYTES).build(),
            native: None,
            restriction: Restriction::None,
            baton: None,
            faults: Faults::default(),
            handed_before: 0,
            context,
            cost: Cost::default(),
        }
    }

    /// Lets things go wrong from now on, or no longer.
    pub(super) fn set_faults(&mut self, faults: Faults) {
        let limit = faults.memory_limit.map_or(MAX_MEMORY_BYTES, |limit| limit.min(MAX_MEMORY_BYTES));
        self.limits = StoreLimitsBuilder::new().memory_size(limit).build();
        self.faults = faults;
    }
}

/// What every host function does first and last.
pub trait HostCalls {
    /// Counts the call, and stops the guest when the call is not allowed now. Says whether the function is denied to the
    /// plugin (rule `CAP-1`): the call then fails without being looked at.
    ///
    /// # Errors
    ///
    /// The trap that the guest dies of.
    fn enter(&mut self, function: &'static str, class: HostCall) -> wasmtime::Result<bool>;

    /// The guest's bytes at `at`, and the context beside them.
    ///
    /// # Errors
    ///
    /// [`Status::InvalidMemoryAccess`] when the range leaves the memory (rule `MEM-1`).
    fn read(&mut self, at: u32, size: u32) -> Result<(&[u8], &mut VmContext), Status>;

    /// Two ranges of the guest's bytes, and the context beside them.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    fn read2(&mut self, a: (u32, u32), b: (u32, u32)) -> Result<(&[u8], &[u8], &mut VmContext), Status>;

    /// Writes bytes into the guest's memory.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Status>;

    /// Returns bytes in memory that the guest allocates, and writes pointer and size (rule `MEM-2`).
    ///
    /// # Errors
    ///
    /// The trap of a guest whose allocator dies.
    fn give(&mut self, bytes: &[u8], data: u32, size: u32) -> wasmtime::Result<Status>;
}

impl HostCalls for Caller<'_, VmState> {
    fn enter(&mut self, function: &'static str, class: HostCall) -> wasmtime::Result<bool> {
        let state = self.data_mut();
        if let Some((baton, me)) = &state.baton {
            baton.step(*me);
        }
        state.cost.count(class);
        if state.faults.counts_to_trap() {
            return Err(wasmtime::format_err!("it was made to trap at {function}"));
        }
        if state.cost.bytes_out - state.handed_before > MAX_HANDED_BYTES {
            return Err(wasmtime::format_err!(
                "it handed more than {MAX_HANDED_BYTES} bytes to the host in one callback"
            ));
        }
        let allowed = match state.restriction {
            Restriction::None => true,
            Restriction::Allocating => ALWAYS.contains(&function),
            Restriction::Starting => ALWAYS.contains(&function) || AT_START.contains(&function),
        };
        if !allowed {
            return Err(wasmtime::format_err!("restricted_callback: {function}"));
        }
        let denied = !state.context.allows(function);
        if denied {
            let line = format!("Attempted call to restricted proxy-wasm capability: {function}");
            // The level is one that exists.
            let _ = state.context.log(4, line.as_bytes());
        }
        Ok(denied)
    }

    fn read(&mut self, at: u32, size: u32) -> Result<(&[u8], &mut VmContext), Status> {
        let (a, _, context) = self.read2((at, size), (0, 0))?;
        Ok((a, context))
    }

    fn read2(&mut self, a: (u32, u32), b: (u32, u32)) -> Result<(&[u8], &[u8], &mut VmContext), Status> {
        let memory = self.data().memory.ok_or(Status::InvalidMemoryAccess)?;
        let (bytes, state) = memory.data_and_store_mut(self);
        let (first, second) = (range(bytes, a)?, range(bytes, b)?);
        state.cost.copied_out(u64::from(a.1) + u64::from(b.1));
        Ok((first, second, &mut state.context))
    }

    fn write(&mut self, at: u32, new: &[u8]) -> Result<(), Status> {
        let memory = self.data().memory.ok_or(Status::InvalidMemoryAccess)?;
        let at = usize::try_from(at).map_err(|_| Status::InvalidMemoryAccess)?;
        let end = at.checked_add(new.len()).ok_or(Status::InvalidMemoryAccess)?;
        memory.data_mut(self).get_mut(at..end).ok_or(Status::InvalidMemoryAccess)?.copy_from_slice(new);
        Ok(())
    }

    fn give(&mut self, bytes: &[u8], data: u32, size: u32) -> wasmtime::Result<Status> {
        let at = if bytes.is_empty() || self.data().faults.allocation_fails {
            0
        } else {
            let (Some(allocate), Ok(wanted)) = (self.data().allocate.clone(), u32::try_from(bytes.len())) else {
                return Ok(Status::InvalidMemoryAccess);
            };
            let before = std::mem::replace(&mut self.data_mut().restriction, Restriction::Allocating);
            let at = allocate.call(&mut *self, wanted);
            self.data_mut().restriction = before;
            at?
        };
        if at == 0 && !bytes.is_empty() {
            return Ok(Status::InvalidMemoryAccess);
        }
        self.data_mut().cost.copied_in(bytes.len() as u64);
        let words = (at.to_le_bytes(), u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        let written =
            self.write(at, bytes).and_then(|()| self.write(data, &words.0)).and_then(|()| self.write(size, &words.1));
        Ok(written.err().unwrap_or(Status::Ok))
    }
}

fn range(memory: &[u8], (at, size): (u32, u32)) -> Result<&[u8], Status> {
    let at = usize::try_from(at).map_err(|_| Status::InvalidMemoryAccess)?;
    let size = usize::try_from(size).map_err(|_| Status::InvalidMemoryAccess)?;
    let end = at.checked_add(size).ok_or(Status::InvalidMemoryAccess)?;
    memory.get(at..end).ok_or(Status::InvalidMemoryAccess)
}
