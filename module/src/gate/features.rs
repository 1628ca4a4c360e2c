//! The WebAssembly features that every supported Envoy compiles.

use wasmparser::{Validator, WasmFeatures};

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

/// Validates all of a module, function bodies included, with the features of [`FLOOR`].
///
/// # Errors
/// When it is not valid; every feature that is missing is named, at the price of validating once per known feature.
pub fn check_features(wasm: &[u8]) -> Result<(), Invalid> {
    let Err(floor) = validate(wasm, FLOOR) else {
        return Ok(());
    };
    let all = ABOVE.iter().fold(FLOOR, |set, (feature, _)| set.union(*feature));
    if let Err(error) = validate(wasm, all) {
        return Err(Invalid::Bytes { offset: error.offset(), message: shown(error.message()) });
    }
    let needed: Vec<&str> = ABOVE
        .iter()
        .filter(|(feature, _)| validate(wasm, all.difference(*feature)).is_err())
        .map(|(_, name)| *name)
        .collect();
    if needed.is_empty() {
        // Two features allow the same thing; the parser's own words say which.
        return Err(Invalid::Bytes { offset: floor.offset(), message: shown(floor.message()) });
    }
    Err(Invalid::Features(needed))
}

fn validate(wasm: &[u8], features: WasmFeatures) -> Result<(), wasmparser::BinaryReaderError> {
    Validator::new_with_features(features).validate_all(wasm).map(|_| ())
}
