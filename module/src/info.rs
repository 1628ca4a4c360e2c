//! What can be read off a module without running it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use wasmparser::{ExternalKind, FuncType, Parser, Payload, RefType, TypeRef, ValType};

use crate::abi::{AbiVersion, Signature, ValueType};
use crate::phase::Phase;
use crate::text::shown;

/// How many types, imports, exports, memories and custom sections are listed, each; a module with more is refused, so
/// that the memory this takes stays in proportion to what a plugin can need (some 30 MB at worst beside the file).
pub const MAX_ITEMS: usize = 100_000;

/// A module's outside: what it asks for, what it offers, how large it is. Function bodies are not looked at; that is
/// [`crate::gate::check`]'s part.
#[derive(Clone, Debug)]
pub struct ModuleInfo {
    /// The version of the first marker in the order of the export section (ABI-1), or none.
    pub abi: Option<AbiVersion>,
    /// Everything imported, in order.
    pub imports: Vec<Import>,
    /// Everything exported, in order.
    pub exports: Vec<Export>,
    /// The phases that are exported as functions, in the order of [`Phase::ALL`].
    pub phases: Vec<Phase>,
    /// Memories, imported ones first; every known host supports exactly one.
    pub memories: Vec<Memory>,
    /// Number of functions that the module defines.
    pub functions: usize,
    /// Custom sections in file order.
    pub custom_sections: Vec<CustomSection>,
    /// Bytes of the whole file.
    pub size: usize,
}

/// Something a module asks its host for.
#[derive(Clone, Debug)]
pub struct Import {
    /// Module part of the name, `env` for host functions.
    pub module: String,
    /// Name within it.
    pub name: String,
    /// What it must be.
    pub item: Item,
}

/// Something a module offers its host.
#[derive(Clone, Debug)]
pub struct Export {
    /// The name the host looks up.
    pub name: String,
    /// What it is.
    pub item: Item,
}

/// The kinds of things that are imported and exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A function of this type.
    Function(Arc<Signature>),
    /// A linear memory.
    Memory,
    /// A table.
    Table,
    /// A global variable.
    Global,
    /// An exception tag.
    Tag,
}

/// The kind in one word, a function with its type.
impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(signature) => write!(f, "function {signature}"),
            Self::Memory => f.write_str("memory"),
            Self::Table => f.write_str("table"),
            Self::Global => f.write_str("global"),
            Self::Tag => f.write_str("tag"),
        }
    }
}

/// One linear memory's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Pages of 64 KiB it starts with.
    pub initial_pages: u64,
    /// Pages it may grow to, when the module says so.
    pub maximum_pages: Option<u64>,
    /// Whether it is imported.
    pub imported: bool,
}

/// A custom section's name and the bytes of its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomSection {
    /// The section's name.
    pub name: String,
    /// Bytes after the name.
    pub size: usize,
}

/// Why bytes could not be read as a module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// There are no bytes.
    #[error("the file is empty: give a .wasm module, such as `tamis build` writes")]
    Empty,
    /// The first four bytes are not those of WebAssembly.
    #[error(
        "not a WebAssembly module: it starts with {start}, not with `\\0asm`; give the .wasm file itself, not its text form or an archive around it"
    )]
    NotWasm {
        /// The first bytes, printable.
        start: String,
    },
    /// A component of the component model.
    #[error(
        "this is a WebAssembly component, and no Proxy-Wasm host loads components: build a core module (target wasm32-unknown-unknown, without cargo-component)"
    )]
    Component,
    /// Another version of the binary format.
    #[error("WebAssembly binary version {version}, where hosts know 1: build the module with a released compiler")]
    Version {
        /// The four bytes of version and layer, as a number.
        version: u32,
    },
    /// The file ends too early.
    #[error("the file ends in the middle of a section, after {size} bytes: it was cut off; fetch or build it again")]
    Truncated {
        /// Bytes there are.
        size: usize,
    },
    /// Something in the file breaks the format.
    #[error("malformed WebAssembly at byte {offset:#x}: {message}; build or fetch the module again")]
    Malformed {
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        message: String,
    },
    /// More of something than [`MAX_ITEMS`].
    #[error("the module has more than {MAX_ITEMS} {what}: no plugin needs that many, and it is not read further")]
    TooMany {
        /// Of what.
        what: &'static str,
    },
}

