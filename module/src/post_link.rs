//! From what the compiler wrote to what is shipped: pruned, described, without names, and checked.

mod size_report;

use walrus::{CodeTransform, CustomSection, IdsToIndices, ModuleConfig};

pub use size_report::{SectionSize, SizeReport};

use crate::code_map::{self, CodeMap};
use crate::compiler;
use crate::description::Description;
use crate::gate::{self, Invalid, Refusal};
use crate::info::{ModuleInfo, ParseError};
use crate::phase::Phase;
use crate::sections::{Builder, CODE, Section, split};

/// What to do with a module.
#[derive(Clone, Copy, Debug, Default)]
pub struct PostLink<'a> {
    /// What is written into the section `tamis.description`; with `None` a section that is there stays.
    pub description: Option<&'a Description>,
    /// What is written into the section `tamis.compiler`; with `None` a section that is there stays.
    pub compiler: Option<&'a str>,
    /// The phases to keep; the exports of all others go, `proxy_on_delete` and whatever is no phase stays. With `None`
    /// all stay.
    pub keep_phases: Option<&'a [Phase]>,
}

/// A module ready to ship, and what helps to read its traces.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The module that hosts load. Instead of names it has a name section with one entry: Envoy prints a trap's
    /// backtrace only for modules with such a section (seen with 1.40.0).
    pub module: Vec<u8>,
    /// The same up to the code section and data, byte for byte and at the same offsets, then names, line tables and what
    /// leads from one to the other: input for [`crate::symbols::Symbolizer`], kept beside the module, never shipped.
    pub debug: Vec<u8>,
    /// What it became smaller by.
    pub report: SizeReport,
    /// The shipped module, read again by the gate.
    pub info: ModuleInfo,
}

/// Why a module could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum PostLinkError {
    /// The bytes are not a module.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The module needs what no supported host has, so that it is not worked on.
    #[error("{0}")]
    Invalid(Refusal),
    /// A phase to keep that the module does not have.
    #[error("the module has no phase `{phase}`: it exports {present}; correct the list of phases to keep")]
    NoSuchPhase {
        /// The first that is missing.
        phase: Phase,
        /// Those that are there.
        present: String,
    },
    /// The rewriting library refused it.
    #[error("the module could not be rewritten: {message}; it is valid, so please report this with the module")]
    Rewrite {
        /// The library's words.
        message: String,
    },
    /// The result would not load.
    #[error("{0}")]
    Refused(Refusal),
}

/// Removes from a module what only its build needed, writes its description, takes names and line tables off and checks
/// the result with [`gate::check`]. The same input gives the same bytes. Runs no code of the module; takes time and
/// memory in proportion to its size.
///
/// # Errors
/// When the input is not a valid module of supported features, when `keep_phases` names one that it does not export, or
/// when the gate refuses the result.
pub fn post_link(wasm: &[u8], options: &PostLink<'_>) -> Result<Linked, PostLinkError> {
    let before = ModuleInfo::parse(wasm)?;
    gate::check_features(wasm).map_err(invalid)?;
    if let Some(kept) = options.keep_phases {
        check_phases(&before, kept)?;
    }
    let rewritten = rewrite(wasm, options)?;
    let original = split(wasm)?;
    let parts = split(&rewritten)?;
    let module = shipped(&parts, options);
    let debug = with_names(&parts, &original, options);
    let info = gate::check(&module).map_err(PostLinkError::Refused)?;
    let report = SizeReport::new(&before, &original, &info, &split(&module)?);
    Ok(Linked { module, debug, report, info })
}

fn invalid(invalid: Invalid) -> PostLinkError {
    PostLinkError::Invalid(Refusal { envoy: None, reasons: invalid.reasons() })
}

fn check_phases(info: &ModuleInfo, kept: &[Phase]) -> Result<(), PostLinkError> {
    match kept.iter().find(|phase| !info.phases.contains(phase)) {
        None => Ok(()),
        Some(&phase) => {
            let names: Vec<&str> = info.phases.iter().map(|phase| phase.name()).collect();
            let present = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Err(PostLinkError::NoSuchPhase { phase, present })
        }
    }
}

