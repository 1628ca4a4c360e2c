//! From an offset in a module's code to function, file and line.

mod backtrace;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use gimli::{EndianArcSlice, LittleEndian};
use wasmparser::{KnownCustom, Name, Parser, Payload};

use crate::code_map::{self, CodeMap};
use crate::info::{ModuleInfo, ParseError};
use crate::sections::{CODE, Section, split};

type Reader = EndianArcSlice<LittleEndian>;

/// Knows a module's names and lines. Made from the debug module that [`crate::post_link::post_link`] keeps, or from a
/// compiler's output as it is.
pub struct Symbolizer {
    lines: Option<addr2line::Context<Reader>>,
    /// Absent when the line tables belong to this very module.
    map: Option<CodeMap>,
    /// Where the code section's contents start in the file.
    code_start: u64,
    /// Bodies by their place in the file, ascending, each with its function's index.
    bodies: Vec<(Range<u64>, u32)>,
    names: HashMap<u32, String>,
}

/// One function that was being executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function's name, readable; `None` when the module does not have it.
    pub function: Option<String>,
    /// The source file, from the crate's folder on: `core/src/panicking.rs`.
    pub file: Option<String>,
    /// Line in it, from 1.
    pub line: Option<u32>,
    /// Column in it, from 1.
    pub column: Option<u32>,
}

/// `function at file:line:column`, as far as it is known.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function.as_deref().unwrap_or("<unknown>"))?;
        let Some(file) = &self.file else {
            return Ok(());
        };
        write!(f, " at {file}")?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        Ok(())
    }
}

/// Why a debug module cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SymbolError {
    /// The bytes are not a module.
    #[error(transparent)]
    Module(#[from] ParseError),
    /// It has neither names nor line tables.
    #[error(
        "the module has neither names nor line tables, so no trace can be read with it: give the debug module that `tamis build` wrote beside it"
    )]
    Nothing,
    /// Names and lines of another build say nothing.
    #[error("the debug module is of another build than the module: build both again with `tamis build`")]
    OtherBuild,
    /// The line tables cannot be read.
    #[error("the module's line tables cannot be read: {message}; build it again with `tamis build`")]
    Lines {
        /// What is wrong.
        message: String,
    },
}

impl Symbolizer {
    /// Reads names and indexes line tables; a lookup reads the tables it needs.
    ///
    /// # Errors
    /// When the bytes are not a module, carry no names beyond the placeholder of a shipped one and no line tables, or
    /// tables that cannot be read.
    pub fn new(debug_wasm: &[u8]) -> Result<Self, SymbolError> {
        ModuleInfo::parse(debug_wasm)?;
        let sections = split(debug_wasm)?;
        let map = match sections.iter().find(|section| section.is_custom(code_map::SECTION)) {
            None => None,
            Some(section) => Some(CodeMap::decode(section.data).ok_or_else(|| SymbolError::Lines {
                message: format!("section `{}` is damaged", code_map::SECTION),
            })?),
        };
        let lines = line_tables(&sections, map.is_some())?;
        let (bodies, names) = functions(debug_wasm)?;
        if lines.is_none() && names.len() < 2 {
            return Err(SymbolError::Nothing);
        }
        let code_start = sections.iter().find(|section| section.id == CODE).map_or(0, |section| section.start);
        Ok(Self { lines, map, code_start, bodies, names })
    }

    /// The symbols of one module: [`Symbolizer::new`], if the debug module has the same code at the same place.
    ///
    /// # Errors
    /// As [`Symbolizer::new`], and when the debug module is another build's.
    pub fn of_module(wasm: &[u8], debug_wasm: &[u8]) -> Result<Self, SymbolError> {
        let symbols = Self::new(debug_wasm)?;
        fn code(wasm: &[u8]) -> Result<Option<(u64, &[u8])>, ParseError> {
            Ok(split(wasm)?.iter().find(|section| section.id == CODE).map(|code| (code.start, code.data)))
        }
        if code(wasm)? == code(debug_wasm)? { Ok(symbols) } else { Err(SymbolError::OtherBuild) }
    }

    /// What is at an offset from the start of the module's file, as engines print them: the innermost function first,
    /// then those it was inlined into. Empty when no function's body is there.
    #[must_use]
    pub fn frame(&self, module_offset: u64) -> Vec<Frame> {
        let Some(index) = self.function_at(module_offset) else {
            return Vec::new();
        };
        let name = self.names.get(&index).map(|name| readable(name));
        let mut frames = self.lines_at(module_offset).unwrap_or_default();
        match frames.last_mut() {
            // The outermost function's full name stands in the name section, line tables may only have the last part.
            Some(outermost) => outermost.function = name.or_else(|| outermost.function.take()),
            None => frames.push(Frame { function: name, file: None, line: None, column: None }),
        }
        frames
    }