impl ModuleInfo {
    /// Reads the sections' tables. Takes time and memory in proportion to the file, and never panics on any bytes.
    ///
    /// # Errors
    /// When the bytes are not a core WebAssembly module, are cut off, or list more than [`MAX_ITEMS`] of a kind.
    pub fn parse(wasm: &[u8]) -> Result<Self, ParseError> {
        check_preamble(wasm)?;
        let mut tables = Tables::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(|error| format_error(&error, wasm.len()))?;
            tables.read(payload, wasm.len())?;
        }
        tables.finish(wasm.len())
    }

    /// The exported function of this name, by its type; other kinds of exports are not callable and give none.
    #[must_use]
    pub fn exported_function(&self, name: &str) -> Option<&Signature> {
        self.exports.iter().find_map(|export| match &export.item {
            Item::Function(signature) if export.name == name => Some(signature.as_ref()),
            _ => None,
        })
    }
}

/// Tells apart the files that are mistaken for modules, before the parser sees them.
fn check_preamble(wasm: &[u8]) -> Result<(), ParseError> {
    const MAGIC: &[u8] = b"\0asm";
    if wasm.is_empty() {
        return Err(ParseError::Empty);
    }
    let Some(rest) = wasm.strip_prefix(MAGIC) else {
        if MAGIC.starts_with(wasm) {
            return Err(ParseError::Truncated { size: wasm.len() });
        }
        let start = wasm.iter().take(4).copied().collect::<Vec<u8>>();
        return Err(ParseError::NotWasm { start: format!("`{}`", start.escape_ascii()) });
    };
    let Some(version) = rest.first_chunk::<4>() else {
        return Err(ParseError::Truncated { size: wasm.len() });
    };
    // The upper half is the layer: 0 for modules, 1 for components.
    match version {
        [1, 0, 0, 0] => Ok(()),
        [_, _, 1, 0] => Err(ParseError::Component),
        other => Err(ParseError::Version { version: u32::from_le_bytes(*other) }),
    }
}

fn format_error(error: &wasmparser::BinaryReaderError, size: usize) -> ParseError {
    if error.message().starts_with("unexpected end") {
        return ParseError::Truncated { size };
    }
    ParseError::Malformed { offset: error.offset(), message: shown(error.message()) }
}

/// What the sections say, collected in file order.
#[derive(Default)]
struct Tables {
    types: Vec<Option<Arc<Signature>>>,
    imports: Vec<Import>,
    /// The type of every function, imported ones first.
    function_types: Vec<u32>,
    imported_functions: usize,
    memories: Vec<Memory>,
    exports: Vec<(String, ExternalKind, u32)>,
    custom_sections: Vec<CustomSection>,
}

