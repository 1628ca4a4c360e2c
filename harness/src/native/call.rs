//! One call of the guest, and one of the host.
#![allow(
    unsafe_code,
    reason = "words that are pointers point into the guest's own memory, as its list of imports says; a guest that lies \
              harms the process that it is part of anyway"
)]

use std::ffi::c_void;
use std::ptr;

use wasmtime::{Caller, Result, Val, format_err};

use super::border::{DEAD, Host, KILLED, PANICKED, RETURNED, Text, VERSION};
use super::guest::text;
use super::link::{Argument, Import};
use super::scratch;
use crate::abi::{Status, VmState};

/// Calls an export of the VM's guest.
///
/// # Errors
///
/// What a module would trap of: a panic of the guest, or a host call that stops it.
pub(super) fn enter(caller: &mut Caller<'_, VmState>, export: u32, words: &[u64]) -> Result<u32> {
    let linked = caller.data().native.as_ref().ok_or_else(|| format_err!("no native filter is linked"))?;
    let (at, calls) = (linked.instance.here()?, linked.instance.calls);
    let mut entered = Entered { caller, trap: None };
    let host = Host {
        version: VERSION,
        size: u32::try_from(size_of::<Host>())?,
        context: (&raw mut entered).cast(),
        call: answer,
    };
    let (mut result, mut place) = (0, Text { data: c"".as_ptr().cast(), size: 0 });
    // SAFETY: the instance is alive and on its thread; host, words and the two results outlive the call.
    let outcome = unsafe {
        (calls.enter)(at, &raw const host, export, words.as_ptr(), words.len(), &raw mut result, &raw mut place)
    };
    match (entered.trap, outcome) {
        (Some(trap), _) => Err(trap),
        (None, RETURNED) => Ok(result),
        (None, PANICKED) => Err(format_err!("panic at {}", text(place)?)),
        (None, KILLED) => Err(format_err!("the guest was killed")),
        (None, other) => Err(format_err!("the native filter answers {other}, which means nothing")),
    }
}

/// The host for the time of one entry.
struct Entered<'c, 's> {
    caller: &'c mut Caller<'s, VmState>,
    /// Why the guest has to end.
    trap: Option<wasmtime::Error>,
}

/// Answers a host call.
unsafe extern "C" fn answer(context: *mut c_void, function: u32, words: *const u64, count: usize) -> u64 {
    // SAFETY: `enter` made it, is not done, and does not touch it meanwhile.
    let entered = unsafe { &mut *context.cast::<Entered<'_, '_>>() };
    if entered.trap.is_some() {
        return DEAD;
    }
    // SAFETY: live, and as many as said.
    let words = unsafe { std::slice::from_raw_parts(words, count) };
    match call(entered.caller, function, words) {
        Ok(word) => u64::from(word),
        Err(trap) => {
            entered.trap = Some(trap);
            DEAD
        }
    }
}

/// Runs a host function on copies of its arguments.
fn call(caller: &mut Caller<'_, VmState>, function: u32, words: &[u64]) -> Result<u32> {
    let imports = caller.data().native.as_ref().map(|linked| linked.imports.clone()).unwrap_or_default();
    let Some(Import { function, arguments }) = usize::try_from(function).ok().and_then(|number| imports.get(number))
    else {
        return Ok(Status::Unimplemented.word());
    };
    scratch::clear(caller);
    let mut values = Vec::with_capacity(words.len());
    let mut rest = words;
    for argument in arguments {
        let Some((own, after)) = rest.split_at_checked(argument.words()) else {
            return Err(format_err!("a host call has {} words, which is too few", words.len()));
        };
        rest = after;
        pass(caller, *argument, own, &mut values);
    }
    let mut results = [Val::I32(0)];
    function.call(&mut *caller, &values, &mut results)?;
    let [result] = results;
    let mut word = result.i32().map_or(0, i32::cast_unsigned);
    let (mut rest, mut values) = (words, values.as_slice());
    for argument in arguments {
        let (Some((own, after)), Some((given, left))) =
            (rest.split_at_checked(argument.words()), values.split_at_checked(argument.words()))
        else {
            break;
        };
        (rest, values) = (after, left);
        if let Err(status) = back(caller, *argument, own, given, word == Status::Ok.word()) {
            word = status.word();
        }
    }
    Ok(word)
}

