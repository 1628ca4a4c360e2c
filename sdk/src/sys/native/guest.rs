//! What a filter tells of itself, and how it is entered.
#![allow(
    unsafe_code,
    reason = "pointers cross the border as its description says: an instance comes from `create`, words are as many as said"
)]

use std::any::Any;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

use super::host::{self, Entered, Killed};
use crate::sys::border::{Function, Guest, Host, KILLED, PANICKED, RETURNED, Text, VERSION};
use crate::sys::{allocate, imports};

/// A filter that can be entered natively. The attribute [`#[tamis::filter]`](crate::filter) implements it.
pub trait Native: 'static {
    /// The crate's name.
    const NAME: &'static str;
    /// The callbacks that the filter has.
    const EXPORTS: &'static [Export];

    /// What a VM holds before anything happened.
    fn instance() -> Rc<dyn Any>;
}

/// A callback.
#[derive(Debug, Clone, Copy)]
pub struct Export {
    /// Its name in the ABI.
    pub name: &'static str,
    /// The function.
    pub call: Call,
}

/// A callback's function, by its number of parameters; with `R` it has a result.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the shapes of the ABI's callbacks")]
pub enum Call {
    P1(fn(u32)),
    P2(fn(u32, u32)),
    P3(fn(u32, u32, u32)),
    P5(fn(u32, u32, u32, u32, u32)),
    P1R(fn(u32) -> u32),
    P2R(fn(u32, u32) -> u32),
    P3R(fn(u32, u32, u32) -> u32),
}

impl Call {
    const fn parameters(self) -> &'static str {
        match self {
            Self::P1(_) | Self::P1R(_) => "w",
            Self::P2(_) | Self::P2R(_) => "ww",
            Self::P3(_) | Self::P3R(_) => "www",
            Self::P5(_) => "wwwww",
        }
    }

    const fn has_result(self) -> bool {
        matches!(self, Self::P1R(_) | Self::P2R(_) | Self::P3R(_))
    }

    /// Calls it; a word that is missing is 0, and so is the result of a function without one.
    fn run(self, words: &[u64]) -> u32 {
        let word = |i: usize| words.get(i).map_or(0, |word| (word & u64::from(u32::MAX)) as u32);
        match self {
            Self::P1(f) => f(word(0)),
            Self::P2(f) => f(word(0), word(1)),
            Self::P3(f) => f(word(0), word(1), word(2)),
            Self::P5(f) => f(word(0), word(1), word(2), word(3), word(4)),
            Self::P1R(f) => return f(word(0)),
            Self::P2R(f) => return f(word(0), word(1)),
            Self::P3R(f) => return f(word(0), word(1), word(2)),
        }
        0
    }
}

/// The runtime of the instance that was entered: natively what a thread-local of the module is on wasm32.
#[derive(Debug)]
pub struct Current<T>(PhantomData<fn() -> T>);

impl<T: 'static> Current<T> {
    /// For a static of the filter.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a constant")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// Runs with the instance's runtime. Callbacks are only called inside of an entry; outside nothing would run.
    pub fn with<R: Default>(&self, run: impl FnOnce(&T) -> R) -> R {
        host::instance().as_deref().and_then(|instance| instance.downcast_ref::<T>()).map(run).unwrap_or_default()
    }
}

/// A filter's description for a host: what the harness's `Native::linked` takes.
///
/// ```ignore
/// Native::linked(tamis::native::of::<MyFilter>)
/// ```
pub extern "C" fn of<F: Native>() -> *const c_void {
    ptr::from_ref(Described::<F>::GUEST).cast()
}

struct Described<F>(PhantomData<F>);

impl<F: Native> Described<F> {
    const GUEST: &'static Guest = &Guest {
        version: VERSION,
        size: size_of::<Guest>() as u32,
        name: text(F::NAME),
        imports: imports::TABLE.len() as u32,
        exports: F::EXPORTS.len() as u32,
        import,
        export: export::<F>,
        create: create::<F>,
        destroy,
        allocate: give_memory,
        enter: enter::<F>,
    };
}

const fn text(text: &'static str) -> Text {
    Text { data: text.as_ptr(), size: text.len() }
}

const NO_FUNCTION: Function = Function { module: text(""), name: text(""), parameters: text(""), results: 0 };

extern "C" fn import(number: u32) -> Function {
    imports::TABLE.get(number as usize).map_or(NO_FUNCTION, |import| Function {
        module: text(import.module),
        name: text(import.name),
        parameters: Text { data: import.parameters.as_ptr(), size: import.parameters.len() },
        results: 1,
    })
}

extern "C" fn export<F: Native>(number: u32) -> Function {
    F::EXPORTS.get(number as usize).map_or(NO_FUNCTION, |export| Function {
        module: text(""),
        name: text(export.name),
        parameters: text(export.call.parameters()),
        results: u32::from(export.call.has_result()),
    })
}

/// What a host holds of an instance.
struct Instance(Rc<dyn Any>);

extern "C" fn create<F: Native>() -> *mut c_void {
    Box::into_raw(Box::new(Instance(F::instance()))).cast()
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    // SAFETY: `create` made it, and the host gives it up.
    let instance = unsafe { Box::from_raw(instance.cast::<Instance>()) };
    // A destructor that panics has been heard of by the hook; there is nobody else to tell.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(instance)));
}

extern "C" fn give_memory(size: usize) -> *mut u8 {
    allocate(size)
}