impl Tables {
    fn read(&mut self, payload: Payload<'_>, size: usize) -> Result<(), ParseError> {
        let bad = |error: wasmparser::BinaryReaderError| format_error(&error, size);
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for sub_type in group.map_err(bad)?.types() {
                        let function = match &sub_type.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(ty) => Some(Arc::new(signature(ty))),
                            _ => None,
                        };
                        push(&mut self.types, function, "types")?;
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import.map_err(bad)?)?;
                }
            }
            Payload::FunctionSection(section) => {
                for index in section {
                    self.function_types.push(index.map_err(bad)?);
                }
            }
            Payload::MemorySection(section) => {
                for ty in section {
                    push(&mut self.memories, memory(ty.map_err(bad)?, false), "memories")?;
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(bad)?;
                    let row = (export.name.to_owned(), export.kind, export.index);
                    push(&mut self.exports, row, "exports")?;
                }
            }
            Payload::CustomSection(section) => {
                let row = CustomSection { name: section.name().to_owned(), size: section.data().len() };
                push(&mut self.custom_sections, row, "custom sections")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: wasmparser::Import<'_>) -> Result<(), ParseError> {
        let item = match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.function_types.push(index);
                self.imported_functions += 1;
                self.function(index)?
            }
            TypeRef::Memory(ty) => {
                push(&mut self.memories, memory(ty, true), "memories")?;
                Item::Memory
            }
            TypeRef::Table(_) => Item::Table,
            TypeRef::Global(_) => Item::Global,
            TypeRef::Tag(_) => Item::Tag,
        };
        let row = Import { module: import.module.to_owned(), name: import.name.to_owned(), item };
        push(&mut self.imports, row, "imports")
    }

    fn function(&self, type_index: u32) -> Result<Item, ParseError> {
        let ty = usize::try_from(type_index).ok().and_then(|index| self.types.get(index));
        match ty {
            Some(Some(signature)) => Ok(Item::Function(Arc::clone(signature))),
            _ => Err(ParseError::Malformed {
                offset: 0,
                message: format!("a function has type {type_index}, which is no function type of the module"),
            }),
        }
    }

    fn finish(self, size: usize) -> Result<ModuleInfo, ParseError> {
        let mut exports = Vec::with_capacity(self.exports.len());
        for (name, kind, index) in &self.exports {
            let item = match kind {
                ExternalKind::Func | ExternalKind::FuncExact => {
                    let ty = usize::try_from(*index).ok().and_then(|index| self.function_types.get(index));
                    let Some(ty) = ty else {
                        return Err(ParseError::Malformed {
                            offset: 0,
                            message: format!("export `{}` is function {index}, which does not exist", shown(name)),
                        });
                    };
                    self.function(*ty)?
                }
                ExternalKind::Table => Item::Table,
                ExternalKind::Memory => Item::Memory,
                ExternalKind::Global => Item::Global,
                ExternalKind::Tag => Item::Tag,
            };
            exports.push(Export { name: name.clone(), item });
        }
        let abi = exports.iter().find_map(|export| match export.item {
            Item::Function(_) => AbiVersion::from_marker(&export.name),
            _ => None,
        });
        let functions: HashMap<&str, &Item> =
            exports.iter().map(|export| (export.name.as_str(), &export.item)).collect();
        let phases = Phase::ALL
            .into_iter()
            .filter(|phase| matches!(functions.get(phase.export()), Some(Item::Function(_))))
            .collect();
        Ok(ModuleInfo {
            abi,
            imports: self.imports,
            phases,
            memories: self.memories,
            functions: self.function_types.len() - self.imported_functions,
            custom_sections: self.custom_sections,
            exports,
            size,
        })
    }
}

fn push<T>(list: &mut Vec<T>, item: T, what: &'static str) -> Result<(), ParseError> {
    if list.len() >= MAX_ITEMS {
        return Err(ParseError::TooMany { what });
    }
    list.push(item);
    Ok(())
}

fn memory(ty: wasmparser::MemoryType, imported: bool) -> Memory {
    Memory { initial_pages: ty.initial, maximum_pages: ty.maximum, imported }
}

fn signature(ty: &FuncType) -> Signature {
    Signature {
        params: ty.params().iter().map(|&ty| value_type(ty)).collect(),
        results: ty.results().iter().map(|&ty| value_type(ty)).collect(),
    }
}

fn value_type(ty: ValType) -> ValueType {
    match ty {
        ValType::I32 => ValueType::I32,
        ValType::I64 => ValueType::I64,
        ValType::F32 => ValueType::F32,
        ValType::F64 => ValueType::F64,
        ValType::V128 => ValueType::V128,
        ValType::Ref(RefType { .. }) => ValueType::Reference,
    }
}
