//! The border between a native filter and its host: a C ABI, because the two may come from different compilers.
//!
//! This file stands in the SDK and in the harness, word for word; neither crate knows the other. A test compares the two.
//! A change to a type or to its meaning is a new [`VERSION`].

use std::ffi::c_void;

/// The version of this file. The two sides of a border must have the same.
pub const VERSION: u32 = 1;

/// The bit in the answer to [`Host::call`] that says: the guest is dead, unwind to where it was entered.
pub const DEAD: u64 = 1 << 32;

/// What [`Guest::enter`] answers: the callback returned.
pub const RETURNED: u32 = 0;
/// What [`Guest::enter`] answers: the callback panicked.
pub const PANICKED: u32 = 1;
/// What [`Guest::enter`] answers: the guest was killed by the answer to a host call.
pub const KILLED: u32 = 2;

/// Gives a [`Guest`], which lives as long as the library. A library has a static of this type, `tamis_native_` and the
/// crate's name.
pub type Entry = extern "C" fn() -> *const c_void;

/// Text in UTF-8 that lives as long as the library it comes from.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// Its bytes.
    pub data: *const u8,
    /// How many.
    pub size: usize,
}

/// A function of either side.
///
/// Its parameters are a letter each; the value crosses the border in a word of 64 bits.
///
/// | letter | type | meaning |
/// |---|---|---|
/// | `w` | `u32`, `i32` | a number |
/// | `q` | `u64`, `i64` | a number |
/// | `z` | `usize` | a number; after `r` or `o` the size of what is pointed to |
/// | `r` | `*const u8` | bytes that the host reads |
/// | `o` | `*mut u8` | bytes that the host writes |
/// | `p` | `*mut *mut u8` | where the host puts a pointer to bytes that it got from [`Guest::allocate`] |
/// | `s` | `*mut usize` | where the host puts a size |
/// | `4` | `*mut u32` | where the host puts a number |
/// | `8` | `*mut u64` | where the host puts a number |
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// The import's module; empty for an export.
    pub module: Text,
    /// The name in the Proxy-Wasm ABI.
    pub name: Text,
    /// The parameters' letters.
    pub parameters: Text,
    /// 1 when it has a result, which is a `u32`; else 0.
    pub results: u32,
}

/// A host, for the time of one entry into a guest.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Host {
    /// [`VERSION`]
    pub version: u32,
    /// The size of this type, in bytes.
    pub size: u32,
    /// The first argument of `call`.
    pub context: *mut c_void,
    /// Calls the host function of this number in the guest's list of imports. The answer is a `u32`, and perhaps [`DEAD`].
    pub call: unsafe extern "C" fn(context: *mut c_void, function: u32, words: *const u64, count: usize) -> u64,
}

/// A filter.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Guest {
    /// [`VERSION`]
    pub version: u32,
    /// The size of this type, in bytes.
    pub size: u32,
    /// Its name.
    pub name: Text,
    /// How many imports there are.
    pub imports: u32,
    /// How many exports there are.
    pub exports: u32,
    /// The import of a number below `imports`.
    pub import: extern "C" fn(number: u32) -> Function,
    /// The export of a number below `exports`.
    pub export: extern "C" fn(number: u32) -> Function,
    /// Makes an instance: what a VM holds. It is entered, and destroyed, on this thread only.
    pub create: extern "C" fn() -> *mut c_void,
    /// Frees an instance.
    pub destroy: unsafe extern "C" fn(instance: *mut c_void),
    /// Memory for the host to fill, which the guest then owns; null when there is none.
    pub allocate: extern "C" fn(size: usize) -> *mut u8,
    /// Calls an export: [`RETURNED`] with `result` filled, [`PANICKED`] with `place` saying where (valid until the next
    /// entry), or [`KILLED`].
    pub enter: unsafe extern "C" fn(
        instance: *mut c_void,
        host: *const Host,
        export: u32,
        words: *const u64,
        count: usize,
        result: *mut u32,
        place: *mut Text,
    ) -> u32,
}
