//! A guest's memory, as host functions see it, and what is counted at the border.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Caller, Memory, TypedFunc};

use super::limits::Limits;
use super::{Faults, Status};
use crate::context::VmContext;
use crate::cost::{Cost, HostCall};
use crate::native::Linked;
use crate::stream::Baton;

/// The most bytes that may cross the border in one callback, either way. Envoy has no such bound; a guest under test must
/// not be able to fill its host's memory with headers and replies, or keep it busy with copying.
const MAX_CROSSED_BYTES: u64 = 512 << 20;

/// What every host call counts for besides its bytes: what is kept for the smallest header, or for a wish without bytes.
const BYTES_PER_CALL: u64 = 128;

/// How long one callback may take, its host calls included, by the machine's clock. Fuel stops a guest that computes, and it
/// does so exactly; this stops one that lets its host compute, as by searching a huge header map again and again.
const MAX_CALLBACK_TIME: Duration = Duration::from_secs(30);

/// How many host calls there are between two looks at the machine's clock.
const CALLS_PER_LOOK: u64 = 64;

/// What a store holds: the border's state, and the context layer behind it.
pub struct VmState {
    pub(super) memory: Option<Memory>,
    pub(super) allocate: Option<TypedFunc<u32, u32>>,
    pub(super) limits: Limits,
    /// The filter, where it is no module.
    pub(crate) native: Option<Linked>,
    pub(super) restriction: Restriction,
    /// Whom a host call waits for, where workers run at the same time.
    pub(super) baton: Option<(Arc<Baton>, usize)>,
    /// What goes wrong on purpose.
    pub(super) faults: Faults,
    /// The current callback's part of what is bounded.
    pub(super) callback: Bounded,
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

/// What one callback has had of its host.
pub(super) struct Bounded {
    crossed_before: u64,
    calls_before: u64,
    /// When the first look at the clock was.
    began: Option<Instant>,
    pub(super) time: Duration,
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
            limits: Limits::default(),
            native: None,
            restriction: Restriction::None,
            baton: None,
            faults: Faults::default(),
            callback: Bounded { crossed_before: 0, calls_before: 0, began: None, time: MAX_CALLBACK_TIME },
            context,
            cost: Cost::default(),
        }
    }

    /// Lets things go wrong from now on, or no longer.
    pub(super) fn set_faults(&mut self, faults: Faults) {
        self.limits.lower_memory(faults.memory_limit);
        self.faults = faults;
    }

    /// A callback begins: its bounds are its own.
    pub(super) fn begin(&mut self) {
        self.limits.refused = None;
        self.callback = Bounded {
            crossed_before: self.cost.bytes_in + self.cost.bytes_out,
            calls_before: self.cost.host_calls(),
            began: None,
            time: self.callback.time,
        };
    }

    /// Stops a callback that takes more of its host than any filter needs.
    fn check_bounds(&mut self) -> wasmtime::Result<()> {
        let callback = &mut self.callback;
        let crossed = self.cost.bytes_in + self.cost.bytes_out - callback.crossed_before;
        let calls = self.cost.host_calls() - callback.calls_before;
        if crossed + calls * BYTES_PER_CALL > MAX_CROSSED_BYTES {
            return Err(wasmtime::format_err!(
                "it passed more than {MAX_CROSSED_BYTES} bytes between itself and the host in one callback \
                 (a call counts {BYTES_PER_CALL}), so the harness stopped it"
            ));
        }
        if calls.is_multiple_of(CALLS_PER_LOOK)
            && callback.began.get_or_insert_with(Instant::now).elapsed() > callback.time
        {
            let seconds = callback.time.as_secs_f32();
            return Err(wasmtime::format_err!(
                "it kept its host busy for more than {seconds} s in one callback, so the harness stopped it"
            ));
        }
        Ok(())
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
            baton.step(*me, function);
        }
        state.cost.count(class);
        if state.faults.counts_to_trap() {
            return Err(wasmtime::format_err!("it was made to trap at {function}"));
        }
        state.check_bounds()?;
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