/// Drops exports and all that only they reached. The result has all names and the code map, but no line tables.
fn rewrite(wasm: &[u8], options: &PostLink<'_>) -> Result<Vec<u8>, PostLinkError> {
    let code_start = split(wasm)?.iter().find(|section| section.id == CODE).map_or(0, |section| section.start);
    let mut config = ModuleConfig::new();
    config.preserve_code_transform(true).generate_producers_section(false);
    let mut module = config
        .parse(wasm)
        .map_err(|error| PostLinkError::Rewrite { message: crate::text::shown(&format!("{error:#}")) })?;
    let unwanted: Vec<_> = module
        .exports
        .iter()
        .filter(|export| is_unwanted(&export.name, options.keep_phases))
        .map(walrus::Export::id)
        .collect();
    for id in unwanted {
        module.exports.delete(id);
    }
    walrus::passes::gc::run(&mut module);
    module.customs.add(CodeMapSection { code_start, map: CodeMap::default() });
    Ok(module.emit_wasm())
}

fn is_unwanted(export: &str, keep_phases: Option<&[Phase]>) -> bool {
    if export == Description::EXPORT {
        return true;
    }
    match (keep_phases, Phase::from_export(export)) {
        (Some(kept), Some(phase)) => !kept.contains(&phase),
        _ => false,
    }
}

/// What hosts load: everything but what only people and tools read.
fn shipped(parts: &[Section<'_>], options: &PostLink<'_>) -> Vec<u8> {
    let mut module = common(parts, options);
    module.custom("name", &minimal_names(parts));
    module.finish()
}

/// The same, with names, the code map and the line tables of the input.
fn with_names(parts: &[Section<'_>], original: &[Section<'_>], options: &PostLink<'_>) -> Vec<u8> {
    let mut module = common(parts, options);
    for section in parts.iter().filter(|section| section.is_custom("name") || section.is_custom(code_map::SECTION)) {
        module.custom(section.name, section.data);
    }
    for section in original.iter().filter(|section| section.id == 0 && section.name.starts_with(".debug_")) {
        module.custom(&format!("{}{}", code_map::ORIGINAL, section.name), section.data);
    }
    module.finish()
}

/// What both have, custom sections last, so that the code stands at the same offset in both.
fn common(parts: &[Section<'_>], options: &PostLink<'_>) -> Builder {
    let mut module = Builder::new();
    for section in parts.iter().filter(|section| section.id != 0) {
        module.copy(section);
    }
    let replaced = |section: &Section<'_>| {
        (options.description.is_some() && section.name == Description::SECTION)
            || (options.compiler.is_some() && section.name == compiler::SECTION)
    };
    for section in parts.iter().filter(|section| section.id == 0 && !is_for_tools(section.name) && !replaced(section)) {
        module.custom(section.name, section.data);
    }
    if let Some(compiler) = options.compiler {
        module.custom(compiler::SECTION, compiler.as_bytes());
    }
    if let Some(description) = options.description {
        module.custom(Description::SECTION, &description.to_section());
    }
    module
}

/// Custom sections that only compilers, linkers and debuggers read. Signatures over the whole file are among them, as
/// they are void once it is rewritten.
fn is_for_tools(section: &str) -> bool {
    const NAMES: [&str; 9] = [
        "name",
        "producers",
        "target_features",
        "linking",
        "sourceMappingURL",
        "external_debug_info",
        "build_id",
        "signature_wasmsign",
        code_map::SECTION,
    ];
    const PREFIXES: [&str; 3] = [".debug_", "reloc.", "original.debug_"];
    NAMES.contains(&section) || PREFIXES.iter().any(|prefix| section.starts_with(prefix))
}

/// A name section that names function 0 only, which is enough for Envoy to print backtraces (with indices).
fn minimal_names(parts: &[Section<'_>]) -> Vec<u8> {
    const FUNCTION_NAMES: u8 = 1;
    let name = if parts.iter().any(|section| section.name == "import" && section.id != 0) { "host" } else { "f0" };
    let mut names = vec![1, 0];
    names.push(u8::try_from(name.len()).unwrap_or_default());
    names.extend_from_slice(name.as_bytes());
    let mut section = vec![FUNCTION_NAMES, u8::try_from(names.len()).unwrap_or_default()];
    section.extend_from_slice(&names);
    section
}

/// Hears from the rewriting library where it put each instruction.
#[derive(Debug)]
struct CodeMapSection {
    code_start: u64,
    map: CodeMap,
}

impl CustomSection for CodeMapSection {
    fn name(&self) -> &str {
        code_map::SECTION
    }

    fn data(&self, _: &IdsToIndices) -> std::borrow::Cow<'_, [u8]> {
        self.map.encode().into()
    }

    fn apply_code_transform(&mut self, transform: &CodeTransform) {
        let (old, new) = (self.code_start, transform.code_section_start as u64);
        self.map = CodeMap::new(transform.instruction_map.iter().filter_map(|(before, after)| {
            let before = u64::from(before.data()).checked_sub(old)?;
            Some((before, (*after as u64).checked_sub(new)?))
        }));
    }
}