/// An argument for the host, by value or as a place in the scratch memory.
fn pass(caller: &mut Caller<'_, VmState>, argument: Argument, words: &[u64], values: &mut Vec<Val>) {
    let (first, second) = (words.first().copied().unwrap_or_default(), words.get(1).copied().unwrap_or_default());
    let size = |word: u64| u32::try_from(word).unwrap_or(u32::MAX);
    let word = |word: u32| Val::I32(word.cast_signed());
    // Null stays null.
    let mut place = |pointer: u64, bytes: &[u8]| word(if pointer == 0 { 0 } else { scratch::put(caller, bytes) });
    match argument {
        Argument::Word => values.push(Val::I32((first & u64::from(u32::MAX)) as i32)),
        Argument::Quad => values.push(Val::I64(first.cast_signed())),
        Argument::Size => values.push(word(size(first))),
        Argument::Bytes => {
            // SAFETY: the guest's bytes, for as long as its call lasts.
            let bytes = unsafe { bytes(first, second) };
            values.extend([place(first, bytes), word(size(second))]);
        }
        Argument::Fill => {
            let room = if first == 0 { 0 } else { scratch::allocate(&mut *caller, size(second)) };
            values.extend([word(if first != 0 && room == 0 { u32::MAX } else { room }), word(size(second))]);
        }
        Argument::Buffer => {
            let slots = [place(first, &[0; 4]), place(second, &[0; 4])];
            values.extend(slots);
        }
        Argument::Variables => {
            let (count, size) = environment(caller);
            let table = word(scratch::put(caller, &vec![0; count.saturating_mul(4)]));
            values.extend([table, word(scratch::put(caller, &vec![0; size]))]);
        }
        // SAFETY (these three): the guest's own place for a number, or null.
        Argument::SizeOut => values.push(place(first, &size(unsafe { read::<usize>(first) } as u64).to_le_bytes())),
        Argument::WordOut => values.push(place(first, &unsafe { read::<u32>(first) }.to_le_bytes())),
        Argument::QuadOut => values.push(place(first, &unsafe { read::<u64>(first) }.to_le_bytes())),
    }
}

/// What the host has left in the scratch memory, for the guest.
fn back(
    caller: &Caller<'_, VmState>,
    argument: Argument,
    words: &[u64],
    values: &[Val],
    ok: bool,
) -> std::result::Result<(), Status> {
    let lost = || Status::InvalidMemoryAccess;
    let (first, second) = (words.first().copied().unwrap_or_default(), words.get(1).copied().unwrap_or_default());
    let place = |i: usize| values.get(i).and_then(Val::i32).map_or(0, i32::cast_unsigned);
    let word = |place: u32| {
        scratch::get(caller, place, 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes).ok_or_else(lost)
    };
    match argument {
        Argument::SizeOut if first != 0 => unsafe { write(first, word(place(0))? as usize) },
        Argument::WordOut if first != 0 => unsafe { write(first, word(place(0))?) },
        Argument::QuadOut if first != 0 => {
            let bytes = scratch::get(caller, place(0), 8).and_then(|bytes| bytes.try_into().ok()).ok_or_else(lost)?;
            unsafe { write(first, u64::from_le_bytes(bytes)) }
        }
        Argument::Fill if ok && first != 0 => {
            let size = usize::try_from(second).map_err(|_| lost())?;
            let bytes = scratch::get(caller, place(0), size).ok_or_else(lost)?;
            unsafe { fill(first, bytes) }
        }
        Argument::Buffer if ok && first != 0 && second != 0 => {
            let (at, size) = (word(place(0))?, word(place(1))? as usize);
            let mut given = ptr::null_mut::<u8>();
            if size > 0 {
                let bytes = scratch::get(caller, at, size).ok_or_else(lost)?;
                let linked = caller.data().native.as_ref().ok_or_else(lost)?;
                given = (linked.instance.calls.allocate)(size);
                if given.is_null() {
                    return Err(lost());
                }
                unsafe { fill(given.expose_provenance() as u64, bytes) }
            }
            unsafe {
                write(first, given);
                write(second, size);
            }
        }
        Argument::Variables if ok && first != 0 && second != 0 => {
            let (count, size) = environment(caller);
            let bytes = scratch::get(caller, place(1), size).ok_or_else(lost)?;
            unsafe { fill(second, bytes) }
            for i in 0..count {
                let at = word(place(0).saturating_add(u32::try_from(i * 4).map_err(|_| lost())?))?;
                let variable = second + u64::from(at.saturating_sub(place(1)));
                unsafe { write(first + (i * size_of::<usize>()) as u64, variable as usize) }
            }
        }
        _ => {}
    }
    Ok(())
}

/// How many variables there are, and how long they are together (rule `WASI-5`).
fn environment(caller: &Caller<'_, VmState>) -> (usize, usize) {
    let variables = caller.data().context.environment();
    (variables.len(), variables.iter().map(|(name, value)| name.len() + value.len() + 2).sum())
}

/// # Safety
///
/// `at` is null, or `size` bytes are there for as long as the result is used.
unsafe fn bytes<'g>(at: u64, size: u64) -> &'g [u8] {
    if at == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(pointer(at), size as usize) }
}

/// # Safety
///
/// `at` is null, or a `T` is there.
unsafe fn read<T: Default>(at: u64) -> T {
    let at = pointer::<T>(at);
    if at.is_null() {
        return T::default();
    }
    // SAFETY: the caller's promise.
    unsafe { at.read_unaligned() }
}

/// # Safety
///
/// There is room for a `T` at `at`.
unsafe fn write<T>(at: u64, value: T) {
    // SAFETY: the caller's promise.
    unsafe { pointer::<T>(at).write_unaligned(value) };
}

/// # Safety
///
/// There is room for the bytes at `at`.
unsafe fn fill(at: u64, bytes: &[u8]) {
    // SAFETY: the caller's promise; the scratch memory is no part of the guest's.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), pointer(at), bytes.len()) };
}

fn pointer<T>(at: u64) -> *mut T {
    ptr::with_exposed_provenance_mut(at as usize)
}
