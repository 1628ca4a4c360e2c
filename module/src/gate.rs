//! Whether Envoy would load a module, and if not, every reason why.
//!
//! The gate holds a module to the oldest supported Envoy (1.30's features, the WASI functions of 1.33): what passes loads
//! everywhere. Its texts follow Envoy's own (1.40.0, recorded by loading such modules), so that both can be compared.

mod features;
mod reason;

pub use features::{FLOOR, Invalid, check_features};
pub use reason::{MAX_INITIAL_PAGES, Reason, Refusal};

use crate::abi::host_functions::find_in_any_version;
use crate::abi::{
    ALLOCATORS, AbiVersion, HostFunction, WASI_MODULES, WasiFunction, callbacks, host_functions, is_newer_wasi,
    start_functions, wasi_functions,
};
use crate::info::{Import, Item, ModuleInfo};

/// Reads a module and compares it with what every supported Envoy demands. Runs no code of it; takes time in proportion
/// to the file.
///
/// # Errors
/// A [`Refusal`] with every reason found, each with its rule and what to do about it. Bytes that cannot be read as a
/// module are one reason, and the only one.
pub fn check(wasm: &[u8]) -> Result<ModuleInfo, Refusal> {
    let info = ModuleInfo::parse(wasm).map_err(|error| Refusal { reasons: vec![Reason::Unreadable(error)] })?;
    let mut reasons = match check_features(wasm) {
        Ok(()) => Vec::new(),
        Err(invalid) => invalid.reasons(),
    };
    if info.abi.is_none() {
        reasons.push(Reason::NoAbiVersion);
    }
    // Without a marker nothing loads; the newest version then tells what else would have to change.
    let abi = info.abi.unwrap_or(AbiVersion::V0_2_1);
    reasons.extend(info.imports.iter().filter_map(|import| check_import(import, abi)));
    check_exports(&info, abi, &mut reasons);
    check_memory(&info, &mut reasons);
    if reasons.is_empty() { Ok(info) } else { Err(Refusal { reasons }) }
}

/// Rules ABI-2 and ABI-3.
fn check_import(import: &Import, abi: AbiVersion) -> Option<Reason> {
    let Item::Function(found) = &import.item else {
        // The V8 back end makes a memory or a table itself when one is imported. A global is a missing import to it; a
        // tag takes the proxy down (seen with Envoy 1.40.0).
        return match import.item {
            Item::Memory | Item::Table => None,
            _ => Some(Reason::ImportKind { import: full_name(import), item: import.item.clone() }),
        };
    };
    let is_wasi = WASI_MODULES.contains(&import.module.as_str());
    let wanted = if is_wasi {
        wasi_functions().find(|function| function.name == import.name).map(WasiFunction::signature)
    } else if import.module == "env" {
        host_functions(abi).find(|function| function.name == import.name).map(HostFunction::signature)
    } else {
        None
    };
    match wanted {
        Some(wanted) if wanted == **found => None,
        Some(wanted) => Some(Reason::ImportType { import: full_name(import), found: found.as_ref().clone(), wanted }),
        None if is_wasi => Some(Reason::MissingWasi { import: full_name(import), newer: is_newer_wasi(&import.name) }),
        None => {
            let versions = if import.module == "env" {
                find_in_any_version(&import.name).map_or(&[][..], |function| function.versions)
            } else {
                &[]
            };
            Some(Reason::MissingImport { import: full_name(import), abi, versions })
        }
    }
}

/// Rule ABI-4, and the allocator that every value from the host passes through.
fn check_exports(info: &ModuleInfo, abi: AbiVersion, reasons: &mut Vec<Reason>) {
    if !ALLOCATORS.iter().any(|name| info.exported_function(name).is_some()) {
        reasons.push(Reason::NoAllocator);
    }
    let has_initialize = info.exported_function("_initialize").is_some();
    for callback in callbacks(abi).chain(start_functions(has_initialize)) {
        match info.exported_function(callback.name) {
            Some(found) if !found.is(callback.params, callback.results) => reasons.push(Reason::ExportType {
                export: callback.name,
                found: found.clone(),
                wanted: callback.signature(),
            }),
            _ => {}
        }
    }
}

/// Rule MEM-8. A module that keeps its memory to itself does worse than not load: its first host call takes the proxy
/// down (seen with Envoy 1.40.0), so this is a reason although Envoy has no message for it.
fn check_memory(info: &ModuleInfo, reasons: &mut Vec<Reason>) {
    if info.memories.len() > 1 {
        reasons.push(Reason::SeveralMemories { count: info.memories.len() });
    }
    let offered = info.exports.iter().any(|export| export.item == Item::Memory)
        || info.memories.iter().any(|memory| memory.imported);
    if !offered {
        reasons.push(Reason::NoMemory);
    }
    if let Some(memory) = info.memories.iter().find(|memory| memory.initial_pages > MAX_INITIAL_PAGES) {
        reasons.push(Reason::LargeMemory { pages: memory.initial_pages });
    }
}

fn full_name(import: &Import) -> String {
    format!("{}.{}", crate::text::shown(&import.module), crate::text::shown(&import.name))
}
