//! The functions of both sides, put together for one VM.
#![allow(unsafe_code, reason = "an instance is made, entered and freed on one thread, which is looked at each time")]

use std::ffi::c_void;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use wasmtime::{AsContextMut, Func, FuncType, Memory, MemoryType, Result, Store, TypedFunc, Val, ValType, format_err};

use super::call::enter;
use super::guest::{Calls, Native, Signature};
use super::scratch::{self, Scratch};
use crate::abi::{VmState, linker};

/// What a native VM holds.
pub struct Linked {
    pub(super) instance: Instance,
    pub(super) imports: Arc<[Import]>,
    pub(super) scratch: Scratch,
}

/// What the host sees of a native VM, as it would of a module's instance.
pub struct Functions {
    pub memory: Memory,
    pub allocate: TypedFunc<u32, u32>,
    pub exports: Vec<(String, Func)>,
}

/// A host function, and how its arguments cross the border.
pub(super) struct Import {
    pub function: Func,
    pub arguments: Vec<Argument>,
}

/// An argument of a host function; what the border passes as two words can be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    /// A number of 32 bits.
    Word,
    /// A number of 64 bits.
    Quad,
    /// A number that has 32 bits for the host; more is the most there is.
    Size,
    /// Bytes that the host reads.
    Bytes,
    /// Bytes that the host fills.
    Fill,
    /// Where pointer and size of bytes go that the guest allocates.
    Buffer,
    /// Where pointers to variables go, and the variables: `environ_get`.
    Variables,
    /// Where a size goes.
    SizeOut,
    /// Where a number of 32 bits goes.
    WordOut,
    /// Where a number of 64 bits goes.
    QuadOut,
}

/// The filter's side of a VM.
pub(super) struct Instance {
    at: *mut c_void,
    thread: ThreadId,
    pub calls: Calls,
}

// SAFETY: `here` and `drop` touch it on the thread that made it only; elsewhere it is a number.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    fn new(calls: Calls) -> Result<Self> {
        let at = (calls.create)();
        if at.is_null() {
            return Err(format_err!("the native filter makes no instance"));
        }
        Ok(Self { at, thread: thread::current().id(), calls })
    }

    /// The instance, on its own thread.
    pub(super) fn here(&self) -> Result<*mut c_void> {
        if self.thread == thread::current().id() {
            return Ok(self.at);
        }
        Err(format_err!(
            "a native filter runs on the thread of the machine that loaded it, so workers cannot run together"
        ))
    }
}

impl Drop for Instance {
    /// On another thread it is left alone: what it holds may belong to its own.
    fn drop(&mut self) {
        if let Ok(at) = self.here() {
            // SAFETY: `create` made it, and nothing enters it any more.
            unsafe { (self.calls.destroy)(at) };
        }
    }
}

/// Makes an instance, and puts it into the store.
///
/// # Errors
///
/// When the filter imports what no proxy has, or with another signature (rule `ABI-3`).
pub fn link(store: &mut Store<VmState>, native: &Native) -> Result<Functions> {
    let checked = native.checked();
    let imports = checked.imports.iter().map(|import| find(store, import)).collect::<Result<Arc<[_]>>>()?;
    let memory = Memory::new(&mut *store, MemoryType::new(1, None))?;
    let instance = Instance::new(checked.calls)?;
    store.data_mut().native = Some(Linked { instance, imports, scratch: Scratch::new(memory) });
    let allocate = Func::wrap(&mut *store, |caller: wasmtime::Caller<'_, VmState>, size: u32| -> u32 {
        scratch::allocate(caller, size)
    });
    let allocate = allocate.typed(&*store)?;
    let mut exports = Vec::new();
    for (number, export) in checked.exports.iter().enumerate() {
        let number = u32::try_from(number)?;
        exports.push((export.name.clone(), exported(&mut *store, number, export)));
    }
    Ok(Functions { memory, allocate, exports })
}

/// The host function of an import.
fn find(store: &mut Store<VmState>, import: &Signature) -> Result<Import> {
    let Signature { module, name, parameters, result } = import;
    let function = linker()?
        .get(&mut *store, module, name)
        .ok()
        .and_then(wasmtime::Extern::into_func)
        .ok_or_else(|| format_err!("missing import: {module}.{name}"))?;
    let arguments = arguments(parameters).filter(|_| *result);
    let types = function.ty(&*store);
    let fits = |arguments: &Vec<Argument>| {
        let mut expected = types.params();
        let quads = |argument: &Argument| std::iter::repeat_n(*argument == Argument::Quad, argument.words());
        let mut own = arguments.iter().flat_map(quads);
        own.by_ref()
            .all(|quad| matches!((quad, expected.next()), (true, Some(ValType::I64)) | (false, Some(ValType::I32))))
            && expected.next().is_none()
    };
    let arguments = arguments.filter(fits);
    let arguments = arguments.ok_or_else(|| format_err!("import with another signature: {module}.{name}"))?;
    Ok(Import { function, arguments })
}

/// The function by which the host calls an export.
fn exported(mut store: impl AsContextMut<Data = VmState>, number: u32, export: &Signature) -> Func {
    let parameters = export.parameters.chars().map(|_| ValType::I32);
    let results = export.result.then_some(ValType::I32);
    let ty = FuncType::new(store.as_context().engine(), parameters, results);
    Func::new(&mut store, ty, move |mut caller, parameters, results| {
        let words = parameters.iter().map(|value| value.i32().map_or(0, |word| u64::from(word.cast_unsigned())));
        let word = enter(&mut caller, number, &words.collect::<Vec<_>>())?;
        if let Some(result) = results.first_mut() {
            *result = Val::I32(word.cast_signed());
        }
        Ok(())
    })
}

/// The arguments that a function's letters stand for; nothing for letters that make no sense.
fn arguments(letters: &str) -> Option<Vec<Argument>> {
    let mut letters = letters.chars().peekable();
    let mut arguments = Vec::new();
    while let Some(letter) = letters.next() {
        let mut then = |next| letters.next_if_eq(&next).is_some();
        arguments.push(match letter {
            'w' => Argument::Word,
            'q' => Argument::Quad,
            'z' => Argument::Size,
            'r' if then('z') => Argument::Bytes,
            'o' if then('z') => Argument::Fill,
            'p' if then('s') => Argument::Buffer,
            'p' if then('o') => Argument::Variables,
            's' => Argument::SizeOut,
            '4' => Argument::WordOut,
            '8' => Argument::QuadOut,
            _ => return None,
        });
    }
    Some(arguments)
}

impl Argument {
    /// How many words it has, on both sides.
    pub(super) const fn words(self) -> usize {
        match self {
            Self::Bytes | Self::Fill | Self::Buffer | Self::Variables => 2,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_arguments() {
        let expected = [Argument::Word, Argument::Bytes, Argument::Buffer, Argument::WordOut];
        assert_eq!(arguments("wrzps4").unwrap(), expected);
        assert_eq!(arguments("po").unwrap(), [Argument::Variables]);
        assert_eq!(arguments("oz").unwrap(), [Argument::Fill]);
        assert_eq!(arguments("ss").unwrap(), [Argument::SizeOut, Argument::SizeOut]);
        for nonsense in ["r", "rw", "p", "o", "x"] {
            assert_eq!(arguments(nonsense), None, "{nonsense}");
        }
    }
}
