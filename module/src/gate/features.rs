//! The WebAssembly features that a module needs, and those that engines have.

use wasmparser::types::Types;
use wasmparser::{BinaryReaderError, Validator, WasmFeatures};

use super::Reason;
use crate::text::shown;

/// What V8 10.7 (Envoy 1.30) compiles by default, without threads: the floor that modules are held to. It is what rustc
/// emits for wasm32 without target features, and SIMD. The harness configures its engine to the same set.
pub const FLOOR: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::GC_TYPES);

/// What V8 10.7 (Envoy 1.30 to 1.32) compiles.
pub(super) const V8_10_7: WasmFeatures = FLOOR.union(WasmFeatures::THREADS).union(WasmFeatures::LEGACY_EXCEPTIONS);

/// What V8 12.9 (Envoy 1.33 and 1.34) compiles.
pub(super) const V8_12_9: WasmFeatures = V8_10_7
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::GC)
    .union(WasmFeatures::MULTI_MEMORY);

/// What V8 13.8 (Envoy 1.35) and those of Envoy 1.36 to 1.40 compile.
pub(super) const V8_13_8: WasmFeatures = V8_12_9.union(WasmFeatures::MEMORY64).union(WasmFeatures::EXCEPTIONS);

/// The features above the floor by the names that compilers use, to say which one a module needs.
const ABOVE: &[(WasmFeatures, &str)] = &[
    (WasmFeatures::TAIL_CALL, "tail-call"),
    (WasmFeatures::EXTENDED_CONST, "extended-const"),
    (WasmFeatures::RELAXED_SIMD, "relaxed-simd"),
    (WasmFeatures::THREADS, "atomics"),
    (WasmFeatures::MULTI_MEMORY, "multimemory"),
    (WasmFeatures::MEMORY64, "memory64"),
    (WasmFeatures::EXCEPTIONS, "exception-handling"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "exception-handling (legacy)"),
    (WasmFeatures::GC, "gc"),
    (WasmFeatures::FUNCTION_REFERENCES, "function-references"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide-arithmetic"),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "custom-page-sizes"),
    (WasmFeatures::STACK_SWITCHING, "stack-switching"),
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything-threads"),
];

/// What WebAssembly itself has against a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It is valid only with these features, each by the name compilers use.
    Features(Vec<&'static str>),
    /// It is valid with no set of features.
    Bytes {
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        message: String,
    },
}

impl Invalid {
    /// The same as reasons of the gate.
    pub(crate) fn reasons(self) -> Vec<Reason> {
        match self {
            Self::Features(names) => names.into_iter().map(|feature| Reason::Feature { feature }).collect(),
            Self::Bytes { offset, message } => vec![Reason::Invalid { offset, message }],
        }
    }
}

impl From<BinaryReaderError> for Invalid {
    fn from(error: BinaryReaderError) -> Self {
        Self::Bytes { offset: error.offset(), message: shown(error.message()) }
    }
}

/// Validates all of a module, function bodies included, with the features of [`FLOOR`].
///
/// # Errors
/// When it is not valid; every feature that is missing is named, at the price of validating once per known feature.
pub fn check_features(wasm: &[u8]) -> Result<(), Invalid> {
    Validated::new(wasm)?.check(wasm, FLOOR)
}

/// A module that WebAssembly itself has nothing against: validated once, compared with many engines.
pub(super) struct Validated {
    /// The types of what it imports and exports.
    pub(super) types: Types,
    /// The features above the floor without which it is not valid.
    needs: Vec<(WasmFeatures, &'static str)>,
    above_floor: bool,
}

impl Validated {
    /// Validates all of a module with every feature that is known.
    ///
    /// # Errors
    /// [`Invalid::Bytes`] when no set of features makes the module valid.
    pub(super) fn new(wasm: &[u8]) -> Result<Self, Invalid> {
        if let Ok(types) = validate(wasm, FLOOR) {
            return Ok(Self { types, needs: Vec::new(), above_floor: false });
        }
        let all = ABOVE.iter().fold(FLOOR, |set, (feature, _)| set.union(*feature));
        let types = validate(wasm, all)?;
        let needs = ABOVE.iter().filter(|(feature, _)| validate(wasm, all.difference(*feature)).is_err());
        Ok(Self { types, needs: needs.copied().collect(), above_floor: true })
    }

    /// Compares with what an engine has.
    ///
    /// # Errors
    /// [`Invalid`] when it would not compile the module.
    pub(super) fn check(&self, wasm: &[u8], engine: WasmFeatures) -> Result<(), Invalid> {
        if !self.above_floor {
            return Ok(());
        }
        // The parser counts tags, which the older form of exceptions has too, as part of the newer form.
        let legacy = self.needs.iter().any(|(feature, _)| *feature == WasmFeatures::LEGACY_EXCEPTIONS);
        let tags = legacy && engine.contains(WasmFeatures::LEGACY_EXCEPTIONS);
        let engine = if tags { engine.union(WasmFeatures::EXCEPTIONS) } else { engine };
        let missing = self.needs.iter().filter(|(feature, _)| !engine.contains(*feature));
        let missing = missing.map(|(_, name)| *name).collect::<Vec<_>>();
        if !missing.is_empty() {
            return Err(Invalid::Features(missing));
        }
        // Where two features allow the same thing, none of them is needed; the parser's own words say what it is.
        validate(wasm, engine).map(|_| ()).map_err(Invalid::from)
    }
}

fn validate(wasm: &[u8], features: WasmFeatures) -> Result<Types, BinaryReaderError> {
    Validator::new_with_features(features).validate_all(wasm)
}
