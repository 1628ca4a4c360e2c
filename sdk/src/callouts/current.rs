//! For whom the filter's code runs at the moment.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use super::Executor;

/// Whom the filter's code runs for: there is one while the proxy has entered a filter that makes callouts.
#[derive(Clone)]
pub(crate) struct Current {
    pub executor: Rc<Executor>,
    /// The stream, or the plugin's root.
    pub owner: u32,
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
        struct Before(Option<Current>);
        impl Drop for Before {
            fn drop(&mut self) {
                CURRENT.replace(self.0.take());
            }
        }
        let _before = Before(CURRENT.replace(Some(self)));
        act()
    }

    pub(crate) fn get() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }
}
