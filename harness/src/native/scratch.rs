//! A memory in which a host function finds its arguments and leaves its results: offsets for the one, copies for the other.
//!
//! It belongs to a VM in the place of a module's memory. Every host call begins with it empty; it grows to the largest call
//! and no further than a module's memory may.

use wasmtime::{AsContextMut, Caller, Memory};

use crate::abi::VmState;

/// Where it begins: nothing is at the null pointer.
const BASE: u32 = 16;
/// What the memory grows by.
const PAGE: usize = 1 << 16;
/// A place that no memory has: what cannot be put here is out of range for the host function too (rule `MEM-1`).
const NOWHERE: u32 = u32::MAX;

/// How much of the memory is used by the current call.
#[derive(Debug, Clone, Copy)]
pub struct Scratch {
    memory: Memory,
    top: u32,
}

impl Scratch {
    pub(super) const fn new(memory: Memory) -> Self {
        Self { memory, top: BASE }
    }

    const fn clear(&mut self) {
        self.top = BASE;
    }
}

/// Begins a host call.
pub(super) fn clear(caller: &mut Caller<'_, VmState>) {
    if let Some(linked) = &mut caller.data_mut().native {
        linked.scratch.clear();
    }
}

/// A place for `size` bytes: what a guest's allocator does. 0 when there is none.
pub(super) fn allocate(mut caller: impl AsContextMut<Data = VmState>, size: u32) -> u32 {
    let Some(Scratch { memory, top }) = caller.as_context().data().native.as_ref().map(|linked| linked.scratch) else {
        return 0;
    };
    let Some(end) = top.checked_add(size) else { return 0 };
    let missing = usize::try_from(end).unwrap_or(usize::MAX).saturating_sub(memory.data_size(&caller));
    if missing > 0 && memory.grow(&mut caller, missing.div_ceil(PAGE) as u64).is_err() {
        return 0;
    }
    if let Some(linked) = &mut caller.as_context_mut().data_mut().native {
        linked.scratch.top = end;
    }
    top
}

/// Puts bytes into the memory; says where.
pub(super) fn put(caller: &mut Caller<'_, VmState>, bytes: &[u8]) -> u32 {
    let place = u32::try_from(bytes.len()).map_or(0, |size| allocate(&mut *caller, size));
    if place == 0 {
        return NOWHERE;
    }
    match memory(caller).map(|memory| memory.write(caller, place as usize, bytes)) {
        Some(Ok(())) => place,
        _ => NOWHERE,
    }
}

/// Bytes of the memory.
pub(super) fn get<'c>(caller: &'c Caller<'_, VmState>, at: u32, size: usize) -> Option<&'c [u8]> {
    let at = usize::try_from(at).ok()?;
    memory(caller)?.data(caller).get(at..at.checked_add(size)?)
}

fn memory(caller: &Caller<'_, VmState>) -> Option<Memory> {
    Some(caller.data().native.as_ref()?.scratch.memory)
}
