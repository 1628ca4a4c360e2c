//! What a Proxy-Wasm module file is: gate, description, post-link step, symbols. No engine, no network.
//!
//! A plugin reaches a proxy as one file, and everything that can be known about that file without running it is known
//! here. The modules take any Proxy-Wasm module, whatever it was written in, and trust none of its bytes: they return
//! an error that says what to do, or an answer, in time and memory that the file's size bounds.
//!
//! A module's way through this crate, from the compiler to a log that somebody has to read:
//!
//! 1. [`post_link`](mod@post_link) takes what the compiler wrote. It removes the export by which the build asked for the
//!    description, the phases that the author left empty, and everything that only those reached; it writes the
//!    [`description`] into the file and takes names and line tables off, into a second file that stays at home.
//! 2. [`gate`] decides whether every supported Envoy would load the result, and if not gives all reasons, each with the
//!    rule of `docs/envoy-behaviour.md` behind it. It compares [`info`], what the file says, with [`abi`], what hosts
//!    offer and demand; the harness links from the same tables.
//! 3. [`plugin_config`] is how an Envoy is told to load it.
//! 4. [`symbols`] turns the offsets of a trap's backtrace into functions and lines, with the file that stayed at home.
//!
//! ```
//! use tamis_module::gate;
//!
//! let refusal = gate::check(b"(module)").map(|_| ()).map_err(|refusal| refusal.to_string());
//! assert!(refusal.is_err_and(|text| text.contains("not a WebAssembly module")));
//! ```
//!
//! Shipped and kept file have the same code at the same offsets. Line tables are kept as the compiler wrote them, with a
//! map from each new offset to the old one, because rewriting them is where such tools go wrong.

pub mod abi;
pub mod compare;
pub mod compiler;
pub mod description;
pub mod gate;
pub mod info;
pub mod phase;
pub mod plugin_config;
pub mod post_link;
pub mod symbols;

mod code_map;
mod sections;
mod text;

/// What the name of a filter's full image ends with, which has engines that its lean one goes without: `NAME-full`.
pub const FULL_IMAGE: &str = "-full";

/// The name that both images of a filter share: that of the lean one.
///
/// ```
/// use tamis_module::lean_name;
///
/// assert_eq!([lean_name("limiter-full"), lean_name("limiter")], ["limiter", "limiter"]);
/// ```
#[must_use]
pub fn lean_name(image: &str) -> &str {
    image.strip_suffix(FULL_IMAGE).unwrap_or(image)
}

pub use description::Description;
pub use info::ModuleInfo;
pub use phase::Phase;
