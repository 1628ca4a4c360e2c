//! Who has entered this thread, and how its functions are called.
#![allow(
    unsafe_code,
    reason = "a host's function is called with its own context, while the entry that brought it has not returned"
)]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{resume_unwind, set_hook, take_hook};
use std::ptr;
use std::rc::Rc;
use std::sync::Once;

use crate::Status;
use crate::sys::border::{DEAD, Host, Text};

/// A function of the host.
#[derive(Debug)]
pub struct Import {
    pub module: &'static str,
    pub name: &'static str,
    /// A letter each, as [`Function`](crate::sys::border::Function) has them.
    pub parameters: &'static [u8],
}

/// A type of the ABI, in a word.
pub trait Word: Copy {
    const LETTER: u8;

    fn word(self) -> u64;
}

macro_rules! words {
    ($($type:ty, $letter:literal, $value:ident => $word:expr;)*) => {$(
        impl Word for $type {
            const LETTER: u8 = $letter;

            fn word(self) -> u64 {
                let $value = self;
                $word
            }
        }
    )*};
}

words! {
    u32, b'w', value => u64::from(value);
    i32, b'w', value => u64::from(value.cast_unsigned());
    u64, b'q', value => value;
    i64, b'q', value => value.cast_unsigned();
    usize, b'z', value => value as u64;
    *const u8, b'r', value => value.expose_provenance() as u64;
    *mut u8, b'o', value => value.expose_provenance() as u64;
    *mut *mut u8, b'p', value => value.expose_provenance() as u64;
    *mut usize, b's', value => value.expose_provenance() as u64;
    *mut u32, b'4', value => value.expose_provenance() as u64;
    *mut u64, b'8', value => value.expose_provenance() as u64;
}

thread_local! {
    /// Who has entered; null when nobody has.
    static HOST: Cell<*const Host> = const { Cell::new(ptr::null()) };
    /// The instance that was entered.
    static INSTANCE: RefCell<Option<Rc<dyn Any>>> = const { RefCell::new(None) };
    /// The guest has panicked or was killed: what its destructors ask of the host is not done, as in a module, where none
    /// of them runs.
    static DYING: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic was.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What a guest unwinds with that its host has killed.
pub(super) struct Killed;

/// Calls a function of the host by its number in the table.
pub fn call(function: u32, words: &[u64]) -> u32 {
    // SAFETY: it is null, or the host of an entry that has not returned.
    let Some(host) = (unsafe { HOST.get().as_ref() }) else { return Status::UNIMPLEMENTED.word() };
    if DYING.get() {
        return Status::INTERNAL_FAILURE.word();
    }
    // SAFETY: the context is the host's own, the words are live, and as many as said.
    let answer = unsafe { (host.call)(host.context, function, words.as_ptr(), words.len()) };
    if answer & DEAD != 0 {
        DYING.set(true);
        // Not from a destructor or the hook below: a second panic would end the process.
        if !std::thread::panicking() {
            resume_unwind(Box::new(Killed));
        }
    }
    (answer & u64::from(u32::MAX)) as u32
}

/// The time that a host is in this thread. Entries may nest; each ends before the one around it.
pub(super) struct Entered {
    host: *const Host,
    instance: Option<Rc<dyn Any>>,
    dying: bool,
}

impl Entered {
    /// # Safety
    ///
    /// `host` is valid until what this returns is dropped.
    pub(super) unsafe fn new(host: *const Host, instance: Rc<dyn Any>) -> Self {
        Self { host: HOST.replace(host), instance: INSTANCE.replace(Some(instance)), dying: DYING.replace(false) }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        HOST.set(self.host);
        drop(INSTANCE.replace(self.instance.take()));
        DYING.set(self.dying);
    }
}

/// The instance that was entered.
pub(super) fn instance() -> Option<Rc<dyn Any>> {
    INSTANCE.with_borrow(Clone::clone)
}

/// Where the last panic of this thread was, until the next one.
pub(super) fn place() -> Text {
    PLACE.with_borrow(|place| Text { data: place.as_ptr(), size: place.len() })
}

/// Tells the host where a guest panics, as a module does; besides, whoever listened before hears of it.
pub(crate) fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !HOST.get().is_null() && !DYING.get() {
                let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
                let place = place.unwrap_or_else(|| "an unknown place".to_owned());
                crate::log::critical(format_args!("panic at {place}"));
                PLACE.set(place);
                DYING.set(true);
            }
            before(panic);
        }));
    });
}
