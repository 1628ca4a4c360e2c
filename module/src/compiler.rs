//! Which compiler made a module: the section `tamis.compiler`.
//!
//! The same source comes to other bytes and other fuel with another compiler, so that figures of two modules can only be
//! held against each other when this is equal.

use wasmparser::{Parser, Payload};

use crate::info::{ModuleInfo, ParseError};
use crate::text::shown;

/// The custom section it stands in, as text; written by `tamis build`.
pub const SECTION: &str = "tamis.compiler";

/// The most bytes of the section that are looked at.
const MAX_BYTES: usize = 256;

/// The compiler as `rustc --version` names it, without what a terminal would obey; `None` when the module does not say.
///
/// # Errors
/// When the bytes are not a module.
pub fn read(wasm: &[u8]) -> Result<Option<String>, ParseError> {
    ModuleInfo::parse(wasm)?;
    let found = Parser::new(0).parse_all(wasm).find_map(|payload| match payload {
        Ok(Payload::CustomSection(section)) if section.name() == SECTION => Some(section.data()),
        _ => None,
    });
    Ok(found.map(|data| shown(&String::from_utf8_lossy(data.get(..MAX_BYTES).unwrap_or(data)))))
}
