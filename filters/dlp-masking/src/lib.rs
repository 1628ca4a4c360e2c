//! Masks personal data and secrets in requests and responses.
//!
//! A text goes through in one pass, whatever is looked for, and in pieces of any size: what comes out is the same for every
//! way in which it is cut. The domain is plain bytes and knows no host:
//!
//! * [`detect`] recognises things by their form and their check digits, [`context`] by the words before them. A [`plan::Plan`]
//!   says what is looked for, and how sure it must be.
//! * [`scan`] goes over a text from one place where something may be to the next. What has a bounded form is found as a whole,
//!   and at most [`scan::HOLD_BACK`] bytes wait for that; what can be of any length is recognised by its beginning and
//!   followed to its end.
//! * [`mask`] says what stands in its place.
//! * [`mod@format`] finds the texts in a message and writes them back: as text, JSON, lines of JSON, forms, events.
//!
//! | file | idea |
//! |---|---|
//! | `view.rs` | bytes that are looked at while more may come |
//! | `plan.rs`, `scan.rs` | what is looked for, compiled; the one pass |
//! | `marks.rs` | where something may be, sixteen bytes at a time |
//! | `detect/` | a file for each kind of thing, with its source, its rule and what it misses |
//! | `checks.rs`, `context.rs` | check digits; words nearby |
//! | `open.rs` | tokens of any length |
//! | `mask.rs`, `hmac.rs` | what stands in the place of what was found |
//! | `format/`, `scope.rs` | where in a message there is text; which values of JSON are meant |
//! | `engine.rs` | all of this together |

pub mod checks;
pub mod compile;
pub mod config;
pub mod context;
pub mod detect;
pub mod engine;
pub mod entity;
pub mod format;
pub mod hmac;
pub mod kind;
pub mod mask;
pub mod plan;
pub mod scan;
pub mod scope;
pub mod view;

mod filter;
mod marks;
mod open;

pub use filter::DlpMasking;
