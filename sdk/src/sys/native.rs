//! A filter on the machine's own processor: the guest's side of the [border](super::border).
//!
//! | file | idea |
//! |---|---|
//! | `host` | who has entered this thread, and how its functions are called |
//! | `guest` | what a filter tells of itself, and how it is entered |

mod guest;
mod host;

pub use super::border::Entry;
pub use guest::{Call, Current, Export, Native, of};
pub(crate) use host::install_panic_hook;
pub(super) use host::{Import, Word, call};