unsafe extern "C" fn enter<F: Native>(
    instance: *mut c_void,
    host: *const Host,
    export: u32,
    words: *const u64,
    count: usize,
    result: *mut u32,
    place: *mut Text,
) -> u32 {
    // SAFETY: `create` made it, and the host keeps it for the time of the entry.
    let instance = unsafe { &*instance.cast::<Instance>() };
    // SAFETY: the words are live, and as many as said.
    let words = unsafe { std::slice::from_raw_parts(words, count) };
    // SAFETY: the host is there until this returns.
    let entered = unsafe { Entered::new(host, instance.0.clone()) };
    let run = || F::EXPORTS.get(export as usize).map_or(0, |export| export.call.run(words));
    let outcome = catch_unwind(AssertUnwindSafe(run));
    drop(entered);
    match outcome {
        Ok(word) => {
            // SAFETY: a place for it.
            unsafe { result.write(word) };
            RETURNED
        }
        Err(payload) if payload.is::<Killed>() => KILLED,
        Err(_) => {
            // SAFETY: a place for it.
            unsafe { place.write(host::place()) };
            PANICKED
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::sys::border::DEAD;
    use crate::sys::{self, Status};

    /// A guest whose callback does what its argument says.
    struct Probe;

    /// What the host of these tests has heard, and what it answers.
    #[derive(Default)]
    struct Heard {
        calls: RefCell<Vec<(&'static str, usize)>>,
        answer: Cell<u64>,
    }

    static RUNTIME: Current<Cell<u32>> = Current::new();

    const RETURN: u32 = 0;
    const ASK: u32 = 1;
    const PANIC: u32 = 2;

    fn act(what: u32, _: u32) -> u32 {
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                let _ = sys::set_property(b"late", b"");
            }
        }
        let _late = Late;
        match what {
            ASK => match sys::set_property(b"name", b"value") {
                Ok(()) => 1,
                Err(error) => error.status().word(),
            },
            PANIC => panic!("the secret"),
            _ => RUNTIME.with(|count| {
                count.set(count.get() + 1);
                count.get()
            }),
        }
    }

    impl Native for Probe {
        const NAME: &'static str = "probe";
        const EXPORTS: &'static [Export] = &[Export { name: "act", call: Call::P2R(act) }];

        fn instance() -> Rc<dyn Any> {
            host::install_panic_hook();
            Rc::new(Cell::new(0_u32))
        }
    }

    unsafe extern "C" fn hear(context: *mut c_void, function: u32, _: *const u64, count: usize) -> u64 {
        let heard = unsafe { &*context.cast::<Heard>() };
        heard.calls.borrow_mut().push((imports::TABLE[function as usize].name, count));
        heard.answer.get()
    }

    struct Vm(*mut c_void);

    impl Vm {
        fn new() -> Self {
            Self((Described::<Probe>::GUEST.create)())
        }

        /// Outcome, result, place of a panic.
        fn enter(&self, heard: &Heard, what: u32) -> (u32, u32, String) {
            let host = Host {
                version: VERSION,
                size: size_of::<Host>() as u32,
                context: ptr::from_ref(heard).cast_mut().cast(),
                call: hear,
            };
            let (words, mut result, mut place) = ([u64::from(what), 0], 77, text(""));
            let guest = Described::<Probe>::GUEST;
            let outcome = unsafe { (guest.enter)(self.0, &host, 0, words.as_ptr(), 2, &mut result, &mut place) };
            let place = unsafe { std::slice::from_raw_parts(place.data, place.size) };
            (outcome, result, String::from_utf8(place.to_vec()).unwrap())
        }
    }

    impl Drop for Vm {
        fn drop(&mut self) {
            unsafe { (Described::<Probe>::GUEST.destroy)(self.0) };
        }
    }

    #[test]
    fn each_instance_has_its_own_state() {
        let (one, other, heard) = (Vm::new(), Vm::new(), Heard::default());
        assert_eq!(one.enter(&heard, RETURN), (RETURNED, 1, String::new()));
        assert_eq!(one.enter(&heard, RETURN), (RETURNED, 2, String::new()));
        assert_eq!(other.enter(&heard, RETURN), (RETURNED, 1, String::new()));
    }

    #[test]
    fn host_calls_reach_the_host_of_the_entry_only() {
        let (vm, heard) = (Vm::new(), Heard::default());
        assert_eq!(vm.enter(&heard, ASK).1, 1);
        assert_eq!(*heard.calls.borrow(), [("proxy_set_property", 4), ("proxy_set_property", 4)]);
        heard.answer.set(u64::from(Status::BAD_ARGUMENT.word()));
        assert_eq!(vm.enter(&heard, ASK).1, Status::BAD_ARGUMENT.word());
        assert_eq!(act(ASK, 0), Status::UNIMPLEMENTED.word(), "nobody has entered");
    }

    #[test]
    fn a_panic_is_told_by_its_place_and_nothing_is_done_after_it() {
        let (vm, heard) = (Vm::new(), Heard::default());
        let (outcome, _, place) = vm.enter(&heard, PANIC);
        assert_eq!(outcome, PANICKED);
        assert!(place.starts_with("sdk/src/sys/native/guest.rs:"), "{place}");
        assert_eq!(*heard.calls.borrow(), [("proxy_log", 3)]);
        assert_eq!(vm.enter(&heard, ASK).0, RETURNED, "the thread is as it was");
    }

    #[test]
    fn a_host_can_kill() {
        let (vm, heard) = (Vm::new(), Heard::default());
        heard.answer.set(DEAD);
        assert_eq!(vm.enter(&heard, ASK).0, KILLED);
        assert_eq!(heard.calls.borrow().len(), 1);
    }
}
