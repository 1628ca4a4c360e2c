//! The reasons for which a module is refused, as sentences.

use std::fmt;

use super::EnvoyVersion;
use crate::abi::{AbiVersion, Signature, WasiSet};
use crate::info::{Item, ParseError};

/// Pages of 64 KiB that a memory may start with: Envoy's limit of 1 GiB (MEM-8).
pub const MAX_INITIAL_PAGES: u64 = 16_384;

/// How many reasons are printed; all of them stay in [`Refusal::reasons`].
const SHOWN: usize = 25;

/// Why a module would not load: every reason there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The Envoy that was asked about; none when it was every supported one.
    pub envoy: Option<EnvoyVersion>,
    /// At least one.
    pub reasons: Vec<Reason>,
}

impl std::error::Error for Refusal {}

/// A line that sums up and one per reason, `RULE: what; what to do`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.envoy {
            None => f.write_str("the module would not load in every supported Envoy")?,
            Some(envoy) => write!(f, "the module would not load in Envoy {envoy}{}", envoy.certainty().remark())?,
        }
        match self.reasons.as_slice() {
            [only] => return write!(f, ": {only}"),
            all => write!(f, ", for {} reasons:", all.len())?,
        }
        for reason in self.reasons.iter().take(SHOWN) {
            write!(f, "\n  {reason}")?;
        }
        if self.reasons.len() > SHOWN {
            write!(f, "\n  and {} more", self.reasons.len() - SHOWN)?;
        }
        Ok(())
    }
}

/// One rule that a module breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Not a module at all.
    Unreadable(ParseError),
    /// It breaks WebAssembly's own rules.
    Invalid {
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        message: String,
    },
    /// It needs a WebAssembly feature above the floor.
    Feature {
        /// The feature's name, as compilers call it.
        feature: &'static str,
    },
    /// No marker export.
    NoAbiVersion,
    /// It imports a function that the host does not have for this version.
    MissingImport {
        /// Module and name.
        import: String,
        /// The version that the module declares.
        abi: AbiVersion,
        /// The versions under which the function does exist.
        versions: &'static [AbiVersion],
    },
    /// It imports a WASI function that supported hosts do not have.
    MissingWasi {
        /// Module and name.
        import: String,
        /// The first set that has it under this name, or none.
        since: Option<WasiSet>,
    },
    /// It imports a host function with another type.
    ImportType {
        /// Module and name.
        import: String,
        /// The type the module asks for.
        found: Signature,
        /// The type the host has.
        wanted: Signature,
    },
    /// It imports something that the host cannot offer.
    ImportKind {
        /// Module and name.
        import: String,
        /// What it asks for.
        item: Item,
    },
    /// It imports more than one memory, or more than one table.
    SeveralImports {
        /// Which of the two.
        item: Item,
        /// How many.
        count: usize,
    },
    /// The host, which makes an imported memory or table itself, makes another kind.
    ImportShape {
        /// Module and name.
        import: String,
        /// What the module wants, such as `a 64-bit memory`.
        wanted: &'static str,
    },
    /// An import or export whose type the host has no word for: it ends the whole process.
    HostType {
        /// `import env.x` or `export x`.
        name: String,
        /// The type.
        found: &'static str,
    },
    /// A callback has a type that the host does not call.
    ExportType {
        /// The export.
        export: &'static str,
        /// Its type.
        found: Signature,
        /// The type the host demands.
        wanted: Signature,
    },
    /// No function through which the host can hand over bytes.
    NoAllocator,
    /// No memory that the host can reach.
    NoMemory,
    /// More than one memory.
    SeveralMemories {
        /// How many.
        count: usize,
    },
    /// A memory that starts above Envoy's limit.
    LargeMemory {
        /// Pages of 64 KiB it starts with.
        pages: u64,
    },
}