    /// Rewrites the lines of Envoy's and wasmtime's backtraces in a log to `function at file:line:column`, one more line
    /// for each function that was inlined; all other lines stay as they are. Lines whose offset is in no function of
    /// this module stay too, and a last line then says that the log may be another build's.
    #[must_use]
    pub fn symbolize(&self, log: &str) -> String {
        backtrace::rewrite(self, log)
    }

    /// The index of the function whose body holds this offset.
    fn function_at(&self, module_offset: u64) -> Option<u32> {
        let index = self.bodies.partition_point(|(body, _)| body.start <= module_offset).checked_sub(1)?;
        self.bodies.get(index).filter(|(body, _)| body.contains(&module_offset)).map(|(_, index)| *index)
    }

    fn lines_at(&self, module_offset: u64) -> Option<Vec<Frame>> {
        let offset = module_offset.checked_sub(self.code_start)?;
        let address = match &self.map {
            Some(map) => map.before(offset)?,
            None => offset,
        };
        let mut found = self.lines.as_ref()?.find_frames(address).skip_all_loads().ok()?;
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = found.next() {
            let function = frame.function.as_ref().and_then(|name| name.raw_name().ok().map(|name| readable(&name)));
            let place = frame.location;
            frames.push(Frame {
                function,
                file: place.as_ref().and_then(|place| place.file).map(short_path),
                line: place.as_ref().and_then(|place| place.line),
                column: place.and_then(|place| place.column).filter(|column| *column > 0),
            });
        }
        Some(frames)
    }
}

fn line_tables(sections: &[Section<'_>], moved: bool) -> Result<Option<addr2line::Context<Reader>>, SymbolError> {
    let lines = |error: gimli::Error| SymbolError::Lines { message: error.to_string() };
    let prefix = if moved { code_map::ORIGINAL } else { "" };
    let find = |id: gimli::SectionId| {
        let name = format!("{prefix}{}", id.name());
        sections.iter().find(|section| section.is_custom(&name)).map_or(&[][..], |section| section.data)
    };
    if find(gimli::SectionId::DebugLine).is_empty() {
        return Ok(None);
    }
    let dwarf = gimli::Dwarf::load(|id| Ok::<_, gimli::Error>(Reader::new(Arc::from(find(id)), LittleEndian)))
        .map_err(lines)?;
    addr2line::Context::from_dwarf(dwarf).map(Some).map_err(lines)
}

type Functions = (Vec<(Range<u64>, u32)>, HashMap<u32, String>);

/// Bodies and names; a damaged name section gives the names before the damage.
fn functions(wasm: &[u8]) -> Result<Functions, ParseError> {
    let mut bodies = Vec::new();
    let mut names = HashMap::new();
    let mut next = 0_u32;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|error| ParseError::Malformed {
            offset: error.offset(),
            message: crate::text::shown(error.message()),
        })?;
        match payload {
            Payload::ImportSection(section) => {
                let is_function = |import: &wasmparser::Import<'_>| matches!(import.ty, wasmparser::TypeRef::Func(_));
                let count = section.into_imports().flatten().filter(is_function).count();
                next = u32::try_from(count).unwrap_or(u32::MAX);
            }
            Payload::CodeSectionEntry(body) => {
                bodies.push((body.range(), next));
                next = next.saturating_add(1);
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(subsections) = section.as_known() {
                    for subsection in subsections.into_iter().flatten() {
                        if let Name::Function(map) = subsection {
                            names.extend(map.into_iter().flatten().map(|row| (row.index, row.name.to_owned())));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok((bodies, names))
}

/// The name as its author wrote it, without the compiler's hash.
fn readable(name: &str) -> String {
    crate::text::shown(&format!("{:#}", rustc_demangle::demangle(name)))
}

/// Leaves of a path what a reader knows: from the crate's folder on.
fn short_path(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    let start = match parts.iter().rposition(|part| *part == "src") {
        Some(source) => source.saturating_sub(1),
        None => parts.len().saturating_sub(2),
    };
    crate::text::shown(&parts.get(start..).unwrap_or_default().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_crate() {
        let rows = [
            ("/home/a/filters/transformation/src/filter.rs", "transformation/src/filter.rs"),
            ("/rustc/abc123/library/core/src/panicking.rs", "core/src/panicking.rs"),
            ("/r/registry/src/index-1/serde_json-1.0.1/src/de.rs", "serde_json-1.0.1/src/de.rs"),
            ("C:\\w\\filter\\src\\lib.rs", "filter/src/lib.rs"),
            ("/l/library/std/src/sys/wasm/../any/os.rs", "std/src/sys/any/os.rs"),
            ("src/lib.rs", "src/lib.rs"),
            ("/w/main.rs", "w/main.rs"),
            ("main.rs", "main.rs"),
        ];
        for (path, expected) in rows {
            assert_eq!(short_path(path), expected);
        }
    }
}
