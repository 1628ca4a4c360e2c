//! A cell without a panic.

use std::cell::RefCell;

/// What is used for a moment at a time. `RefCell` would do, but its panics bring Rust's formatting of texts into every module,
/// which is more code than the runtime has.
#[derive(Debug)]
pub(super) struct Brief<T>(RefCell<T>);

impl<T> Brief<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// Uses it; nothing when it is in use already, by whoever the host has interrupted.
    pub(super) fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut value = self.0.try_borrow_mut().ok()?;
        Some(use_it(&mut value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_used_by_one_at_a_time() {
        let cell = Brief::new(1);
        assert_eq!(cell.with(|outer| (*outer, cell.with(|inner| *inner))), Some((1, None)));
        assert_eq!(cell.with(|value| std::mem::replace(value, 2)), Some(1));
        assert_eq!(cell.with(|value| *value), Some(2));
    }
}