impl Reason {
    /// The rule's identifier in `docs/envoy-behaviour.md`.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Unreadable(_) | Self::Invalid { .. } => "WASM",
            Self::Feature { .. } => "FEATURE",
            Self::NoAbiVersion => "ABI-1",
            Self::MissingImport { versions, .. } => {
                if versions.is_empty() {
                    "ABI-3"
                } else {
                    "ABI-2"
                }
            }
            Self::MissingWasi { .. }
            | Self::ImportType { .. }
            | Self::ImportKind { .. }
            | Self::SeveralImports { .. }
            | Self::ImportShape { .. } => "ABI-3",
            Self::HostType { .. } => "ABI-5",
            Self::ExportType { .. } => "ABI-4",
            Self::NoAllocator => "MEM-2",
            Self::NoMemory | Self::SeveralMemories { .. } | Self::LargeMemory { .. } => "MEM-8",
        }
    }

    /// What the module's author can do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Unreadable(_) => "give a core WebAssembly module".into(),
            Self::Invalid { .. } => "build the module again with a released compiler".into(),
            Self::Feature { feature } => {
                format!("build without `{feature}` (for Rust: no `-C target-feature=+{feature}`, no `-C target-cpu` above `generic`)")
            }
            Self::NoAbiVersion => {
                "export one of proxy_abi_version_0_1_0, _0_2_0, _0_2_1: the SDK's macro does it, if the crate is a cdylib and uses it".into()
            }
            Self::MissingImport { import, versions, .. } => match versions {
                [] if import.contains("wbindgen") || import.contains("wbg") => {
                    "a dependency expects a browser: turn off its `js` or `wasm-bindgen` feature".into()
                }
                [] => "remove the dependency that imports it, or turn off its feature for wasm".into(),
                some => {
                    let list: Vec<String> = some.iter().map(ToString::to_string).collect();
                    format!("the function exists under ABI {} only: declare that version or do not call it", list.join(" and "))
                }
            },
            Self::MissingWasi { since, .. } => match since {
                Some(WasiSet::C) => {
                    "Envoy 1.39 and later have it: build for wasm32-unknown-unknown, or avoid files and clock resolutions".into()
                }
                Some(_) => "Envoy 1.33 and later have it: build for wasm32-unknown-unknown".into(),
                None => "no Envoy has it: build for wasm32-unknown-unknown".into(),
            },
            Self::ImportType { .. } => "declare the import with the host's type".into(),
            Self::ImportKind { .. } => "hosts offer functions, memories and tables only: define it in the module".into(),
            Self::SeveralImports { .. } => "import one at most".into(),
            Self::ImportShape { .. } => "define it in the module".into(),
            Self::HostType { .. } => {
                "Envoy 1.36 to 1.40 abort on it: leave it out, or pass i32, i64, f32, f64, funcref or externref".into()
            }
            Self::ExportType { .. } => "give the export the type that the host calls it with".into(),
            Self::NoAllocator => "export `proxy_on_memory_allocate` (i32 -> i32) or `malloc`".into(),
            Self::NoMemory => {
                "export the memory, as linkers do by default; Envoy crashes at the first host call of a module without".into()
            }
            Self::SeveralMemories { .. } => "use a single memory".into(),
            Self::LargeMemory { .. } => {
                format!("start with at most {MAX_INITIAL_PAGES} pages (1 GiB): look for a large static array")
            }
        }
    }
}

/// `RULE: what; what to do`, on one line.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.rule())?;
        match self {
            // Its own text says already what to do.
            Self::Unreadable(error) => return error.fmt(f),
            Self::Invalid { offset, message } => write!(f, "invalid WebAssembly at byte {offset:#x}: {message}")?,
            Self::Feature { feature } => {
                write!(f, "needs the WebAssembly feature {feature}, which not every supported Envoy has")?;
            }
            Self::NoAbiVersion => f.write_str("missing or unknown Proxy-Wasm ABI version")?,
            Self::MissingImport { import, abi, .. } => {
                write!(f, "missing import: {import} (the module declares ABI {abi})")?;
            }
            Self::MissingWasi { import, .. } => write!(f, "missing import: {import}")?,
            Self::ImportType { import, found, wanted } => {
                write!(f, "import type mismatch: {import}, want: {found}, but host exports: {wanted}")?;
            }
            Self::ImportKind { import, item } => write!(f, "missing import: {import} (a {item})")?,
            Self::SeveralImports { item, count } => write!(f, "imports more than one {item}: {count}")?,
            Self::ImportShape { import, wanted } => write!(f, "import type mismatch: {import} is {wanted}")?,
            Self::HostType { name, found } => write!(f, "{name} has {found}, a type that the host does not know")?,
            Self::ExportType { export, found, wanted } => {
                write!(f, "bad function signature for: {export}, want: {wanted}, but the module exports: {found}")?;
            }
            Self::NoAllocator => f.write_str("module is missing malloc function")?,
            Self::NoMemory => f.write_str("the module offers the host no memory")?,
            Self::SeveralMemories { count } => write!(f, "the module has {count} memories")?,
            Self::LargeMemory { pages } => write!(f, "the memory starts with {pages} pages of 64 KiB")?,
        }
        write!(f, "; {}", self.advice())
    }
}
