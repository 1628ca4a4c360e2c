//! A guest on the bare border: its callbacks run what a test has put there.
#![allow(unsafe_code, reason = "the guest's side of the border, by hand")]

use std::any::Any;
use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use tamis_harness::native::border::{Function, Guest, Host, KILLED, PANICKED, RETURNED, Text, VERSION};

/// What a callback may do.
pub struct Calls {
    host: *const Host,
    /// The callback, and its arguments.
    pub called: (&'static str, Vec<u64>),
}

/// What a test runs as its callback: `Err` is a panic at that place.
pub type Act = Box<dyn FnMut(&Calls) -> Result<u32, &'static str>>;

thread_local! {
    static ACT: RefCell<Option<Act>> = const { RefCell::new(None) };
    /// What a test's assertion died of; it may not unwind through the border.
    static FAILED: RefCell<Option<Box<dyn Any + Send>>> = const { RefCell::new(None) };
}

const IMPORTS: &[(&str, &str, &str)] = &[
    ("env", "proxy_get_property", "rzps"),
    ("env", "proxy_get_shared_data", "rzps4"),
    ("env", "proxy_set_shared_data", "rzrzw"),
    ("env", "proxy_define_metric", "wrz4"),
    ("env", "proxy_increment_metric", "wq"),
    ("env", "proxy_get_metric", "w8"),
    ("env", "proxy_get_buffer_status", "ws4"),
    ("env", "proxy_call_foreign_function", "rzrzps"),
    ("env", "proxy_set_tick_period_milliseconds", "w"),
    ("env", "proxy_http_call", "rzrzrzrzw4"),
    ("wasi_snapshot_preview1", "clock_time_get", "wq8"),
    ("wasi_snapshot_preview1", "environ_sizes_get", "ss"),
    ("wasi_snapshot_preview1", "environ_get", "po"),
    ("wasi_snapshot_preview1", "random_get", "oz"),
];

const EXPORTS: &[(&str, &str, u32)] =
    &[("proxy_on_request_headers", "www", 1), ("proxy_on_tick", "w", 0), ("proxy_on_http_call_response", "wwwww", 0)];

impl Calls {
    /// Calls a host function.
    pub fn call(&self, name: &str, words: &[u64]) -> u64 {
        let number = IMPORTS.iter().position(|import| import.1 == name).unwrap();
        self.call_number(number as u32, words)
    }

    /// Calls the host function of this number.
    pub fn call_number(&self, number: u32, words: &[u64]) -> u64 {
        let host = unsafe { &*self.host };
        unsafe { (host.call)(host.context, number, words.as_ptr(), words.len()) }
    }
}

/// Sets what callbacks do from now on.
pub fn on_call(act: impl FnMut(&Calls) -> Result<u32, &'static str> + 'static) {
    ACT.set(Some(Box::new(act)));
}

/// Goes on with a panic of the callback.
pub fn check() {
    if let Some(payload) = FAILED.take() {
        resume_unwind(payload);
    }
}

/// Takes bytes that the host has put into memory of its allocator.
pub fn taken(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() { Vec::new() } else { unsafe { Vec::from_raw_parts(data, size, size) } }
}

/// The bytes up to the first NUL.
pub fn text_at(at: *const u8) -> String {
    unsafe { std::ffi::CStr::from_ptr(at.cast()) }.to_str().unwrap().to_owned()
}

/// A place for a number, as a word.
pub fn word<T>(place: &mut T) -> u64 {
    ptr::from_mut(place).expose_provenance() as u64
}

pub extern "C" fn entry() -> *const c_void {
    leaked(GUEST)
}

pub extern "C" fn nothing() -> *const c_void {
    ptr::null()
}

pub extern "C" fn from_tomorrow() -> *const c_void {
    leaked(Guest { version: VERSION + 1, ..GUEST })
}

pub extern "C" fn wrong_size() -> *const c_void {
    leaked(Guest { size: 8, ..GUEST })
}

pub extern "C" fn wants_too_much() -> *const c_void {
    extern "C" fn import(_: u32) -> Function {
        function("env", "proxy_fly", "w", 1)
    }
    leaked(Guest { import, imports: 1, ..GUEST })
}

pub extern "C" fn wants_it_differently() -> *const c_void {
    extern "C" fn import(_: u32) -> Function {
        function("env", "proxy_get_property", "rz", 1)
    }
    leaked(Guest { import, imports: 1, ..GUEST })
}

pub extern "C" fn has_it_differently() -> *const c_void {
    extern "C" fn export(_: u32) -> Function {
        function("", "proxy_on_request_headers", "w", 1)
    }
    leaked(Guest { export, exports: 1, ..GUEST })
}

const GUEST: Guest = Guest {
    version: VERSION,
    size: size_of::<Guest>() as u32,
    name: text("by-hand"),
    imports: IMPORTS.len() as u32,
    exports: EXPORTS.len() as u32,
    import,
    export,
    create,
    destroy,
    allocate,
    enter,
};

fn leaked(guest: Guest) -> *const c_void {
    ptr::from_ref(Box::leak(Box::new(guest))).cast()
}

const fn text(text: &'static str) -> Text {
    Text { data: text.as_ptr(), size: text.len() }
}

const fn function(module: &'static str, name: &'static str, parameters: &'static str, results: u32) -> Function {
    Function { module: text(module), name: text(name), parameters: text(parameters), results }
}

extern "C" fn import(number: u32) -> Function {
    let (module, name, parameters) = IMPORTS[number as usize];
    function(module, name, parameters, 1)
}

extern "C" fn export(number: u32) -> Function {
    let (name, parameters, results) = EXPORTS[number as usize];
    function("", name, parameters, results)
}

extern "C" fn create() -> *mut c_void {
    Box::into_raw(Box::new(7_u32)).cast()
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    assert_eq!(*unsafe { Box::from_raw(instance.cast::<u32>()) }, 7);
}

extern "C" fn allocate(size: usize) -> *mut u8 {
    Vec::with_capacity(size).leak().as_mut_ptr()
}

unsafe extern "C" fn enter(
    instance: *mut c_void,
    host: *const Host,
    export: u32,
    words: *const u64,
    count: usize,
    result: *mut u32,
    place: *mut Text,
) -> u32 {
    let (name, parameters, _) = EXPORTS[export as usize];
    assert_eq!((unsafe { *instance.cast::<u32>() }, count), (7, parameters.len()));
    let calls = Calls { host, called: (name, unsafe { std::slice::from_raw_parts(words, count) }.to_vec()) };
    let Some(mut act) = ACT.take() else { return KILLED };
    let outcome = catch_unwind(AssertUnwindSafe(|| act(&calls)));
    ACT.set(Some(act));
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(payload) => {
            FAILED.set(Some(payload));
            return KILLED;
        }
    };
    match outcome {
        Ok(word) => {
            unsafe { result.write(word) };
            RETURNED
        }
        Err(at) => {
            unsafe { place.write(text(at)) };
            PANICKED
        }
    }
}
