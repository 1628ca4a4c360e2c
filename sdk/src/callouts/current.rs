//! For whom the filter's code runs at the moment.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::Executor;
use crate::{HostError, timer};

/// Whom the filter's code runs for: there is one while the proxy has entered a filter that makes callouts.
#[derive(Clone)]
pub(crate) struct Current {
    pub executor: Rc<Executor>,
    /// The stream, or the plugin's root.
    pub owner: u32,
    /// The plugin's root.
    pub root: u32,
    pub plugin: Rc<dyn Any>,
    /// How many callouts may be under way for one owner.
    pub most: usize,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

impl Current {
    /// Runs something for it. Such times may nest, where one VM is entered out of another.
    pub(crate) fn run<T>(self, act: impl FnOnce() -> T) -> T {
        /// Puts back who it was before, also when there is a panic.
        struct Before(Option<Current>, Option<timer::Share>);
        impl Drop for Before {
            fn drop(&mut self) {
                CURRENT.replace(self.0.take());
                timer::share(self.1);
            }
        }
        let _before = Before(CURRENT.replace(Some(self)), timer::share(Some(share)));
        act()
    }

    pub(crate) fn get() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }
}

/// Sets the proxy's timer for whichever is due first: a timer of the plugin, or what sleeps.
fn share(now: Duration, due: Option<Duration>) -> Result<Option<Duration>, HostError> {
    match Current::get() {
        Some(current) => current.executor.arm_timers(current.root, now, due),
        None => timer::set(now, due),
    }
}
